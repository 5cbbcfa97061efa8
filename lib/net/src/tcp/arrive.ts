/**
 * SEGMENT ARRIVES for a connection (RFC 9293, section 3.10.7). A segment is first classified, by a
 * function without effects; the steps then follow the RFC's numbers.
 */
import type { Packet } from '../packet.ts';
import { never } from '../storage/timers.ts';
import { tcpFlag } from '../wire/tcp.ts';
import { processAcknowledgment } from './acknowledge.ts';
import { alarmKind, stopAlarm } from './alarm.ts';
import { initialWindow } from './congestion/types.ts';
import { acknowledge, type Connection, notice } from './connection.ts';
import { resetStray, sendAcknowledgment, sendReset, sendSyn } from './emit.ts';
import {
  isNext,
  noteDuplicate,
  receiveFin,
  receiveInOrder,
  receiveText,
  takesText,
} from './receive.ts';
import { initialTimeout } from './round-trip.ts';
import type { Segment } from './segment.ts';
import { limitSegment, peerSegmentOf } from './segment-size.ts';
import { advance, before, distance, notAfter, type SequenceNumber, timestamp } from './sequence.ts';
import { tcpState } from './state.ts';

/** What is to be done with a segment, before anything of it is believed. */
export type Verdict =
  /** Go on with the steps. */
  | 'accept'
  /** Drop it without a word. */
  | 'drop'
  /** Drop it, and say what is expected (RFC 9293, first step). */
  | 'acknowledge'
  /** Drop it, and let the peer prove that it is the peer (RFC 5961). */
  | 'challenge'
  /** The peer reset the connection. */
  | 'reset';

/** Why the last segment was not accepted: a counter. */
export type Reason =
  | 'dropOutsideWindow'
  | 'dropOldTimestamp'
  | 'dropNoTimestamp'
  | 'dropBlindReset'
  | 'dropBlindSyn'
  | 'dropBadAcknowledgment'
  | 'dropNoAcknowledgment';

/** A challenge is sent to one connection at most so often (us), within the stack's limit. */
const challengeInterval = 500_000;
/** RFC 7323, section 5.5: TS.Recent is void after 24 days. */
const timestampLifetime = 24 * 86_400e6;

let reason: Reason = 'dropOutsideWindow';

/**
 * Classifies a segment in a synchronized state, the first five steps' checks. Changes nothing but
 * `reason`, which says why the verdict is not 'accept'.
 */
export function classify(connection: Connection, segment: Segment): Verdict {
  const isReset = segment.has(tcpFlag.rst);
  // RFC 7323, section 5.3, R1: PAWS, before the sequence check; not for RST (section 5.2).
  if (connection.timestamps && !isReset) {
    if (!segment.options.hasTimestamps) {
      reason = 'dropNoTimestamp';
      return 'drop';
    }
    if (
      before(timestamp(segment.options.timestampValue), connection.timestampRecent) &&
      connection.context.now - connection.timestampRecentAt < timestampLifetime
    ) {
      reason = 'dropOldTimestamp';
      return 'acknowledge';
    }
  }
  // First: sequence number.
  if (!isInWindow(connection, segment)) {
    reason = 'dropOutsideWindow';
    return isReset ? 'drop' : 'acknowledge';
  }
  // Second: RST (RFC 5961, section 3.2).
  if (isReset) {
    if (segment.sequence === connection.receiveNext) return 'reset';
    reason = 'dropBlindReset';
    return 'challenge';
  }
  // Third: security; not used. Fourth: SYN (RFC 5961, section 4.2).
  if (segment.has(tcpFlag.syn)) {
    reason = 'dropBlindSyn';
    return 'challenge';
  }
  // Fifth: ACK (RFC 5961, section 5.2).
  if (!segment.has(tcpFlag.ack)) {
    reason = 'dropNoAcknowledgment';
    return 'drop';
  }
  const ahead = distance(segment.acknowledgment, connection.sendNext);
  if (ahead > 0) {
    reason = 'dropBadAcknowledgment';
    return 'acknowledge';
  }
  const behind = distance(connection.sendUnacknowledged, segment.acknowledgment);
  if (behind > Math.max(connection.sendWindowMaximum, 0xffff)) {
    reason = 'dropBadAcknowledgment';
    return 'challenge';
  }
  return 'accept';
}

