/** Segment text and FIN: into the receive ring, in order or ahead of a gap (RFC 9293, 3.10.7.4, steps 7 and 8). */
import type { Packet } from '../packet.ts';
import type { ReceiveRing } from '../storage/ring.ts';
import { tcpFlag } from '../wire/tcp.ts';
import { delayAcknowledgment } from './alarm.ts';
import { acknowledge, type Connection, notice, quickAcknowledgments } from './connection.ts';
import { sendAcknowledgment } from './emit.ts';
import { Reassembly } from './reassembly.ts';
import type { Segment } from './segment.ts';
import { advance, before, distance, latest, notAfter, type SequenceNumber } from './sequence.ts';
import { tcpState } from './state.ts';
import { measureReceiver, observeReceiver, tuneReceiveWindow } from './window.ts';

/** Quick acknowledgements after a gap was filled: the sender's window is small then. */
const quickAfterGap = 4;

/** Writes `length` bytes that begin `skip` bytes into the payload, over all buffers of the packet. */
function writePayload(
  ring: ReceiveRing,
  packet: Packet,
  payload: number,
  skip: number,
  ahead: number,
  length: number,
): boolean {
  let part: Packet | null = packet;
  let start = payload;
  let toSkip = skip;
  let done = 0;
  while (part !== null && done < length) {
    const available = part.end - start;
    if (toSkip >= available) {
      toSkip -= available;
    } else {
      const count = Math.min(available - toSkip, length - done);
      if (!ring.write(ahead + done, start + toSkip, count)) return false;
      done += count;
      toSkip = 0;
    }
    part = part.next;
    if (part !== null) start = part.start;
  }
  return done === length;
}

/** In order, nothing missing before: the usual case. Returns false when there is no memory. */
export function receiveInOrder(connection: Connection, segment: Segment, packet: Packet): boolean {
  const ring = connection.receiveRing;
  const { length } = segment;
  const { context } = connection;
  if (ring === null) return false;
  if (!writePayload(ring, packet, segment.payload, 0, 0, length)) {
    context.counters.dropNoMemory += 1;
    connection.owed = acknowledge.now;
    return false;
  }
  ring.produce(length);
  connection.receiveNext = advance(connection.receiveNext, length);
  arrived(connection, segment, packet, length);
  return true;
}

/** What follows data that was put in order: notices, counters, tuning, acknowledgement. */
function arrived(connection: Connection, segment: Segment, packet: Packet, bytes: number): void {
  const { context } = connection;
  context.counters.bytesReceived += bytes;
  connection.bytesReceived += bytes;
  connection.dataSegmentsReceived += 1;
  connection.notices |= notice.receivable;
  // Large receive puts segments together; their own size is what counts.
  const size = packet.segmentSize > 0 ? packet.segmentSize : segment.length;
  const echo = segment.options.timestampEcho;
  if (size >= connection.receiveSegment || size >= 536) {
    if (size <= 0xffff) connection.receiveSegment = size;
    if (connection.timestamps && echo !== 0) {
      const time = ((context.timestamp(connection.timestampOffset) - echo) | 0) * 1000;
      if (time >= 0 && time < 60e6) observeReceiver(connection, Math.max(time, 1000));
    } else if (!connection.timestamps) {
      measureReceiver(connection);
    }
  }
  tuneReceiveWindow(connection);
  // The peer sends without pause: it does not wait for what we say.
  if (context.now - connection.receivedDataAt > connection.roundTrip.timeout) {
    // After a long pause the peer is in slow start again.
    connection.quickLeft = Math.max(connection.quickLeft, 2);
  }
  connection.receivedDataAt = context.now;
  owe(connection);
  connection.schedule();
}

/** When to acknowledge data in order (RFC 9293, 3.8.6.3; RFC 5681, section 4.2). */
function owe(connection: Connection): void {
  if (connection.owed === acknowledge.now) return;
  const unacknowledged = distance(connection.receiveNext, connection.lastAcknowledged);
  if (
    unacknowledged >= 2 * connection.receiveSegment ||
    (connection.quickLeft > 0 && !connection.isInteractive)
  ) {
    connection.owed = acknowledge.now;
    return;
  }
  delayAcknowledgment(connection);
}

/**
 * Seventh step: segment text, trimmed to what is new and within the window.
 * @returns the sequence number of a FIN that may be processed: all data before it is here; or null
 */
export function receiveText(connection: Connection, segment: Segment, packet: Packet): void {
  const { context } = connection;
  const ring = connection.receiveRing;
  let start = segment.sequence;
  let end = advance(start, segment.length);
  if (segment.length > 0 && ring !== null) {
    if (connection.finReceived) {
      context.counters.dropAfterEnd += 1;
      connection.owed = acknowledge.now;
      connection.schedule();
      return;
    }
    let skip = 0;
    if (before(start, connection.receiveNext)) {
      // What came before (RFC 9293: "trim off any portions that lie outside the window").
      const old = earliestEnd(connection, end);
      noteDuplicate(connection, start, old);
      skip = distance(connection.receiveNext, start);
      start = connection.receiveNext;
    }
    if (before(connection.receiveEdge, end)) end = connection.receiveEdge;
    const length = distance(end, start);
    if (length <= 0) {
      connection.owed = acknowledge.now;
      connection.schedule();
      return;
    }
    if (start === connection.receiveNext) {
      receiveNextText(connection, segment, packet, ring, skip, length);
    } else {
      receiveAhead(connection, segment, packet, ring, skip, start, end);
    }
  }
}

