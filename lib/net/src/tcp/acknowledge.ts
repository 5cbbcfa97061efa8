/** An acceptable acknowledgement: what it says about the peer's window, about what arrived and what was lost. */

import { never } from '../storage/timers.ts';
import { alarmKind, startRetransmission, stopAlarm } from './alarm.ts';
import { type Connection, notice, phase } from './connection.ts';
import { sentMark } from './flight.ts';
import { detectLosses, rackDelivered, rackDuplicate, rackOrder } from './rack.ts';
import {
  enterRecovery,
  isRecovered,
  isSpurious,
  leaveRecovery,
  reduceProportionally,
  undo,
} from './recovery.ts';
import type { Segment } from './segment.ts';
import {
  advance,
  before,
  distance,
  notAfter,
  type SequenceNumber,
  sequence,
  type Timestamp,
} from './sequence.ts';

/** Duplicate acknowledgements that mean a loss, without SACK (RFC 5681, section 3.2). */
const duplicateThreshold = 3;

/** RFC 9293, 3.10.7.4, fifth step, "ESTABLISHED STATE": takes ACK, window and SACK of a segment. */
export function processAcknowledgment(connection: Connection, segment: Segment): void {
  const { acknowledgment } = segment;
  const { flight, context } = connection;
  const newly = distance(acknowledgment, connection.sendUnacknowledged);
  if (newly < 0) return; // an old one: only its data counts
  const windowBefore = connection.sendWindow;
  updateWindow(connection, segment);
  // Any answer shows that the peer lives.
  connection.probes = 0;
  connection.softError = null;
  const echo: Timestamp | null =
    connection.timestamps && segment.options.hasTimestamps && segment.options.timestampEcho !== 0
      ? (segment.options.timestampEcho as Timestamp)
      : null;
  const sackedBefore = flight.sacked;
  const highest = connection.rackHighest;
  let delivered = 0;
  if (newly > 0) delivered = acknowledgeThrough(connection, acknowledgment, echo, highest);
  if (connection.sackPermitted) {
    if (segment.options.sackCount > 0) {
      const already = flight.sacked;
      processSacks(connection, segment, echo, highest);
      delivered += flight.sacked - already;
    }
  } else if (
    newly === 0 &&
    !flight.isEmpty &&
    segment.span === 0 &&
    connection.sendWindow === windowBefore
  ) {
    duplicateWithoutSack(connection);
  }
  if (newly === 0 && flight.isEmpty) {
    reopened(connection, windowBefore);
    return;
  }
  if (connection.isProbing) judgeTailProbe(connection, segment);
  control(connection, newly, delivered, echo, sackedBefore);
  if (flight.isEmpty) {
    stopAlarm(connection);
  } else if (newly > 0 && connection.alarm !== alarmKind.reorder) {
    startRetransmission(connection);
  } else if (
    connection.alarm === alarmKind.none ||
    (connection.alarm === alarmKind.tailProbe &&
      (flight.sacked > 0 || connection.phase !== phase.open))
  ) {
    startRetransmission(connection);
  }
  if (newly > 0) context.network.confirmReachable(connection.route);
  connection.schedule();
}

/** RFC 9293, 3.10.7.4: SND.WND from segments that are not older than the last one taken. */
function updateWindow(connection: Connection, segment: Segment): void {
  if (
    // What acknowledges more is newer, even a retransmission: else the edge would move past what was offered.
    before(connection.sendUnacknowledged, segment.acknowledgment) ||
    before(connection.windowSequence, segment.sequence) ||
    (connection.windowSequence === segment.sequence &&
      notAfter(connection.windowAcknowledgment, segment.acknowledgment))
  ) {
    connection.sendWindow = segment.window << connection.sendScale;
    if (connection.sendWindow > connection.sendWindowMaximum) {
      connection.sendWindowMaximum = connection.sendWindow;
    }
    connection.windowSequence = segment.sequence;
    connection.windowAcknowledgment = segment.acknowledgment;
  }
}

/** Nothing is in flight: a window update, or the answer to a probe. */
function reopened(connection: Connection, windowBefore: number): void {
  connection.stalledAt = never;
  if (connection.alarm === alarmKind.persist && connection.sendWindow > windowBefore) {
    stopAlarm(connection);
    connection.backoff = 0;
  }
  connection.schedule();
}