/** RFC 9293, 3.10.7.4, first step: table of acceptable segments, against the window as offered. */
function isInWindow(connection: Connection, segment: Segment): boolean {
  const { receiveNext } = connection;
  const { sequence, span } = segment;
  const window = Math.max(0, distance(connection.receiveEdge, receiveNext));
  const offset = distance(sequence, receiveNext);
  if (span === 0) return window === 0 ? offset === 0 : offset >= 0 && offset <= window;
  // "If the RCV.WND is zero, special allowance should be made to accept valid ACKs, URGs, and RSTs":
  // what begins at RCV.NXT is looked at, and its text trimmed off.
  if (window === 0) return offset === 0;
  const last = offset + span - 1;
  return (
    (offset >= 0 && offset < window) ||
    (last >= 0 && last < window) ||
    (offset < 0 && last >= window)
  );
}

/** A segment came for a connection. The packet stays the caller's. */
export function arrive(connection: Connection, segment: Segment, packet: Packet): void {
  const { context } = connection;
  connection.segmentsReceived += 1;
  if (connection.state === tcpState.synSent) {
    arriveInSynSent(connection, segment);
    return;
  }
  if (isPredicted(connection, segment)) {
    arrivePredicted(connection, segment, packet);
    return;
  }
  const verdict = classify(connection, segment);
  switch (verdict) {
    case 'accept':
      connection.receivedAt = context.now;
      arriveAccepted(connection, segment, packet);
      return;
    case 'drop':
      context.counters[reason] += 1;
      return;
    case 'acknowledge':
      context.counters[reason] += 1;
      refused(connection, segment);
      return;
    case 'challenge':
      context.counters[reason] += 1;
      challenge(connection);
      return;
    case 'reset':
      resetByPeer(connection);
      return;
    default: {
      const impossible: never = verdict;
      throw new TypeError(`no such verdict: ${impossible}`);
    }
  }
}

/** Header prediction: what nearly every segment of a transfer is, data in order or a pure acknowledgement. */
function isPredicted(connection: Connection, segment: Segment): boolean {
  const { options } = segment;
  return (
    (segment.flags & ~tcpFlag.psh) === tcpFlag.ack &&
    connection.state === tcpState.established &&
    isNext(connection, segment) &&
    distance(connection.sendNext, segment.acknowledgment) >= 0 &&
    distance(segment.acknowledgment, connection.sendUnacknowledged) >= 0 &&
    options.sackCount === 0 &&
    options.hasTimestamps === connection.timestamps &&
    (!connection.timestamps ||
      !before(timestamp(options.timestampValue), connection.timestampRecent))
  );
}

function arrivePredicted(connection: Connection, segment: Segment, packet: Packet): void {
  const { context } = connection;
  connection.receivedAt = context.now;
  updateTimestamp(connection, segment);
  if (segment.length === 0) {
    context.counters.fastPathAcknowledgments += 1;
    processAcknowledgment(connection, segment);
    return;
  }
  context.counters.fastPathData += 1;
  if (
    segment.acknowledgment !== connection.sendUnacknowledged ||
    segment.window << connection.sendScale !== connection.sendWindow
  ) {
    processAcknowledgment(connection, segment);
  }
  if (connection.isOrphan) {
    dataAfterClose(connection);
    return;
  }
  receiveInOrder(connection, segment, packet);
}

/** RFC 7323, section 4.3: TS.Recent from segments that reach what was acknowledged last. */
function updateTimestamp(connection: Connection, segment: Segment): void {
  if (!connection.timestamps) return;
  const value = timestamp(segment.options.timestampValue);
  if (
    notAfter(segment.sequence, connection.lastAcknowledged) &&
    (!before(value, connection.timestampRecent) ||
      connection.context.now - connection.timestampRecentAt >= timestampLifetime)
  ) {
    connection.timestampRecent = value;
    connection.timestampRecentAt = connection.context.now;
  }
}

/** An unacceptable segment is answered by an acknowledgement; one from a window probe, at once. */
function refused(connection: Connection, segment: Segment): void {
  const { context } = connection;
  if (segment.span > 0) {
    // A retransmission of what is here: probably our acknowledgement was lost.
    const end = advance(segment.sequence, segment.length);
    if (notAfter(end, connection.receiveNext)) {
      noteDuplicate(connection, segment.sequence, end);
    }
  } else if (
    context.now - connection.challengedAt < challengeInterval &&
    isOldAck(connection, segment)
  ) {
    // Two peers that both think the other wrong must not answer each other for ever.
    context.counters.dropChallengeLimited += 1;
    return;
  }
  if (segment.span === 0) connection.challengedAt = context.now;
  context.counters.duplicateAcknowledgmentsSent += 1;
  connection.owed = acknowledge.now;
  connection.schedule();
}

