/**
 * Time in a connection: one timer in the queue stands for all its deadlines. Retransmission, loss
 * probe, reordering and zero-window probe exclude each other and share `alarm`.
 */
import { type Instant, never, Timer } from '../storage/timers.ts';
import { acknowledge, type Connection, phase } from './connection.ts';
import { sendProbe, sendReset, sendSyn } from './emit.ts';
import { detectLosses } from './rack.ts';
import { enterLoss, enterRecovery, reduceProportionally } from './recovery.ts';
import { initialTimeout, largestTimeout } from './round-trip.ts';
import { lowerForBlackHole } from './segment-size.ts';
import { tcpState } from './state.ts';
import { sendTailProbe, transmit } from './transmit.ts';

/** What `alarmAt` is for. */
export const alarmKind = {
  none: 0,
  retransmit: 1,
  /** Tail loss probe (RFC 8985, section 7). */
  tailProbe: 2,
  /** Segments are lost unless they were only reordered (RFC 8985, section 6.2). */
  reorder: 3,
  /** Zero window, or data that nothing in flight will send (RFC 9293, 3.8.6.1). */
  persist: 4,
} as const;
export type AlarmKind = (typeof alarmKind)[keyof typeof alarmKind];

/** tcp(7): tcp_retries2, tcp_syn_retries, tcp_orphan_retries, tcp_fin_timeout. */
const retransmissionMaximum = 15;
const synRetransmissionMaximum = 6;
const orphanRetransmissionMaximum = 8;
export const delayedAcknowledgment = 40_000;
/** RFC 8985, 7.2: what a peer's delayed acknowledgement may add. */
const peerDelay = 200_000;
/**
 * Probes before the timeout, each after twice the time (RFC 9002, section 6.2, does so for QUIC): one as in
 * RFC 8985 is often lost where a timeout is near at all, or its acknowledgement is.
 */
const tailProbeMaximum = 2;

/** The timer of a connection; its function is shared by all. */
export class ConnectionTimer extends Timer {
  readonly owner: Connection;

  constructor(owner: Connection) {
    super(fireConnection);
    this.owner = owner;
  }
}

function fireConnection(this: Timer, now: Instant): void {
  fired((this as ConnectionTimer).owner, now);
}

/** Sets the timer to the earliest deadline. Called when flush() is done with a connection. */
export function setTimer(connection: Connection): void {
  const { timers } = connection.context.environment;
  if (connection.state === tcpState.closed) return;
  keepAlive(connection);
  const earliest = Math.min(
    connection.alarmAt,
    connection.acknowledgeAt,
    connection.keepAliveAt,
    connection.paceAt,
  );
  if (earliest === connection.timer.deadline) return;
  if (earliest === never) timers.cancel(connection.timer);
  else timers.set(connection.timer, earliest);
}

/** Stops what `alarm` waits for. */
export function stopAlarm(connection: Connection): void {
  connection.alarm = alarmKind.none;
  connection.alarmAt = never;
}

/** Retransmission timeout with back-off (RFC 6298, 5.5). */
export function backedOff(connection: Connection): number {
  return Math.min(connection.roundTrip.timeout * 2 ** connection.backoff, largestTimeout);
}

/** (Re)starts the retransmission timer (RFC 6298, 5.1 and 5.3), or the tail loss probe's in its place. */
export function startRetransmission(connection: Connection): void {
  connection.alarm = alarmKind.retransmit;
  connection.alarmAt = connection.context.now + backedOff(connection);
  armTailProbe(connection);
}

/**
 * Has a tail loss probe come before the retransmission timeout, or in its place: it leaves the window
 * as it is. In recovery, too: there it stands in for the rescue of RFC 6675 when nothing comes back. To be called after sending, too: what a lone segment waits for does not hold for several.
 */
