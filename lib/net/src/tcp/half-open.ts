/**
 * SYN_RECEIVED of a passive open: a small object without rings, until the handshake is complete
 * (RFC 9293, 3.10.7.2 and 3.10.7.4).
 */
import type { IpAddress } from '../address.ts';
import type { Route } from '../network.ts';
import { type Instant, Timer } from '../storage/timers.ts';
import { tcpFlag } from '../wire/tcp.ts';
import type { TcpContext } from './context.ts';
import { plainOptions, sendHandshake } from './emit.ts';
import type { Listener } from './listener.ts';
import { initialTimeout } from './round-trip.ts';
import type { Segment } from './segment.ts';
import { offeredSegment } from './segment-size.ts';
import {
  advance,
  before,
  distance,
  notAfter,
  type SequenceNumber,
  type Timestamp,
  timestamp,
} from './sequence.ts';
import { TableEntry } from './table.ts';
import { windowScaleFor } from './window.ts';

/** tcp(7), tcp_synack_retries. */
const retransmissionMaximum = 5;

class HalfOpenTimer extends Timer {
  readonly owner: HalfOpen;

  constructor(owner: HalfOpen) {
    super(fireHalfOpen);
    this.owner = owner;
  }
}

function fireHalfOpen(this: Timer, _now: Instant): void {
  (this as HalfOpenTimer).owner.timedOut();
}

/** A handshake that a listener has answered and that the peer has not completed. */
export class HalfOpen extends TableEntry {
  readonly kind = 'halfOpen';
  readonly context: TcpContext;
  readonly listener: Listener;
  readonly route: Route;
  readonly scope: number;
  readonly initialSend: SequenceNumber;
  readonly initialReceive: SequenceNumber;
  readonly peerSegment: number;
  readonly sendScale: number;
  readonly sackPermitted: boolean;
  readonly timestamps: boolean;
  readonly timestampOffset: number;
  timestampRecent: Timestamp;
  readonly sentAt: Instant;
  /** SYN with ACK sent again so often. */
  resent = 0;
  challengedAt: Instant = -1e9;
  readonly #timer: HalfOpenTimer;

  constructor(
    context: TcpContext,
    listener: Listener,
    local: IpAddress,
    remote: IpAddress,
    scope: number,
    route: Route,
    segment: Segment,
    initialSend: SequenceNumber,
  ) {
    super(local, segment.destinationPort, remote, segment.sourcePort);
    const { options } = segment;
    this.context = context;
    this.listener = listener;
    this.scope = scope;
    this.route = route;
    this.initialSend = initialSend;
    this.initialReceive = segment.sequence;
    this.peerSegment = options.maximumSegment;
    this.sendScale = options.windowScale;
    this.sackPermitted = options.sackPermitted;
    this.timestamps = options.hasTimestamps;
    this.timestampOffset = context.timestampOffset(local, remote);
    this.timestampRecent = timestamp(options.timestampValue);
    this.sentAt = context.now;
    this.#timer = new HalfOpenTimer(this);
  }

  /** Answers the SYN for the first time, and waits. */
  begin(): void {
    this.answer();
    this.#wait();
  }

  /** Sends SYN and ACK. */
  answer(): void {
    const { context, listener, route } = this;
    sendHandshake(
      context,
      route,
      this.localPort,
      this.remotePort,
      this.initialSend,
      advance(this.initialReceive, 1),
      tcpFlag.syn | tcpFlag.ack,
      listener.initialWindow,
      offeredSegment(route, listener.settings.maximumSegment),
      this.sendScale < 0 ? -1 : listener.windowScale,
      this.sackPermitted,
      this.timestamps,
      context.timestamp(this.timestampOffset),
      this.timestampRecent,
      plainOptions,
    );
  }

  /** No answer: again, with back-off (RFC 6298, 5.5), a few times. */
  timedOut(): void {
    if (this.resent >= retransmissionMaximum) {
      this.context.counters.attemptsFailed += 1;
      this.remove();
      return;
    }
    this.resent += 1;
    this.context.counters.segmentsRetransmitted += 1;
    this.answer();
    this.#wait();
  }

  /** Takes it out of the table and off its listener. */
  remove(): void {
    this.context.environment.timers.remove(this.#timer);
    this.context.table.remove(this);
    this.listener.halfOpen -= 1;
  }

  /**
   * Checks a segment for a handshake (RFC 9293, 3.10.7.4 in SYN-RECEIVED; RFC 5961).
   * @returns true when it completes the handshake: the caller makes the connection
   */
  arrive(segment: Segment): HalfOpenVerdict {
    const expected = advance(this.initialReceive, 1);
    const offset = distance(segment.sequence, expected);
    if (segment.has(tcpFlag.syn) && !segment.has(tcpFlag.ack | tcpFlag.rst)) {
      // The peer's SYN again: our answer was lost.
      return segment.sequence === this.initialReceive ? 'answer' : 'challenge';
    }
    if (
      this.timestamps &&
      segment.options.hasTimestamps &&
      before(timestamp(segment.options.timestampValue), this.timestampRecent)
    ) {
      return 'challenge';
    }
    const inWindow = offset >= 0 ? offset < this.listener.initialWindow : offset + segment.span > 0;
    if (!inWindow && !(segment.span === 0 && offset === 0)) {
      return segment.has(tcpFlag.rst) ? 'drop' : 'challenge';
    }
    if (segment.has(tcpFlag.rst)) return offset === 0 ? 'abandon' : 'challenge';
    if (segment.has(tcpFlag.syn)) return 'challenge';
    if (!segment.has(tcpFlag.ack)) return 'drop';
    const ours = advance(this.initialSend, 1);
    if (segment.acknowledgment !== ours) return 'reset';
    if (this.timestamps && segment.options.hasTimestamps && notAfter(segment.sequence, expected)) {
      this.timestampRecent = timestamp(segment.options.timestampValue);
    }
    return 'complete';
  }

  #wait(): void {
    const { timers } = this.context.environment;
    timers.set(this.#timer, this.context.now + initialTimeout * 2 ** this.resent);
  }
}

/** What a segment means to a handshake. */
export type HalfOpenVerdict =
  | 'complete'
  | 'answer'
  | 'challenge'
  | 'drop'
  /** The peer reset it. */
  | 'abandon'
  /** It acknowledges something that was never sent: RST. */
  | 'reset';

/** Window scale and first window of connections with these settings. */
export function handshakeScale(receiveBuffer: number, maximum: number): number {
  return windowScaleFor(receiveBuffer > 0 ? receiveBuffer : maximum);
}