/** Not a keepalive or window probe, which begin just before what is expected and want an answer each. */
function isOldAck(connection: Connection, segment: Segment): boolean {
  return distance(connection.receiveNext, segment.sequence) !== 1;
}

/** A challenge ACK (RFC 5961), limited per connection and for the stack (section 10). */
function challenge(connection: Connection): void {
  const { context } = connection;
  if (
    context.now - connection.challengedAt < challengeInterval ||
    !context.challengeLimit.take(context.now)
  ) {
    context.counters.dropChallengeLimited += 1;
    return;
  }
  connection.challengedAt = context.now;
  context.counters.challengeAcknowledgments += 1;
  sendAcknowledgment(connection);
}

/** Second step: RST. */
function resetByPeer(connection: Connection): void {
  const { counters } = connection.context;
  counters.resetsReceived += 1;
  switch (connection.state) {
    case tcpState.synReceived:
      counters.attemptsFailed += 1;
      connection.fail('ECONNREFUSED');
      return;
    case tcpState.closing:
    case tcpState.lastAck:
      // All data was exchanged; nothing is wrong.
      connection.finish();
      return;
    default:
      counters.establishedResets += 1;
      connection.fail(connection.state === tcpState.closeWait ? 'EPIPE' : 'ECONNRESET');
  }
}

/** Data came after close(): the peer must hear that nobody reads it (RFC 9293, 3.6.1). */
function dataAfterClose(connection: Connection): void {
  const { counters } = connection.context;
  counters.dropAfterClose += 1;
  sendReset(connection);
  connection.finish();
}

/** Fifth to eighth step for an acceptable segment. */
function arriveAccepted(connection: Connection, segment: Segment, packet: Packet): void {
  // Fifth: ACK.
  updateTimestamp(connection, segment);
  if (connection.state === tcpState.synReceived) {
    if (distance(segment.acknowledgment, connection.sendUnacknowledged) <= 0) {
      connection.context.counters.dropBadAcknowledgment += 1;
      return;
    }
    establish(connection, segment);
  }
  processAcknowledgment(connection, segment);
  if (!afterAcknowledgment(connection)) return;
  // Sixth: URG. Urgent data is taken as ordinary data, as with SO_OOBINLINE (RFC 6093).
  // Seventh: segment text.
  if (segment.length > 0) {
    if (!takesText(connection)) {
      connection.context.counters.dropAfterEnd += 1;
    } else if (connection.isOrphan) {
      dataAfterClose(connection);
      return;
    } else {
      receiveText(connection, segment, packet);
    }
  }
  // Eighth: FIN.
  if (receiveFin(connection, segment)) afterFin(connection);
}

/**
 * Fifth step, the closing states: has our FIN been acknowledged?
 * @returns false when the connection is no more
 */
function afterAcknowledgment(connection: Connection): boolean {
  const finAcknowledged =
    connection.finSent && connection.sendUnacknowledged === connection.sendNext;
  if (!finAcknowledged) return true;
  switch (connection.state) {
    case tcpState.finWait1:
      // Whom nobody holds any more is made small at the end of the turn: this segment may have FIN.
      connection.state = tcpState.finWait2;
      connection.schedule();
      return true;
    case tcpState.closing:
      connection.context.timeWaits.enter(connection, tcpState.timeWait);
      connection.finish();
      return false;
    case tcpState.lastAck:
      connection.finish();
      return false;
    default:
      return true;
  }
}

/** Eighth step: the state after a FIN. */
function afterFin(connection: Connection): void {
  switch (connection.state) {
    case tcpState.established:
      connection.state = tcpState.closeWait;
      return;
    case tcpState.finWait1:
      // Our FIN is not acknowledged, or the fifth step had gone to FIN_WAIT_2.
      connection.state = tcpState.closing;
      return;
    case tcpState.finWait2:
      sendAcknowledgment(connection);
      connection.context.timeWaits.enter(connection, tcpState.timeWait);
      connection.finish();
      return;
    default:
      return;
  }
}