/** The peer has everything before `acknowledgment`. Returns bytes newly known to be there. */
function acknowledgeThrough(
  connection: Connection,
  acknowledgment: SequenceNumber,
  echo: Timestamp | null,
  highest: SequenceNumber,
): number {
  const { flight, context, user } = connection;
  const { now } = context;
  const newly = distance(acknowledgment, connection.sendUnacknowledged);
  let delivered = 0;
  let oldest = -1;
  let newest = -1;
  let ambiguous = false;
  for (;;) {
    const range = flight.first;
    if (range === null || !before(range.start, acknowledgment)) break;
    const partly = before(acknowledgment, range.end);
    if (partly) {
      flight.split(range, acknowledgment);
    }
    if (!range.isSacked) {
      delivered += range.length;
      if ((range.marks & sentMark.everResent) === 0) {
        if (oldest < 0) oldest = now - range.sentAt;
        newest = now - range.sentAt;
      } else {
        ambiguous = true;
      }
      if (connection.sackPermitted) {
        rackDelivered(connection, range, echo, false);
        rackOrder(connection, range, highest);
      }
    }
    flight.shift();
  }
  if (!connection.sackPermitted && flight.sacked > 0) {
    // Duplicate acknowledgements stood for segments that are acknowledged now (RFC 6582).
    flight.sacked = flight.isEmpty
      ? 0
      : Math.max(0, flight.sacked - Math.max(0, newly - connection.segmentSize));
  }
  // FIN takes a sequence number, but no byte of the ring.
  let bytes = newly;
  if (connection.finSent && acknowledgment === connection.sendNext) bytes -= 1;
  connection.sendUnacknowledged = acknowledgment;
  if (before(connection.smallSent, acknowledgment)) connection.smallSent = acknowledgment;
  if (bytes > 0 && user !== null) {
    user.send.consume(bytes);
    connection.bytesAcknowledged += bytes;
    connection.notices |= notice.sendable;
  }
  connection.backoff = 0;
  connection.tailProbes = 0;
  connection.stalledAt = never;
  connection.duplicates = 0;
  // Karn: only what was sent once, unless timestamps tell which transmission is meant (RFC 7323, 4.1).
  if (oldest >= 0 && !ambiguous) {
    connection.roundTrip.measured(oldest, now);
    connection.roundTrip.observed(newest, now);
  } else if (echo !== null) {
    const time = distance(context.timestamp(connection.timestampOffset), echo) * 1000;
    if (time >= 0 && time < 600e6) connection.roundTrip.measured(Math.max(time, 1000), now);
  }
  return delivered;
}

/** RFC 2018, RFC 6675 Update(), RFC 2883. */
function processSacks(
  connection: Connection,
  segment: Segment,
  echo: Timestamp | null,
  highest: SequenceNumber,
): void {
  const { options } = segment;
  const { context, flight } = connection;
  let roundTrip = -1;
  for (let block = 0; block < options.sackCount; block += 1) {
    const left = sequence(options.sackLeft[block] as number);
    const right = sequence(options.sackRight[block] as number);
    if (block === 0 && isDuplicateSack(segment, left, right)) {
      duplicateSack(connection, left, right);
      continue;
    }
    // An old block, or one that makes no sense.
    if (notAfter(right, connection.sendUnacknowledged)) continue;
    if (
      !before(left, right) ||
      before(connection.sendNext, right) ||
      before(left, connection.sendUnacknowledged)
    ) {
      context.counters.sackBlocksInvalid += 1;
      continue;
    }
    let range = flight.find(left);
    while (range !== null && before(range.start, right)) {
      if (range.isSacked) {
        range = range.next;
        continue;
      }
      if (before(range.start, left)) range = flight.split(range, left);
      if (before(right, range.end)) flight.split(range, right);
      rackDelivered(connection, range, echo, true);
      rackOrder(connection, range, highest);
      if ((range.marks & sentMark.everResent) === 0) roundTrip = context.now - range.sentAt;
      flight.markSacked(range);
      range = flight.melt(range).next;
    }
  }
  if (roundTrip >= 0) connection.roundTrip.observed(roundTrip, context.now);
}

/** RFC 2883, section 4: the first block reports data received twice. */
function isDuplicateSack(segment: Segment, left: SequenceNumber, right: SequenceNumber): boolean {
  if (!before(left, right)) return false;
  if (notAfter(right, segment.acknowledgment)) return true;
  const { options } = segment;
  if (options.sackCount < 2) return false;
  return (
    notAfter(sequence(options.sackLeft[1] as number), left) &&
    notAfter(right, sequence(options.sackRight[1] as number))
  );
}

/** Data arrived twice: what was sent again was not needed (RFC 3708), or reordering is larger than thought. */
function duplicateSack(connection: Connection, left: SequenceNumber, right: SequenceNumber): void {
  const { context } = connection;
  context.counters.duplicateSacksReceived += 1;
  connection.duplicateSacks += 1;
  if (connection.isProbing && connection.probeResent && right === connection.probeEnd) {
    // The probe itself: nothing was lost (RFC 8985, 7.4.2).
    connection.isProbing = false;
    return;
  }
  rackDuplicate(connection);
  if (connection.undoArmed && connection.undoResent > 0) {
    const segments = Math.max(1, Math.ceil(distance(right, left) / connection.segmentSize));
    connection.undoResent -= segments;
    if (connection.undoResent <= 0) undo(connection);
  }
}

