/** RACK (RFC 8985, sections 5 and 6): a segment is lost when one sent sufficiently later has arrived. */
import { alarmKind } from './alarm.ts';
import { type Connection, phase } from './connection.ts';
import { type SentRange, sentMark } from './flight.ts';
import { before, distance, type SequenceNumber, type Timestamp } from './sequence.ts';

/** RFC 8985, 6.2: so many segments beyond a hole decide without a reordering window. */
const duplicateThreshold = 3;
/** RFC 8985, 6.2.4 (step 4): recoveries for which a larger reordering window is kept. */
export const windowPersistence = 16;

/**
 * Step 1 and 2 (6.2): a range was delivered for the first time.
 * @param echo the timestamp echoed, to tell which transmission was delivered; null: none
 * @param behindGap selectively acknowledged: an old echo may be that of what came before the gap (RFC
 * 7323, section 4.3), and proves nothing
 */
export function rackDelivered(
  connection: Connection,
  range: SentRange,
  echo: Timestamp | null,
  behindGap: boolean,
): void {
  const { now } = connection.context;
  const time = now - range.sentAt;
  if ((range.marks & sentMark.everResent) !== 0) {
    // An acknowledgement that came too soon is for an earlier transmission.
    const { minimum, smoothed } = connection.roundTrip;
    if (time < minimum) return;
    if (echo !== null && before(echo, sentStamp(connection, range))) {
      if (!behindGap || time < smoothed) return;
    }
  }
  connection.rackRoundTrip = time;
  if (
    range.sentAt > connection.rackSentAt ||
    (range.sentAt === connection.rackSentAt && before(connection.rackEnd, range.end))
  ) {
    connection.rackSentAt = range.sentAt;
    connection.rackEnd = range.end;
  }
}

/** The timestamp that a range carried when it was sent last. */
function sentStamp(connection: Connection, range: SentRange): Timestamp {
  const { context } = connection;
  const behind = Math.floor(context.now / 1000) - Math.floor(range.sentAt / 1000);
  return ((context.timestamp(connection.timestampOffset) - behind) | 0) as Timestamp;
}

/**
 * Step 3: was this delivered below what was the highest delivered, without having been sent again?
 * @param highest the highest before this acknowledgement: its own blocks come in any order
 */
export function rackOrder(connection: Connection, range: SentRange, highest: SequenceNumber): void {
  if (before(connection.rackHighest, range.end)) connection.rackHighest = range.end;
  if ((range.marks & sentMark.everResent) === 0 && before(range.end, highest)) {
    if (!connection.rackReordering) connection.context.counters.reorderingSeen += 1;
    connection.rackReordering = true;
  }
}

/** Step 4: how long a segment may be late. */
function reorderingWindow(connection: Connection): number {
  const { flight, roundTrip, segmentSize } = connection;
  if (!connection.rackReordering) {
    if (connection.phase !== phase.open) return 0;
    if (flight.sacked >= duplicateThreshold * segmentSize) return 0;
  }
  return Math.min((connection.rackWindowFactor * roundTrip.minimum) / 4, roundTrip.smoothed);
}

/** A duplicate SACK: the reordering window was too small (RFC 8985, 6.2.4). Once a round trip. */
export function rackDuplicate(connection: Connection): void {
  if (!before(connection.rackDuplicateRound, connection.sendUnacknowledged)) return;
  connection.rackDuplicateRound = connection.sendNext;
  connection.rackWindowFactor = Math.min(connection.rackWindowFactor + 1, 255);
  connection.rackWindowPersist = windowPersistence;
}

/**
 * Step 5: marks ranges as lost, and sets the alarm for those that may still only be late.
 * @returns true when something was found lost
 */
export function detectLosses(connection: Connection): boolean {
  const { context, flight } = connection;
  const window = reorderingWindow(connection);
  let wait = 0;
  let found = false;
  const inOrder = flight.resent === 0;
  for (let range = flight.first; range !== null; range = range.next) {
    if (range.isSacked || range.mustResend) continue;
    const older =
      range.sentAt < connection.rackSentAt ||
      (range.sentAt === connection.rackSentAt && distance(connection.rackEnd, range.end) > 0);
    if (!older) {
      // Without retransmissions, what follows was sent later still.
      if (inOrder) break;
      continue;
    }
    const left = range.sentAt + connection.rackRoundTrip + window - context.now;
    // What is left of a microsecond may be too little to move `now`: the alarm would never end.
    if (left < 1) {
      if ((range.marks & sentMark.resent) !== 0) context.counters.lostRetransmissions += 1;
      flight.markLost(range);
      found = true;
    } else {
      wait = Math.max(wait, left);
    }
  }
  if (wait > 0) {
    connection.alarm = alarmKind.reorder;
    connection.alarmAt = context.now + wait;
  }
  return found;
}