export function armTailProbe(connection: Connection): void {
  const { flight, roundTrip } = connection;
  const { first } = flight;
  const { now } = connection.context;
  if (
    first === null ||
    connection.phase === phase.loss ||
    !connection.sackPermitted ||
    connection.tailProbes >= tailProbeMaximum ||
    connection.backoff > 0 ||
    roundTrip.smoothed === 0 ||
    !connection.isSynchronized ||
    connection.state === tcpState.synReceived
  ) {
    return;
  }
  // RFC 8985, 7.2: two round trips, more when a lone segment's acknowledgement may be delayed. Nothing
  // is delayed as long as the peer has gaps (RFC 5681, section 4.2).
  let probe = (2 * roundTrip.smoothed + 2000) * 2 ** connection.tailProbes;
  const isLone = connection.pipe <= connection.segmentSize && flight.sacked === 0;
  if (isLone && !connection.finSent) probe += peerDelay;
  // Not after the timeout; who sends again and again without an answer must not put it off for ever.
  const latest =
    connection.alarm === alarmKind.retransmit
      ? connection.alarmAt
      : Math.max(first.sentAt + roundTrip.timeout, now);
  connection.alarm = alarmKind.tailProbe;
  connection.alarmAt = Math.min(now + probe, latest);
}

/** Has the connection probe a window of zero. */
export function startPersist(connection: Connection): void {
  if (connection.alarm === alarmKind.persist) return;
  connection.alarm = alarmKind.persist;
  const { roundTrip, context } = connection;
  connection.alarmAt =
    context.now + Math.min(roundTrip.timeout * 2 ** connection.backoff, largestTimeout);
}

/** Owes an acknowledgement that may wait for company (RFC 9293, 3.8.6.3). */
export function delayAcknowledgment(connection: Connection): void {
  if (connection.owed === acknowledge.none) connection.owed = acknowledge.delayed;
  if (connection.acknowledgeAt === never) {
    connection.acknowledgeAt = connection.context.now + delayedAcknowledgment;
  }
}

/** Something is due. */
function fired(connection: Connection, now: Instant): void {
  if (connection.acknowledgeAt <= now) {
    connection.acknowledgeAt = never;
    if (connection.owed === acknowledge.delayed) {
      connection.owed = acknowledge.now;
      connection.context.counters.delayedAcknowledgments += 1;
    }
  }
  if (connection.paceAt <= now) connection.paceAt = never;
  if (connection.alarmAt <= now) {
    const { alarm } = connection;
    stopAlarm(connection);
    alarmed(connection, alarm);
  }
  if (!connection.isGone && connection.keepAliveAt <= now) keepAliveDue(connection);
  if (!connection.isGone) connection.schedule();
}

function alarmed(connection: Connection, alarm: AlarmKind): void {
  switch (alarm) {
    case alarmKind.retransmit:
      if (connection.state === tcpState.synSent || connection.state === tcpState.synReceived) {
        retransmitSyn(connection);
      } else {
        retransmissionTimeout(connection);
      }
      return;
    case alarmKind.tailProbe:
      sendTailProbe(connection);
      return;
    case alarmKind.reorder:
      connection.context.counters.reorderingTimeouts += 1;
      if (detectLosses(connection) && connection.phase === phase.open) {
        enterRecovery(connection);
        reduceProportionally(connection, 0, false, false);
      }
      if (connection.alarm === alarmKind.none && !connection.flight.isEmpty) {
        startRetransmission(connection);
      }
      return;
    case alarmKind.persist:
      persist(connection);
      return;
    case alarmKind.none:
      return;
    default: {
      const impossible: never = alarm;
      throw new TypeError(`no such alarm: ${impossible}`);
    }
  }
}

/** RFC 6298, 5.4 to 5.7 for a SYN. */
function retransmitSyn(connection: Connection): void {
  if (connection.stalledAt === never) connection.stalledAt = connection.sentDataAt;
  if (connection.backoff >= synRetransmissionMaximum || userTimedOut(connection)) {
    connection.context.counters.attemptsFailed += 1;
    timedOut(connection);
    return;
  }
  connection.backoff += 1;
  connection.context.counters.segmentsRetransmitted += 1;
  connection.totalResent += 1;
  sendSyn(connection);
  connection.alarm = alarmKind.retransmit;
  connection.alarmAt =
    connection.context.now + Math.min(initialTimeout * 2 ** connection.backoff, largestTimeout);
}

/**
 * A peer whose window is closed lives as long as it answers within this time: probes, and answers,
 * can be lost, and there is one in two minutes.
 */
const windowPatience = 5 * largestTimeout;