function earliestEnd(connection: Connection, end: SequenceNumber): SequenceNumber {
  return before(end, connection.receiveNext) ? end : connection.receiveNext;
}

/** Remembers data that came twice, for the next acknowledgement (RFC 2883). */
export function noteDuplicate(
  connection: Connection,
  start: SequenceNumber,
  end: SequenceNumber,
): void {
  if (!before(start, end)) return;
  connection.context.counters.duplicateBytesReceived += distance(end, start);
  connection.owed = acknowledge.now;
  // The sender lost acknowledgements, or its window is small: none is to wait for a while, as on Linux.
  connection.quickLeft = quickAcknowledgments;
  if (!connection.sackPermitted) return;
  connection.duplicateStart = start;
  connection.duplicateEnd = end;
}

/** Data that continues what is there, perhaps up to ranges that arrived before. */
function receiveNextText(
  connection: Connection,
  segment: Segment,
  packet: Packet,
  ring: ReceiveRing,
  skip: number,
  length: number,
): void {
  const { context } = connection;
  if (!writePayload(ring, packet, segment.payload, skip, 0, length)) {
    context.counters.dropNoMemory += 1;
    connection.owed = acknowledge.now;
    connection.schedule();
    return;
  }
  let next = advance(connection.receiveNext, length);
  const { ahead } = connection;
  if (ahead !== null) {
    next = ahead.advance(next);
    if (ahead.count === 0) {
      connection.ahead = null;
      connection.quickLeft = Math.max(connection.quickLeft, quickAfterGap);
    }
    // A gap was filled, or is being filled: the sender wants to know at once (RFC 5681, 4.2).
    connection.owed = acknowledge.now;
  }
  const bytes = distance(next, connection.receiveNext);
  ring.produce(bytes);
  connection.receiveNext = next;
  arrived(connection, segment, packet, bytes);
}

/** Data ahead of a gap: kept, and told at once (RFC 2018, section 4; RFC 5681, section 4.2). */
function receiveAhead(
  connection: Connection,
  segment: Segment,
  packet: Packet,
  ring: ReceiveRing,
  skip: number,
  start: SequenceNumber,
  end: SequenceNumber,
): void {
  const { context } = connection;
  context.counters.outOfOrderReceived += 1;
  connection.dataSegmentsReceived += 1;
  connection.receivedDataAt = context.now;
  // What an acknowledgement that waits would not tell any more goes first: without SACK every
  // duplicate acknowledgement counts, with SACK every new gap.
  const owedBefore = connection.owed === acknowledge.now;
  connection.ahead ??= new Reassembly();
  const { ahead } = connection;
  const gaps = ahead.count;
  const distanceAhead = distance(start, connection.receiveNext);
  const length = distance(end, start);
  if (!writePayload(ring, packet, segment.payload, skip, distanceAhead, length)) {
    context.counters.dropNoMemory += 1;
  } else {
    const added = ahead.add(start, end);
    if (added < 0) context.counters.dropOutOfOrderLimit += 1;
    else if (added === 0) noteDuplicate(connection, start, end);
  }
  if (ahead.count === 0) connection.ahead = null;
  if (owedBefore && (!connection.sackPermitted || ahead.count > gaps)) {
    sendAcknowledgment(connection);
  }
  connection.owed = acknowledge.now;
  connection.schedule();
}

/**
 * Eighth step: FIN, once everything before it is here.
 * @returns true when it was taken: the state is to change
 */
export function receiveFin(connection: Connection, segment: Segment): boolean {
  if (connection.finReceived) return false;
  if (segment.has(tcpFlag.fin)) {
    const at = advance(segment.sequence, segment.length);
    // Within the window as the text is; what it follows may still be missing.
    if (before(connection.receiveEdge, at) || before(at, connection.receiveNext)) return false;
    connection.finAhead = true;
    connection.finAt = at;
    if (at !== connection.receiveNext) {
      connection.owed = acknowledge.now;
      connection.schedule();
    }
  }
  if (!connection.finAhead || connection.finAt !== connection.receiveNext) return false;
  connection.finAhead = false;
  connection.receiveNext = advance(connection.receiveNext, 1);
  connection.receiveEdge = latest(connection.receiveEdge, connection.receiveNext);
  connection.finReceived = true;
  connection.ahead = null;
  connection.owed = acknowledge.now;
  connection.notices |= notice.receiveEnded;
  connection.schedule();
  return true;
}

/** RFC 9293, 3.10.7.4: may data still arrive in this state? */
export function takesText(connection: Connection): boolean {
  switch (connection.state) {
    case tcpState.established:
    case tcpState.finWait1:
    case tcpState.finWait2:
      return true;
    default:
      return false;
  }
}

/** Does a segment begin where the last one ended? For the fast path. */
export function isNext(connection: Connection, segment: Segment): boolean {
  return (
    segment.sequence === connection.receiveNext &&
    connection.ahead === null &&
    !connection.finAhead &&
    notAfter(advance(segment.sequence, segment.length), connection.receiveEdge)
  );
}
