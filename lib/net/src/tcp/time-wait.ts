/**
 * TIME_WAIT, and FIN_WAIT_2 of connections that nobody holds any more: what is left of a connection
 * are its name and a few numbers (RFC 9293, 3.6; RFC 6191; RFC 1337).
 */
import type { Route } from '../network.ts';
import { type Instant, never, Timer } from '../storage/timers.ts';
import { tcpFlag } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import type { TcpContext } from './context.ts';
import { resetStray, sendBare } from './emit.ts';
import type { Segment } from './segment.ts';
import {
  advance,
  before,
  distance,
  type SequenceNumber,
  type Timestamp,
  timestamp,
} from './sequence.ts';
import { tcpState } from './state.ts';
import { TableEntry } from './table.ts';

/** Twice the maximum segment lifetime, as Linux counts it; also tcp_fin_timeout. */
export const timeWaitTime = 60_000_000;

/** A connection after its end. */
export class TimeWait extends TableEntry {
  readonly kind = 'timeWait';
  state: typeof tcpState.timeWait | typeof tcpState.finWait2;
  readonly route: Route;
  readonly sendNext: SequenceNumber;
  receiveNext: SequenceNumber;
  readonly window: number;
  readonly timestamps: boolean;
  readonly timestampOffset: number;
  timestampRecent: Timestamp;
  since: Instant;
  // The queue, in order of `since`.
  older: TimeWait | null = null;
  newer: TimeWait | null = null;

  constructor(
    connection: Connection,
    state: typeof tcpState.timeWait | typeof tcpState.finWait2,
    since: Instant,
  ) {
    super(
      connection.localAddress,
      connection.localPort,
      connection.remoteAddress,
      connection.remotePort,
    );
    this.state = state;
    this.route = connection.route;
    this.sendNext = connection.sendNext;
    this.receiveNext = connection.receiveNext;
    this.window = Math.min(
      Math.max(0, distance(connection.receiveEdge, connection.receiveNext)) >>>
        connection.receiveScale,
      0xffff,
    );
    this.timestamps = connection.timestamps;
    this.timestampOffset = connection.timestampOffset;
    this.timestampRecent = connection.timestampRecent;
    this.since = since;
  }
}

/** All of them, oldest first, with one timer and a bound on their number. */
export class TimeWaitQueue {
  readonly #context: TcpContext;
  readonly #maximum: number;
  readonly #timer: Timer;
  #oldest: TimeWait | null = null;
  #newest: TimeWait | null = null;
  #size = 0;

  constructor(context: TcpContext, maximum: number) {
    this.#context = context;
    this.#maximum = maximum;
    this.#timer = new Timer((now) => this.#expire(now));
  }

  get size(): number {
    return this.#size;
  }