/** RFC 5681, section 3.2, and RFC 6582, for peers without SACK. */
function duplicateWithoutSack(connection: Connection): void {
  const { flight } = connection;
  connection.duplicates += 1;
  const { first } = flight;
  if (first === null) return;
  // It stands for a segment that left the network; this is limited transmit (RFC 3042), too.
  const most = connection.outstanding - Math.min(first.length, connection.segmentSize);
  flight.sacked = Math.min(flight.sacked + connection.segmentSize, Math.max(most, 0));
}

/** Marks the first unacknowledged segment as lost, for NewReno. */
function loseFirst(connection: Connection): void {
  const { flight, segmentSize } = connection;
  const { first } = flight;
  if (first === null) return;
  if (first.length > segmentSize) flight.split(first, advance(first.start, segmentSize));
  if ((first.marks & sentMark.lost) === 0 || (first.marks & sentMark.resent) !== 0) {
    flight.markLost(first);
  }
}

/** RFC 8985, 7.4: is the probe acknowledged, and did it repair a loss? */
function judgeTailProbe(connection: Connection, segment: Segment): void {
  if (before(connection.sendUnacknowledged, connection.probeEnd)) return;
  connection.isProbing = false;
  // An acknowledgement without duplicate SACK of a retransmission: the original was lost.
  if (
    connection.probeResent &&
    connection.phase === phase.open &&
    segment.options.sackCount === 0
  ) {
    connection.context.counters.tailLossRepaired += 1;
    connection.control.lost(connection.congestion, connection.congestion.bytes);
    connection.congestion.bytes = connection.congestion.threshold;
  }
}

/** Loss detection, recovery and the congestion window. */
function control(
  connection: Connection,
  newly: number,
  delivered: number,
  echo: Timestamp | null,
  sackedBefore: number,
): void {
  const { congestion, context, flight } = connection;
  // Eifel (RFC 3522): the first acknowledgement that moves on after a retransmission.
  if (newly > 0 && connection.undoByEcho && echo !== null && connection.undoResent > 0) {
    connection.undoByEcho = false;
    if (isSpurious(connection, echo)) undo(connection);
    else if (connection.phase === phase.loss) connection.undoArmed = false;
  }
  // What was taken for lost has come, and nothing was sent again yet: it was only late.
  if (
    newly > 0 &&
    connection.sackPermitted &&
    connection.phase === phase.recovery &&
    connection.undoArmed &&
    connection.undoResent === 0 &&
    flight.lost === 0
  ) {
    undo(connection);
  }
  let mayGrow = newly > 0;
  if (connection.phase !== phase.open && isRecovered(connection)) {
    if (connection.sackPermitted || newly > 0) {
      leaveRecovery(connection);
      mayGrow = false;
    }
  }
  let lost = false;
  if (connection.sackPermitted) {
    if (flight.sacked > 0 || flight.resent > 0) lost = detectLosses(connection);
  } else {
    if (connection.phase === phase.recovery && newly > 0) {
      loseFirst(connection); // RFC 6582, 3.2, step 3: partial acknowledgement
      lost = true;
    } else if (
      connection.phase === phase.open &&
      connection.duplicates >= duplicateThreshold &&
      before(connection.recoveryPoint, advance(connection.sendUnacknowledged, 1))
    ) {
      loseFirst(connection);
      lost = true;
    }
  }
  if (connection.phase === phase.open && flight.lost > 0) enterRecovery(connection);
  if (connection.phase === phase.recovery) {
    const counted = connection.sackPermitted
      ? delivered
      : Math.max(delivered, flight.sacked - sackedBefore);
    const isPartial = !connection.sackPermitted && newly > 0;
    reduceProportionally(connection, counted, newly > 0 && !lost, isPartial);
    return;
  }
  if (!mayGrow) return;
  // Only a window that was in use may grow (RFC 7661; RFC 9438, section 5.8).
  const used = congestion.inSlowStart
    ? congestion.bytes < 2 * connection.largestInFlight
    : connection.isWindowUsed;
  if (!used && connection.phase === phase.open) return;
  const { roundTrip } = connection;
  connection.control.acknowledged(
    congestion,
    delivered,
    context.now,
    connection.rackRoundTrip || roundTrip.smoothed,
    roundTrip.minimum,
  );
}
