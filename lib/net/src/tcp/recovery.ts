/** Entering and leaving recovery, and how much may be sent meanwhile (RFC 6675, 9937, 6582, 3522, 3708). */
import { type Connection, phase } from './connection.ts';
import { before, distance, notAfter, type Timestamp } from './sequence.ts';

/** Remembers what undo() restores. */
function arm(connection: Connection): void {
  const { congestion } = connection;
  connection.undoWindow = congestion.bytes;
  connection.undoThreshold = congestion.threshold;
  connection.undoArmed = true;
  connection.undoByEcho = true;
  connection.undoResent = 0;
}

/**
 * FlightSize that a loss is judged by (RFC 5681, equation 4; RFC 9438, section 4.6). Acknowledgements
 * come many at a time, and nothing is sent between them: what is outstanding now says too little.
 */
function flightBefore(connection: Connection): number {
  const { congestion, largestInFlight, outstanding } = connection;
  if (connection.isWindowUsed) return congestion.bytes;
  return Math.max(outstanding, Math.min(congestion.bytes, largestInFlight));
}

/** A loss was found while nothing was thought lost: fast recovery begins. */
export function enterRecovery(connection: Connection): void {
  const { congestion, control, context } = connection;
  arm(connection);
  control.lost(congestion, flightBefore(connection));
  connection.phase = phase.recovery;
  connection.recoveryPoint = connection.sendNext;
  connection.prrDelivered = 0;
  connection.prrSent = 0;
  connection.prrFlight = Math.max(connection.outstanding, 1);
  connection.isProbing = false;
  context.counters.fastRecoveries += 1;
}

/** RFC 5681, section 3.1, equation 4, and RFC 8985, section 6.3: everything is taken for lost. */
export function enterLoss(connection: Connection): void {
  const { congestion, control, flight } = connection;
  // RFC 5681: the threshold is lowered once for a loss, not for every back-off.
  if (
    connection.phase !== phase.loss ||
    notAfter(connection.recoveryPoint, connection.sendUnacknowledged)
  ) {
    if (connection.phase === phase.open) arm(connection);
    else connection.undoArmed = false;
    control.timedOut(congestion, flightBefore(connection));
  }
  // RFC 2018, section 8: a first segment that was SACKed should long be acknowledged.
  if (flight.first?.isSacked === true || !connection.sackPermitted) {
    if (connection.sackPermitted) connection.context.counters.sackReneging += 1;
    flight.forgetSacks();
  }
  flight.loseAll();
  congestion.bytes = congestion.segment;
  connection.phase = phase.loss;
  connection.recoveryPoint = connection.sendNext;
  connection.duplicates = 0;
  connection.isProbing = false;
}

/** All that was in flight when recovery began is acknowledged. */
export function leaveRecovery(connection: Connection): void {
  const { congestion } = connection;
  if (connection.phase === phase.recovery) {
    congestion.bytes = Math.max(congestion.threshold, congestion.segment);
  }
  connection.phase = phase.open;
  connection.undoArmed = false;
  connection.duplicates = 0;
  if (connection.rackWindowPersist > 0) {
    connection.rackWindowPersist -= 1;
    if (connection.rackWindowPersist === 0) connection.rackWindowFactor = 1;
  }
}

/**
 * Proportional rate reduction (RFC 9937): sets the window so
 * that it comes down to the threshold by the end of recovery.
 * @param delivered bytes that this acknowledgement says have arrived
 * @param progressed SND.UNA advanced and nothing more was found lost
 * @param isPartial a partial acknowledgement without SACK: the next hole is sent again at once (RFC 6582)
 */
export function reduceProportionally(
  connection: Connection,
  delivered: number,
  progressed: boolean,
  isPartial: boolean,
): void {
  const { congestion } = connection;
  if (delivered <= 0 && connection.prrSent > 0) return;
  connection.prrDelivered += delivered;
  const { pipe } = connection;
  const target = congestion.threshold;
  let allowed: number;
  if (pipe > target) {
    allowed =
      Math.ceil((connection.prrDelivered * target) / connection.prrFlight) - connection.prrSent;
  } else {
    // RFC 9937, section 6.2: what arrived may be replaced, also where too much was sent before.
    let limit = Math.max(connection.prrDelivered - connection.prrSent, delivered);
    if (progressed) limit += congestion.segment;
    allowed = Math.min(target - pipe, limit);
  }
  // The first segment is sent again at once.
  if (connection.prrSent === 0 || isPartial) allowed = Math.max(allowed, congestion.segment);
  congestion.bytes = pipe + Math.max(allowed, 0);
}

/** Nothing was lost after all: takes the reduction back. */
export function undo(connection: Connection): void {
  const { congestion, context, control, flight } = connection;
  if (connection.phase === phase.loss) context.counters.spuriousTimeouts += 1;
  else context.counters.recoveriesUndone += 1;
  congestion.bytes = Math.max(congestion.bytes, connection.undoWindow);
  congestion.threshold = connection.undoThreshold;
  control.undone();
  flight.forgetLosses();
  connection.phase = phase.open;
  connection.undoArmed = false;
  connection.duplicates = 0;
  connection.backoff = 0;
}

/**
 * Eifel detection (RFC 3522): the acknowledgement of what was sent again echoes a timestamp from
 * before that: the first transmission had arrived.
 */
export function isSpurious(connection: Connection, echo: Timestamp): boolean {
  return connection.undoArmed && before(echo, connection.undoStamp);
}

/** Is everything acknowledged that was in flight when recovery began? */
export function isRecovered(connection: Connection): boolean {
  return distance(connection.sendUnacknowledged, connection.recoveryPoint) >= 0;
}