  /** Keeps what is left of a connection, whose user is about to be told that it is closed. */
  enter(connection: Connection, state: typeof tcpState.timeWait | typeof tcpState.finWait2): void {
    const context = this.#context;
    context.counters.timeWaitEntered += 1;
    if (this.#size >= this.#maximum && this.#oldest !== null) {
      context.counters.timeWaitEvicted += 1;
      this.remove(this.#oldest);
    }
    context.table.remove(connection);
    const entry = new TimeWait(connection, state, context.now);
    context.table.add(entry);
    this.#append(entry);
  }

  /** Forgets one. */
  remove(entry: TimeWait): void {
    this.#unlink(entry);
    this.#context.table.remove(entry);
    if (this.#size === 0) this.#context.environment.timers.remove(this.#timer);
  }

  /** Forgets all: the stack ends. */
  clear(): void {
    while (this.#oldest !== null) this.remove(this.#oldest);
  }

  /**
   * A segment for one of them (RFC 9293, 3.10.7.4, TIME-WAIT STATE).
   * @returns true when it is a SYN that begins a new connection of the same name: the entry is gone
   */
  arrive(entry: TimeWait, segment: Segment): boolean {
    const { counters } = this.#context;
    const isOld =
      entry.timestamps &&
      segment.options.hasTimestamps &&
      before(timestamp(segment.options.timestampValue), entry.timestampRecent);
    // RFC 1337: a reset must not end TIME_WAIT. In FIN_WAIT_2 it does.
    if (segment.has(tcpFlag.rst)) {
      counters.resetsReceived += 1;
      if (entry.state === tcpState.finWait2 && segment.sequence === entry.receiveNext) {
        this.remove(entry);
      }
      return false;
    }
    // RFC 6191, section 2: a SYN that is provably newer.
    if (segment.has(tcpFlag.syn) && !segment.has(tcpFlag.ack)) {
      const newer =
        entry.timestamps && segment.options.hasTimestamps
          ? before(entry.timestampRecent, timestamp(segment.options.timestampValue)) ||
            (!isOld && before(entry.receiveNext, segment.sequence))
          : before(entry.receiveNext, segment.sequence);
      if (newer && entry.state === tcpState.timeWait) {
        counters.timeWaitReused += 1;
        this.remove(entry);
        return true;
      }
      this.#acknowledge(entry);
      return false;
    }
    if (entry.state === tcpState.finWait2) {
      this.#arriveInFinWait2(entry, segment, isOld);
      return false;
    }
    if (segment.span > 0 || isOld) {
      // A retransmitted FIN: acknowledge, and wait anew. Anything else old: acknowledge only.
      if (segment.has(tcpFlag.fin) && !isOld) this.#renew(entry);
      this.#acknowledge(entry);
    }
    return false;
  }

  /** Nobody would take data any more: only FIN is waited for. */
  #arriveInFinWait2(entry: TimeWait, segment: Segment, isOld: boolean): void {
    const { counters } = this.#context;
    if (isOld || before(segment.sequence, entry.receiveNext)) {
      counters.dropOutsideWindow += 1;
      if (segment.span > 0 || isOld) this.#acknowledge(entry);
      return;
    }
    if (segment.length > 0) {
      counters.dropAfterClose += 1;
      resetStray(this.#context, entry.route, segment);
      this.remove(entry);
      return;
    }
    if (!segment.has(tcpFlag.fin) || segment.sequence !== entry.receiveNext) return;
    entry.receiveNext = advance(entry.receiveNext, 1);
    entry.state = tcpState.timeWait;
    if (segment.options.hasTimestamps) {
      entry.timestampRecent = timestamp(segment.options.timestampValue);
    }
    this.#renew(entry);
    this.#acknowledge(entry);
  }

  #acknowledge(entry: TimeWait): void {
    const context = this.#context;
    context.counters.acknowledgmentsSent += 1;
    if (!entry.route.valid) {
      context.counters.dropNoRoute += 1;
      return;
    }
    sendBare(
      context,
      entry.route,
      entry.localPort,
      entry.remotePort,
      entry.sendNext,
      entry.receiveNext,
      tcpFlag.ack,
      entry.window,
      entry.timestamps,
      context.timestamp(entry.timestampOffset),
      entry.timestampRecent,
    );
  }

  /** Begins the wait anew. */
  #renew(entry: TimeWait): void {
    this.#unlink(entry);
    entry.since = this.#context.now;
    this.#append(entry);
  }

  #append(entry: TimeWait): void {
    entry.older = this.#newest;
    entry.newer = null;
    if (this.#newest === null) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
    this.#size += 1;
    if (this.#timer.deadline === never) {
      this.#context.environment.timers.set(this.#timer, entry.since + timeWaitTime);
    }
  }

  #unlink(entry: TimeWait): void {
    if (entry.older === null) this.#oldest = entry.newer;
    else entry.older.newer = entry.newer;
    if (entry.newer === null) this.#newest = entry.older;
    else entry.newer.older = entry.older;
    entry.older = null;
    entry.newer = null;
    this.#size -= 1;
  }

  #expire(now: Instant): void {
    while (this.#oldest !== null && this.#oldest.since + timeWaitTime <= now) {
      this.remove(this.#oldest);
    }
    if (this.#oldest !== null) {
      this.#context.environment.timers.set(this.#timer, this.#oldest.since + timeWaitTime);
    }
  }
}