/** The handshake is complete: windows and segment size as agreed (RFC 9293, 3.10.7.3 and 3.10.7.4). */
function establish(connection: Connection, segment: Segment): void {
  const { context } = connection;
  connection.state = tcpState.established;
  connection.sendUnacknowledged = segment.acknowledgment;
  connection.windowSequence = segment.sequence;
  connection.windowAcknowledgment = segment.acknowledgment;
  connection.sendScale = Math.max(connection.sendScale, 0);
  connection.sendWindow = segment.has(tcpFlag.syn)
    ? segment.window
    : segment.window << connection.sendScale;
  connection.sendWindowMaximum = connection.sendWindow;
  connection.smallSent = connection.sendUnacknowledged;
  connection.recoveryPoint = connection.sendUnacknowledged;
  connection.rackHighest = connection.sendUnacknowledged;
  connection.rackDuplicateRound = connection.sendUnacknowledged;
  const resent = connection.backoff > 0;
  if (!resent) connection.roundTrip.measured(context.now - connection.sentDataAt, context.now);
  connection.backoff = 0;
  connection.stalledAt = never;
  connection.sentDataAt = 0;
  stopAlarm(connection);
  limitSegment(connection);
  connection.congestion.bytes = resent
    ? connection.segmentSize // RFC 5681, section 3.1: a SYN was lost
    : initialWindow(connection.segmentSize);
  connection.tuneTaken = connection.receiveNext;
  connection.tuneAt = context.now;
  connection.notices |= notice.established;
  if (connection.finQueued) connection.state = tcpState.finWait1;
  connection.schedule();
}

/** Options of the peer's SYN (RFC 7323, section 2.2 and 3.2; RFC 2018, section 2). */
export function takeSynOptions(connection: Connection, segment: Segment): void {
  const { options } = segment;
  connection.peerSegment = peerSegmentOf(options.maximumSegment, connection.remoteAddress.isV4);
  connection.timestamps = options.hasTimestamps;
  connection.sackPermitted = options.sackPermitted;
  connection.sendScale = options.windowScale;
  if (options.windowScale < 0) connection.receiveScale = 0;
  if (options.hasTimestamps) {
    connection.timestampRecent = timestamp(options.timestampValue);
    connection.timestampRecentAt = connection.context.now;
  }
}

/** Takes the peer's initial sequence number. */
function takeSyn(connection: Connection, at: SequenceNumber): void {
  connection.initialReceive = at;
  connection.receiveNext = advance(at, 1);
  connection.lastAcknowledged = connection.receiveNext;
  connection.receiveEdge = advance(
    connection.receiveNext,
    Math.min(connection.receiveLimit, 0xffff),
  );
}

/** RFC 9293, 3.10.7.3: SYN-SENT STATE. */
function arriveInSynSent(connection: Connection, segment: Segment): void {
  const { context } = connection;
  const hasAck = segment.has(tcpFlag.ack);
  // First: ACK. It must be for our SYN.
  const acceptable = hasAck && segment.acknowledgment === connection.sendNext;
  if (hasAck && !acceptable) {
    context.counters.dropBadAcknowledgment += 1;
    if (!segment.has(tcpFlag.rst)) resetStray(context, connection.route, segment);
    return;
  }
  // Second: RST.
  if (segment.has(tcpFlag.rst)) {
    if (!acceptable) {
      context.counters.dropBlindReset += 1;
      return;
    }
    context.counters.resetsReceived += 1;
    context.counters.attemptsFailed += 1;
    connection.fail('ECONNREFUSED');
    return;
  }
  // Third: security; not used. Fourth: SYN.
  if (!segment.has(tcpFlag.syn)) {
    context.counters.dropNoConnection += 1;
    return;
  }
  connection.receivedAt = context.now;
  takeSynOptions(connection, segment);
  takeSyn(connection, segment.sequence);
  if (acceptable) {
    establish(connection, segment);
    connection.owed = acknowledge.now;
    // Data or FIN that came with the SYN is not acknowledged: the peer sends it again.
    return;
  }
  // Both sides opened at once: SYN_RECEIVED, answer with SYN and ACK.
  context.counters.simultaneousOpens += 1;
  connection.state = tcpState.synReceived;
  sendSyn(connection);
  connection.alarm = alarmKind.retransmit;
  connection.alarmAt = context.now + initialTimeout;
}
