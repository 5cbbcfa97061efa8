/**
 * Sending: what is lost goes first, then new data as far as congestion window, the peer's window,
 * Nagle and silly-window avoidance let it (RFC 9293, sections 3.7.4 and 3.8.6.2.1), then FIN.
 */

import { never } from '../storage/timers.ts';
import { tcpFlag } from '../wire/tcp.ts';
import { alarmKind, armTailProbe, startPersist, startRetransmission } from './alarm.ts';
import { type Connection, phase } from './connection.ts';
import { headerSize, sendData } from './emit.ts';
import { chunkEnd, type SentRange, sentMark } from './flight.ts';
import { ipHeaderSize, limitSegment } from './segment-size.ts';
import { advance, before, distance, latest } from './sequence.ts';
import { tcpState } from './state.ts';

/** Pause after the device had no packet, when no acknowledgement will come to wake the connection. */
const noPacketPause = 5000;
/** Corked data waits this long at most (tcp(7), TCP_CORK). */
const corkPause = 200_000;

/** Paths with a shorter round trip are not paced (us): timers would cost more than bursts. */
const pacedFrom = 2000;

/** May data or FIN be sent in this state? */
function maySend(connection: Connection): boolean {
  switch (connection.state) {
    case tcpState.established:
    case tcpState.closeWait:
    case tcpState.finWait1:
    case tcpState.closing:
    case tcpState.lastAck:
      return true;
    default:
      return false;
  }
}

/**
 * Sends what may be sent.
 * @param force sends a last, small segment whatever Nagle says, and a part of one that fits the window
 * @returns how many sequence numbers went out
 */
export function transmit(connection: Connection, force = false): number {
  if (!maySend(connection) || connection.user === null) return 0;
  followPath(connection);
  let sent = 0;
  if (connection.flight.toResend > 0) sent += resendLost(connection);
  if (connection.flight.toResend <= 0) sent += sendNew(connection, force);
  return sent;
}

/** Segments follow what the path is known to take; a black hole is not believed in for ever (RFC 4821, 7.7). */
function followPath(connection: Connection): void {
  if (connection.blackHoleSegment > 0 && connection.context.now >= connection.blackHoleUntil) {
    connection.blackHoleSegment = 0;
  } else if (connection.route.mtu === connection.segmentMtu) {
    return;
  }
  limitSegment(connection);
}

/** Most payload that may be handed over at once: whole segments. */
function largestChunk(connection: Connection): number {
  const { route, segmentSize } = connection;
  const room = route.segmentation - ipHeaderSize(route) - headerSize(connection);
  if (room < 2 * segmentSize) return segmentSize;
  return room - (room % segmentSize);
}

/** RFC 6675, section 5, step (C), with RFC 8985's marks in place of IsLost(). */
function resendLost(connection: Connection): number {
  const { congestion, flight, segmentSize } = connection;
  const most = largestChunk(connection);
  let sent = 0;
  for (;;) {
    const range = flight.nextToResend();
    if (range === null) return sent;
    let room = congestion.bytes - connection.pipe;
    if (room < Math.min(segmentSize, range.length)) {
      if (connection.pipe > 0) return sent;
      room = segmentSize;
    }
    const whole = Math.max(room - (room % segmentSize), segmentSize);
    const length = resend(connection, range, Math.min(whole, most));
    if (length === 0) return sent;
    sent += length;
    if (connection.alarm === alarmKind.none) startRetransmission(connection);
  }
}

/**
 * Sends a range again, or its first part.
 * @returns the sequence numbers sent, 0 when there is no packet
 */
export function resend(connection: Connection, range: SentRange, most: number): number {
  const { context, flight, segmentSize } = connection;
  const isFin = connection.finSent && range.end === connection.sendNext;
  let bytes = range.length - (isFin ? 1 : 0);
  if (bytes > most) {
    flight.split(range, chunkEnd(range, most));
    bytes = most;
  }
  const withFin = connection.finSent && range.end === connection.sendNext;
  let flags: number = withFin ? tcpFlag.fin : 0;
  if (bytes > 0 && range.end === connection.sendNext) flags |= tcpFlag.psh;
  if (!sendData(connection, range.start, bytes, flags)) {
    pauseForPacket(connection);
    return 0;
  }
  const segments = Math.max(1, Math.ceil(bytes / segmentSize));
  context.counters.segmentsRetransmitted += segments;
  context.counters.bytesRetransmitted += bytes;
  connection.totalResent += segments;
  connection.bytesResent += bytes;
  if (connection.undoArmed && connection.undoResent === 0) {
    connection.undoStamp = context.timestamp(connection.timestampOffset);
  }
  connection.undoResent += segments;
  flight.markResent(range, context.now);
  connection.prrSent += range.length;
  return range.length;
}

