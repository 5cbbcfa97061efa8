/** The receive window: what is offered, when an update is due, how it grows (RFC 9293, section 3.8.6). */
import { acknowledge, type Connection } from './connection.ts';
import { advance, before, distance } from './sequence.ts';
import { tcpState } from './state.ts';

/** Largest window without scaling. */
const unscaled = 0xffff;
/** A window's worth is measured over at least this long, and receive tuning waits this long at most (us). */
const tuneInterval = 1_000_000;

/** Shift that lets the largest window be told (RFC 7323, section 2.3). */
export function windowScaleFor(maximum: number): number {
  let scale = 0;
  while (scale < 14 && unscaled * 2 ** scale < maximum) scale += 1;
  return scale;
}

/**
 * Bytes that the peer may send from RCV.NXT on. The right edge never goes back, and it moves on
 * only by a worthwhile step (silly window avoidance, RFC 9293, section 3.8.6.2.2).
 */
export function offeredWindow(connection: Connection): number {
  const ring = connection.receiveRing;
  const offered = Math.max(0, distance(connection.receiveEdge, connection.receiveNext));
  if (ring === null || connection.finReceived) return offered;
  const free = Math.max(0, connection.receiveLimit - ring.length);
  if (free <= offered) return offered;
  const step = Math.min(connection.receiveLimit >> 1, connection.receiveSegment);
  // A window that is open already may grow by anything: data arrives and acknowledgements go anyway.
  if (free - offered < step && offered < step) return offered;
  return free;
}

/** Field of the header for the window, and remembers the edge offered by it. */
export function takeWindowField(connection: Connection): number {
  const { receiveScale } = connection;
  const field = Math.min(offeredWindow(connection) >>> receiveScale, unscaled);
  const edge = advance(connection.receiveNext, field << receiveScale);
  if (before(connection.receiveEdge, edge)) connection.receiveEdge = edge;
  return field;
}

/**
 * How many bytes the user must take until a window update is due: when the window would at least
 * double, as Linux does it; acknowledgements of data tell of smaller growth.
 * @returns 0 or less when it is due now, Infinity when the peer has window enough
 */
export function windowUpdateAfter(connection: Connection): number {
  const ring = connection.receiveRing;
  if (ring === null || connection.finReceived || connection.state === tcpState.synSent) {
    return Number.POSITIVE_INFINITY;
  }
  const limit = connection.receiveLimit;
  const offered = Math.max(0, distance(connection.receiveEdge, connection.receiveNext));
  if (offered * 2 > limit) return Number.POSITIVE_INFINITY;
  const step = Math.max(
    offered,
    Math.min(limit >> 1, connection.receiveSegment),
    1 << connection.receiveScale,
  );
  return offered + step - (limit - ring.length);
}

/**
 * Receive-window autotuning (dynamic right-sizing, Fisk and Feng 2001): once a round trip, the
 * window becomes twice what the user took during it, up to the maximum.
 */
export function tuneReceiveWindow(connection: Connection): void {
  const ring = connection.receiveRing;
  const { now } = connection.context;
  if (ring === null || connection.settings.receiveBuffer > 0) return;
  const roundTrip = connection.receiveRoundTrip || connection.roundTrip.smoothed || tuneInterval;
  if (now - connection.tuneAt < roundTrip) return;
  const taken = advance(connection.receiveNext, -ring.length);
  const copied = distance(taken, connection.tuneTaken);
  connection.tuneTaken = taken;
  const idle = now - connection.tuneAt > 4 * roundTrip && connection.tuneAt !== 0;
  connection.tuneAt = now;
  if (idle) return;
  // Twice the bytes of a round trip, and room for what arrives while the sender speeds up.
  const wanted = 2 * copied + 16 * connection.receiveSegment;
  if (wanted > connection.receiveLimit) {
    connection.receiveLimit = Math.min(wanted, connection.receiveMaximum);
    if (connection.owed === acknowledge.none) connection.owed = acknowledge.delayed;
  }
}

/** Measures the round trip as a receiver without timestamps: the time that one window takes. */
export function measureReceiver(connection: Connection): void {
  const { now } = connection.context;
  if (connection.measureAt === 0 || before(connection.measureEdge, connection.receiveNext)) {
    if (connection.measureAt !== 0) observeReceiver(connection, now - connection.measureAt);
    connection.measureAt = now;
    connection.measureEdge = connection.receiveEdge;
  }
}

/** Takes a receiver's measurement: the smallest counts most, for the sender may pause. */
export function observeReceiver(connection: Connection, sample: number): void {
  const time = Math.max(sample, 100);
  const old = connection.receiveRoundTrip;
  if (old === 0 || time < old) connection.receiveRoundTrip = time;
  else connection.receiveRoundTrip += (Math.min(time, 2 * old) - old) / 8;
}
