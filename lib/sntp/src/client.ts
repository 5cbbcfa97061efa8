/**
 * An SNTP client (RFC 4330; on-wire protocol and kiss codes of RFC 5905): asks one server at a time, the
 * next one when it does not answer or refuses, and corrects the clock. Clocks, randomness and datagrams
 * are the host's.
 */
import { packetSize, type Refusal, readAnswer, type ServerTime, writeRequest } from './wire.ts';

/** Microseconds on a clock that never goes back. */
export type Instant = number;

/** What the client needs from whoever runs it. */
export interface SntpHost {
  /** The monotonic clock. */
  now(): Instant;
  /** The wall clock: nanoseconds since 1970. */
  wall(): bigint;
  /** Fills an array with bytes that nobody can predict. */
  random(into: Uint8Array): void;
  /** Sends a request to a server by its index; whether it left does not matter. */
  send(server: number, packet: Uint8Array): void;
  /** Moves the wall clock, at once or by and by; the latter replaces what is left of the last time. */
  adjust(nanoseconds: bigint, how: 'step' | 'slew'): void;
  log(level: 'warn' | 'info' | 'debug', text: string): void;
}

/** How often to ask, in seconds; RFC 4330 wants 15 at least. */
export interface SntpOptions {
  /** First interval once the time is known; doubles while the clock stays right. */
  readonly leastInterval?: number;
  readonly greatestInterval?: number;
}

const second = 1_000_000;
/** Nanoseconds. */
const millisecond = 1_000_000n;
const leastInterval = 64;
const greatestInterval = 1024;
/** An answer that takes longer is of no use. */
const answerTime = 3 * second;
/** Until the first answer: from here on doubled each round. */
const firstRetry = 4 * second;
/** How soon a large difference is looked at once more. */
const confirmationTime = 2 * second;
/** RFC 5905's step threshold. */
const stepThreshold = 128n * millisecond;
/** A clock that is wrong by less is right: the interval grows. */
const goodOffset = 10n * millisecond;
/** Two measurements that differ by less say the same. */
const agreement = 100n * millisecond;
/** Two answers of which one took this much longer are not the same sample. */
const longestDelay = 1_000n * millisecond;

/** What the client does. */
type State =
  | { readonly kind: 'waiting'; readonly until: Instant }
  | {
      readonly kind: 'asking';
      readonly server: number;
      readonly cookie: bigint;
      readonly sentAt: Instant;
      readonly sentWall: bigint;
    }
  /** Every server has refused for good. */
  | { readonly kind: 'stopped' };

/** A client. Call wake() when the time that it returns has come, and receive() for datagrams. */
export class SntpClient {
  readonly counters: Record<string, number> = {
    requests: 0,
    answers: 0,
    timeouts: 0,
    steps: 0,
    slews: 0,
  };
  readonly #host: SntpHost;
  readonly #least: number;
  readonly #greatest: number;
  /** Which servers may be asked. */
  readonly #usable: boolean[];
  readonly #request = new Uint8Array(packetSize);
  readonly #random = new Uint8Array(8);
  #state: State;
  #server = 0;
  #interval: number;
  #retry = firstRetry;
  #isSynchronised = false;
  /** A large difference that has to be seen twice. */
  #suspected: bigint | undefined;

  /**
   * @param host what it works with
   * @param servers how many there are
   * @param options intervals
   */
  constructor(host: SntpHost, servers: number, options: SntpOptions = {}) {
    this.#host = host;
    this.#least = (options.leastInterval ?? leastInterval) * second;
    this.#greatest = Math.max(this.#least, (options.greatestInterval ?? greatestInterval) * second);
    this.#interval = this.#least;
    this.#usable = Array.from({ length: servers }, () => true);
    this.#state = servers === 0 ? { kind: 'stopped' } : { kind: 'waiting', until: host.now() };
  }

  /** Whether the clock has been set. */
  get isSynchronised(): boolean {
    return this.#isSynchronised;
  }

  /**
   * Does what is due.
   * @returns when to call again: Infinity when nothing will be due
   */
  wake(): Instant {
    const now = this.#host.now();
    const state = this.#state;
    switch (state.kind) {
      case 'stopped':
        return Number.POSITIVE_INFINITY;
      case 'waiting':
        return now < state.until ? state.until : this.#ask();
      case 'asking': {
        const end = state.sentAt + answerTime;
        if (now < end) return end;
        this.#count('timeouts');
        return this.#fail();
      }
      default:
        return state satisfies never;
    }
  }