/** What holds new data back, when nothing may be sent. */
const held = -1;

/** New data, as long as everything allows it, then FIN. */
function sendNew(connection: Connection, force: boolean): number {
  const { context, flight } = connection;
  connection.isWindowUsed = false;
  if (connection.finSent) return 0;
  let unsent = connection.unsent;
  const finishing = connection.finQueued;
  if (unsent <= 0 && !finishing) return 0;
  restartAfterIdle(connection);
  const most = largestChunk(connection);
  let sent = 0;
  while (unsent > 0 || !connection.finSent) {
    const length = nextLength(connection, unsent, most, force);
    if (length === held) break;
    const withFin = finishing && length === unsent && connection.sendRoom > length;
    if (length === 0 && !withFin) break;
    if (!force && length > 0 && isPaced(connection, length)) break;
    let flags = length > 0 && length === unsent ? tcpFlag.psh : 0;
    if (withFin) flags |= tcpFlag.fin;
    const start = connection.sendNext;
    if (!sendData(connection, start, length, flags)) {
      pauseForPacket(connection);
      break;
    }
    const end = advance(start, withFin ? length + 1 : length);
    flight.append(start, end, context.now);
    connection.sendNext = end;
    if (length % connection.segmentSize !== 0) connection.smallSent = advance(start, length);
    sent += distance(end, start);
    unsent -= length;
    if (connection.phase !== phase.open) connection.prrSent += length;
    if (withFin) connection.finSent = true;
    if (unsent <= 0 && !finishing) break;
  }
  const inFlight = connection.pipe;
  if (inFlight > connection.largestInFlight) connection.largestInFlight = inFlight;
  if (sent > 0) {
    const { alarm } = connection;
    if (alarm === alarmKind.none || alarm === alarmKind.persist) startRetransmission(connection);
    else if (alarm !== alarmKind.reorder) armTailProbe(connection);
  } else if (flight.isEmpty && connection.alarm === alarmKind.none && connection.paceAt === never) {
    startPersist(connection);
    if (connection.settings.cork && connection.sendRoom > 0) {
      connection.alarmAt = Math.min(connection.alarmAt, context.now + corkPause);
    }
  }
  return sent;
}

/**
 * How much of the unsent data goes next: what both windows, silly-window avoidance and Nagle let.
 * @returns bytes, 0 when there are none and only FIN is left, or `held`
 */
function nextLength(connection: Connection, unsent: number, most: number, force: boolean): number {
  const { congestion, pipe, segmentSize, sendRoom } = connection;
  let length = Math.min(unsent, most);
  // Congestion window: whole segments, or all that is left. One segment if nothing is in flight.
  const free = congestion.bytes - pipe;
  if (length > free) {
    length = wholeSegments(free, segmentSize);
    if (length === 0) {
      if (pipe > 0 && !force) {
        connection.isWindowUsed = true;
        return held;
      }
      length = Math.min(unsent, segmentSize);
    }
  }
  // The peer's window, and silly windows (RFC 9293, 3.8.6.2.1).
  if (length > sendRoom) {
    length = wholeSegments(sendRoom, segmentSize);
    if (length === 0) {
      const worthwhile = force || 2 * sendRoom >= connection.sendWindowMaximum;
      if (sendRoom <= 0 || !worthwhile) return held;
      length = Math.min(sendRoom, unsent);
    }
  }
  // Nagle (RFC 896), as Minshall changed it: one small segment may be unacknowledged.
  const small = length % segmentSize;
  if (
    small !== 0 &&
    length === unsent &&
    !connection.finQueued &&
    !force &&
    holdsSmall(connection)
  ) {
    length -= small;
    if (length === 0) return held;
  }
  return length;
}

function wholeSegments(length: number, segment: number): number {
  return length < segment ? 0 : length - (length % segment);
}

/**
 * Pacing: a quarter of the window may go at once, half of it in slow start, but ten segments always; what
 * follows waits for an eighth of the round trip. So data leaves at most at twice the rate that the window
 * makes for (four times in slow start, which doubles it), and acknowledgements that come one by one are
 * never waited for. Timers that came late are made up for. Short paths are not paced.
 */