/** RFC 6298, 5.4 to 5.6; RFC 5681, section 3.1; RFC 9293, 3.8.3 (R2). */
function retransmissionTimeout(connection: Connection): void {
  const { context, flight } = connection;
  const { first } = flight;
  if (first === null) return;
  if (connection.stalledAt === never) connection.stalledAt = first.sentAt;
  // A window that shrank to nothing while data was in flight: the peer lives as long as it answers.
  const probesWindow =
    connection.sendWindow === 0 &&
    !connection.isOrphan &&
    context.now - connection.receivedAt < windowPatience;
  const maximum = connection.isOrphan ? orphanRetransmissionMaximum : retransmissionMaximum;
  if (!probesWindow && (connection.backoff >= maximum || userTimedOut(connection))) {
    timedOut(connection);
    return;
  }
  context.counters.retransmissionTimeouts += 1;
  // RFC 4821, section 7.7: large segments do not come through, smaller ones might.
  if (
    connection.backoff >= 2 &&
    connection.sendWindow > 0 &&
    lowerForBlackHole(connection, first.length)
  ) {
    context.counters.pathMtuBlackHoles += 1;
  }
  enterLoss(connection);
  connection.backoff += 1;
  transmit(connection);
  startRetransmission(connection);
}

/** Probes a closed window, sends what waited for no good reason any more (RFC 9293, 3.8.6.1; RFC 1122, 4.2.2.17). */
function persist(connection: Connection): void {
  const { context } = connection;
  if (!connection.flight.isEmpty || (connection.unsent <= 0 && !mustFinish(connection))) return;
  if (connection.stalledAt === never) connection.stalledAt = context.now;
  const orphaned = connection.isOrphan && connection.backoff >= orphanRetransmissionMaximum;
  if (orphaned || connection.probes >= retransmissionMaximum || userTimedOut(connection)) {
    timedOut(connection);
    return;
  }
  if (transmit(connection, true) > 0) return;
  context.counters.zeroWindowProbes += 1;
  connection.probes += 1;
  if (connection.backoff < 10) connection.backoff += 1;
  sendProbe(connection);
  startPersist(connection);
}

function mustFinish(connection: Connection): boolean {
  return connection.finQueued && !connection.finSent;
}

/** TCP_USER_TIMEOUT (RFC 5482): nothing that was sent has been answered for that long. */
function userTimedOut(connection: Connection): boolean {
  const { userTimeout } = connection.settings;
  if (userTimeout === 0) return false;
  if (connection.context.now - connection.stalledAt < userTimeout * 1000) return false;
  connection.context.counters.userTimeouts += 1;
  return true;
}

function timedOut(connection: Connection): void {
  connection.context.counters.connectionsTimedOut += 1;
  connection.fail(connection.softError ?? 'ETIMEDOUT');
}

/** Computes when the next keepalive probe is due (RFC 9293, 3.8.4). */
function keepAlive(connection: Connection): void {
  const { settings } = connection;
  if (
    !settings.keepAlive ||
    connection.state === tcpState.synSent ||
    connection.state === tcpState.synReceived
  ) {
    connection.keepAliveAt = never;
    return;
  }
  const interval =
    connection.probes > 0 && connection.alarm === alarmKind.none
      ? settings.keepAliveInterval
      : settings.keepAliveIdle;
  if (connection.keepAliveAt === never) {
    connection.keepAliveAt = Math.max(
      connection.receivedAt + interval * 1e6,
      connection.context.now,
    );
  }
}

/** The peer was silent: probes it, unless retransmissions do that already. */
function keepAliveDue(connection: Connection): void {
  const { settings, context } = connection;
  const { now } = context;
  connection.keepAliveAt = never;
  const idle = settings.keepAliveIdle * 1e6;
  if (!connection.flight.isEmpty || connection.unsent > 0) {
    connection.keepAliveAt = now + idle;
    return;
  }
  // Compared as it is set: a difference could be less by a rounding error, and this never end.
  if (connection.receivedAt + idle > now) {
    connection.keepAliveAt = connection.receivedAt + idle;
    return;
  }
  const silent = now - connection.receivedAt;
  const giveUp =
    settings.userTimeout > 0
      ? silent >= settings.userTimeout * 1000 && connection.probes > 0
      : connection.probes >= settings.keepAliveCount;
  if (giveUp) {
    context.counters.keepAliveTimeouts += 1;
    sendReset(connection);
    connection.fail('ETIMEDOUT');
    return;
  }
  connection.probes += 1;
  context.counters.keepAliveProbes += 1;
  sendProbe(connection);
  connection.keepAliveAt = now + settings.keepAliveInterval * 1e6;
}