  /**
   * Takes a datagram from a server.
   * @param server whose address and port it has
   * @param bytes its content
   * @param receivedAt when it came, on the monotonic clock: before it waited for its turn here
   * @returns when to call wake() again
   */
  receive(server: number, bytes: Uint8Array, receivedAt: Instant): Instant {
    const state = this.#state;
    if (state.kind !== 'asking' || state.server !== server) {
      this.#count('unexpected answers');
      return this.wake();
    }
    const answer = readAnswer(bytes, state.cookie);
    if (typeof answer === 'string') return this.#refuse(answer);
    if (answer.kind === 'kiss') return this.#kiss(answer.code);
    return this.#accept(answer, state.sentWall, receivedAt - state.sentAt);
  }

  #ask(): Instant {
    const { random, send, wall, now } = this.#host;
    random.call(this.#host, this.#random);
    const cookie = new DataView(this.#random.buffer).getBigUint64(0);
    writeRequest(this.#request, cookie);
    const server = this.#server;
    this.#count('requests');
    const sentAt = now.call(this.#host);
    this.#state = { kind: 'asking', server, cookie, sentAt, sentWall: wall.call(this.#host) };
    send.call(this.#host, server, this.#request);
    return sentAt + answerTime;
  }

  #waitFor(time: number): Instant {
    const until = this.#host.now() + time;
    this.#state = { kind: 'waiting', until };
    return until;
  }

  /** An answer that is none: the right one may still come. */
  #refuse(why: Refusal): Instant {
    this.#count(why);
    if (why === 'server not synchronised' || why === 'root too far away') return this.#fail();
    return this.wake();
  }

  /** RFC 5905, 7.4: DENY and RSTR mean never again, RATE means more slowly; the rest tells of trouble. */
  #kiss(code: string): Instant {
    this.#count(`kiss ${code}`);
    this.#host.log('info', `time server ${this.#server} says ${code}`);
    if (code === 'DENY' || code === 'RSTR') {
      this.#usable[this.#server] = false;
      if (!this.#usable.includes(true)) {
        this.#host.log('warn', 'no time server wants to be asked: the clock runs by itself');
        this.#state = { kind: 'stopped' };
        return Number.POSITIVE_INFINITY;
      }
      return this.#fail();
    }
    this.#interval = Math.min(this.#interval * 2, this.#greatest);
    this.#next();
    return this.#waitFor(this.#interval);
  }

  /** No answer: another server after a while, which grows. */
  #fail(): Instant {
    this.#suspected = undefined;
    this.#next();
    const time = this.#isSynchronised ? Math.max(this.#retry, this.#least) : this.#retry;
    this.#retry = Math.min(this.#retry * 2, this.#greatest);
    return this.#waitFor(time);
  }

  #next(): void {
    const count = this.#usable.length;
    for (let step = 1; step <= count; step++) {
      const server = (this.#server + step) % count;
      if (!this.#usable[server]) continue;
      this.#server = server;
      return;
    }
  }

  /** RFC 4330, section 5: offset and delay. */
  #accept(answer: ServerTime, sentWall: bigint, elapsed: number): Instant {
    // The way there and back, by the monotonic clock: the wall clock may have been moved in between.
    const roundTrip = BigInt(Math.round(elapsed)) * 1000n;
    const delay = roundTrip - (answer.transmitted - answer.received);
    if (delay < 0n || delay > longestDelay) {
      this.#count('delay out of range');
      return this.#fail();
    }
    this.#count('answers');
    this.#retry = firstRetry;
    const arrived = sentWall + roundTrip;
    const offset = (answer.received - sentWall + (answer.transmitted - arrived)) / 2n;
    return this.#correct(offset);
  }

  #correct(offset: bigint): Instant {
    const size = offset < 0n ? -offset : offset;
    if (size <= stepThreshold) {
      this.#suspected = undefined;
      this.#count('slews');
      this.#host.adjust(offset, 'slew');
      this.#isSynchronised = true;
      this.#interval =
        size < goodOffset ? Math.min(this.#interval * 2, this.#greatest) : this.#least;
      this.#host.log('debug', `the clock is wrong by ${milliseconds(offset)} ms`);
      return this.#waitFor(this.#interval);
    }
    // A clock that was right does not jump because of one answer.
    if (this.#isSynchronised && !this.#agrees(offset)) {
      this.#suspected = offset;
      return this.#waitFor(confirmationTime);
    }
    this.#suspected = undefined;
    this.#count('steps');
    this.#host.adjust(offset, 'step');
    this.#isSynchronised = true;
    this.#interval = this.#least;
    this.#host.log('info', `the clock was wrong by ${milliseconds(offset)} ms and has been set`);
    return this.#waitFor(confirmationTime);
  }

  #agrees(offset: bigint): boolean {
    if (this.#suspected === undefined) return false;
    const difference = offset - this.#suspected;
    return difference < agreement && difference > -agreement;
  }

  #count(name: string): void {
    this.counters[name] = (this.counters[name] ?? 0) + 1;
  }
}

function milliseconds(nanoseconds: bigint): string {
  return (Number(nanoseconds) / 1e6).toFixed(1);
}