function isPaced(connection: Connection, length: number): boolean {
  const { congestion, context, roundTrip } = connection;
  // The smallest one: what a busy machine adds on the way is no reason to wait.
  if (roundTrip.minimum < pacedFrom) return false;
  const interval = Math.ceil(roundTrip.smoothed / 8);
  const burst = Math.max(
    congestion.bytes >> (congestion.inSlowStart ? 1 : 2),
    10 * connection.segmentSize,
  );
  // Compared as paceAt is set: a quotient could be less by a rounding error, and this never end.
  if (context.now >= connection.burstAt + interval) {
    const periods = Math.max(1, Math.floor((context.now - connection.burstAt) / interval));
    if (connection.isBurstHeld) {
      connection.burstAt += periods * interval;
      connection.burstSent = -Math.min(periods - 1, 3) * burst;
    } else {
      connection.burstAt = context.now;
      connection.burstSent = 0;
    }
    connection.isBurstHeld = false;
  }
  if (connection.burstSent > 0 && connection.burstSent + length > burst) {
    connection.paceAt = connection.burstAt + interval;
    connection.isBurstHeld = true;
    // The window is in use, only not at once.
    connection.isWindowUsed = true;
    return true;
  }
  connection.burstSent += length;
  return false;
}

/** Must a segment that is not full wait? */
function holdsSmall(connection: Connection): boolean {
  if (connection.settings.cork) return true;
  if (connection.settings.noDelay) return false;
  return !connection.flight.isEmpty && before(connection.sendUnacknowledged, connection.smallSent);
}

/** After a pause the window that was is not known to hold any more (RFC 5681, section 4.1). */
function restartAfterIdle(connection: Connection): void {
  const { context, congestion, flight, control } = connection;
  if (!flight.isEmpty || connection.sentDataAt === 0) return;
  const idle = context.now - connection.sentDataAt;
  const timeout = connection.roundTrip.timeout;
  if (idle < timeout) return;
  control.resumed(idle);
  connection.largestInFlight = 0;
  const restart = Math.min(10 * congestion.segment, congestion.bytes);
  // Halved for every timeout that passed, as Linux does it, down to the restart window.
  let halvings = Math.floor(idle / timeout);
  let bytes = congestion.bytes;
  congestion.threshold = Math.max(congestion.threshold, (3 * congestion.bytes) / 4) | 0;
  while (halvings > 0 && bytes > restart) {
    bytes >>= 1;
    halvings -= 1;
  }
  congestion.bytes = Math.max(bytes, restart);
}

/** The device has no packets: if no acknowledgement will come, tries again a little later. */
function pauseForPacket(connection: Connection): void {
  connection.paceAt = connection.context.now + noPacketPause;
}

/**
 * Tail loss probe (RFC 8985, 7.3): new data if there is some, else the last segment once more. In
 * recovery the first segment once more: it was lost again, or its acknowledgement.
 */
export function sendTailProbe(connection: Connection): void {
  const { context, flight, segmentSize } = connection;
  const { first, last } = flight;
  if (first === null || last === null) return;
  connection.tailProbes += 1;
  if (connection.phase !== phase.open) {
    context.counters.tailLossProbes += 1;
    if (!first.isSacked) {
      if ((first.marks & sentMark.resent) !== 0) flight.markLost(first);
      resend(connection, first, segmentSize);
    }
    startRetransmission(connection);
    return;
  }
  connection.isProbing = true;
  const fresh = Math.min(connection.unsent, segmentSize, connection.sendRoom);
  if (
    fresh > 0 &&
    !connection.finQueued &&
    sendData(connection, connection.sendNext, fresh, tcpFlag.psh)
  ) {
    const end = advance(connection.sendNext, fresh);
    flight.append(connection.sendNext, end, context.now);
    connection.sendNext = end;
    connection.probeResent = false;
  } else {
    let range = last;
    const isFin = connection.finSent && range.end === connection.sendNext ? 1 : 0;
    const data = range.length - isFin;
    if (data > segmentSize) {
      const tail = data % segmentSize === 0 ? segmentSize : data % segmentSize;
      range = flight.split(range, advance(range.end, -(tail + isFin)));
    }
    if (resend(connection, range, segmentSize) === 0) {
      connection.isProbing = false;
      startRetransmission(connection);
      return;
    }
    connection.probeResent = true;
  }
  connection.probeEnd = latest(connection.sendNext, connection.sendUnacknowledged);
  context.counters.tailLossProbes += 1;
  startRetransmission(connection);
}
