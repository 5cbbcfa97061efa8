/**
 * What was sent and is not acknowledged: the scoreboard of RFC 6675 and RFC 8985, as a list of
 * ranges in order of sequence numbers. A range is what was handed to the IP layer at once (up to a
 * whole TSO packet); it is split where selective acknowledgements or retransmissions need it, and
 * SACKed neighbours melt into one. Ranges are recycled: nothing is allocated in steady state.
 */
import type { Instant } from '../storage/timers.ts';
import { advance, before, notAfter, type SequenceNumber, sequence } from './sequence.ts';

/** Marks of a range. */
export const sentMark = {
  /** The peer has it (SACK). */
  sacked: 1,
  /** Taken for lost: does not count as in flight. */
  lost: 2,
  /** Sent again since it was taken for lost: counts as in flight again. */
  resent: 4,
  /** Sent more than once, ever: no round-trip time can be measured by it (Karn). */
  everResent: 8,
} as const;

/** A range of sequence numbers in flight. */
export class SentRange {
  start: SequenceNumber = sequence(0);
  end: SequenceNumber = sequence(0);
  /** When it was sent last. */
  sentAt: Instant = 0.5; // not an integer, so that V8 gives the field room for a double at once
  marks = 0;
  next: SentRange | null = null;
  previous: SentRange | null = null;

  get length(): number {
    return (this.end - this.start) | 0;
  }

  get isSacked(): boolean {
    return (this.marks & sentMark.sacked) !== 0;
  }

  /** Lost and not sent again yet. */
  get mustResend(): boolean {
    return (this.marks & (sentMark.lost | sentMark.resent)) === sentMark.lost;
  }
}

/** Ranges that nobody uses now; shared by all connections of a stack. */
export class SentRangePool {
  #free: SentRange | null = null;

  take(): SentRange {
    const range = this.#free;
    if (range === null) return new SentRange();
    this.#free = range.next;
    range.next = null;
    return range;
  }

  give(range: SentRange): void {
    range.previous = null;
    range.next = this.#free;
    this.#free = range;
  }
}

/** The ranges of one connection, with the sums that congestion control asks for. */
export class Flight {
  readonly #pool: SentRangePool;
  first: SentRange | null = null;
  last: SentRange | null = null;
  /** Bytes that were SACKed (or that duplicate acknowledgements stand for, without SACK). */
  sacked = 0;
  /** Bytes taken for lost, and of them those sent again. */
  lost = 0;
  resent = 0;
  /** Where find() ended last, and before which nothing is to be sent again; null: begin at the start. */
  #hint: SentRange | null = null;
  #resendFrom: SentRange | null = null;

  constructor(pool: SentRangePool) {
    this.#pool = pool;
  }

  get isEmpty(): boolean {
    return this.first === null;
  }

  /** Bytes to be sent again. */
  get toResend(): number {
    return this.lost - this.resent;
  }

  /** Adds what was just sent, after everything else. */
  append(start: SequenceNumber, end: SequenceNumber, sentAt: Instant): void {
    const range = this.#pool.take();
    range.start = start;
    range.end = end;
    range.sentAt = sentAt;
    range.marks = 0;
    range.previous = this.last;
    range.next = null;
    if (this.last === null) this.first = range;
    else this.last.next = range;
    this.last = range;
  }

  /** Cuts a range at a sequence number within it; the part from there on becomes a range of its own. */
  split(range: SentRange, at: SequenceNumber): SentRange {
    const rest = this.#pool.take();
    rest.start = at;
    rest.end = range.end;
    rest.sentAt = range.sentAt;
    rest.marks = range.marks;
    rest.previous = range;
    rest.next = range.next;
    if (range.next === null) this.last = rest;
    else range.next.previous = rest;
    range.next = rest;
    range.end = at;
    return rest;
  }

  /** Takes the marks' bytes of a range out of the sums. */
  forget(range: SentRange): void {
    const { length, marks } = range;
    if ((marks & sentMark.sacked) !== 0) this.sacked -= length;
    if ((marks & sentMark.lost) !== 0) this.lost -= length;
    if ((marks & sentMark.resent) !== 0) this.resent -= length;
  }

  /** Drops the first range: all of it was acknowledged. */
  shift(): void {
    const range = this.first as SentRange;
    this.forget(range);
    if (this.#hint === range) this.#hint = null;
    if (this.#resendFrom === range) this.#resendFrom = range.next;
    this.first = range.next;
    if (range.next === null) this.last = null;
    else range.next.previous = null;
    this.#pool.give(range);
  }

  /** Marks a range as SACKed; it is neither lost nor resent any more. */
  markSacked(range: SentRange): void {
    this.forget(range);
    range.marks = (range.marks & sentMark.everResent) | sentMark.sacked;
    this.sacked += range.length;
  }

  /** Marks a range as lost, again if what was sent again was lost too. */
  markLost(range: SentRange): void {
    this.forget(range);
    range.marks = (range.marks & sentMark.everResent) | sentMark.lost;
    this.lost += range.length;
    if (this.#resendFrom !== null && before(range.start, this.#resendFrom.start)) {
      this.#resendFrom = range;
    }
  }

  /** Marks a range as sent again at an instant. */
  markResent(range: SentRange, now: Instant): void {
    if ((range.marks & sentMark.lost) !== 0 && (range.marks & sentMark.resent) === 0) {
      range.marks |= sentMark.resent;
      this.resent += range.length;
    }
    range.marks |= sentMark.everResent;
    range.sentAt = now;
  }

  /** Forgets all SACK marks: the peer may have thrown the data away (RFC 2018, section 8). */
  forgetSacks(): void {
    for (let range = this.first; range !== null; range = range.next) {
      range.marks &= ~sentMark.sacked;
    }
    this.sacked = 0;
  }

  /** Forgets what was taken for lost: it was not (RFC 3522, RFC 4015). */
  forgetLosses(): void {
    for (let range = this.first; range !== null; range = range.next) {
      range.marks &= ~(sentMark.lost | sentMark.resent);
    }
    this.lost = 0;
    this.resent = 0;
  }

  /** Marks everything that was not SACKed as lost, after a timeout (RFC 6298, RFC 8985 section 6.3). */
  loseAll(): void {
    for (let range = this.first; range !== null; range = range.next) {
      if (!range.isSacked) this.markLost(range);
    }
  }

  /** First range that is to be sent again, or null. */
  nextToResend(): SentRange | null {
    if (this.lost === this.resent) return null;
    let range = this.#resendFrom ?? this.first;
    while (range !== null && !range.mustResend) range = range.next;
    this.#resendFrom = range;
    return range;
  }

  /**
   * The range that holds a sequence number in flight, looked for from where the last search ended:
   * acknowledgements report neighbouring places.
   */
  find(at: SequenceNumber): SentRange | null {
    let range = this.#hint ?? this.first;
    while (range !== null && before(at, range.start)) range = range.previous;
    if (range === null) range = this.first;
    while (range !== null && notAfter(range.end, at)) range = range.next;
    if (range !== null) this.#hint = range;
    return range;
  }

  /** Melts a SACKED range with SACKed neighbours, so that long SACKed stretches cost nothing to pass. */
  melt(range: SentRange): SentRange {
    let result = range;
    const { previous } = range;
    if (previous?.isSacked === true) {
      this.#absorb(previous, range);
      result = previous;
    }
    if (result.next?.isSacked === true) this.#absorb(result, result.next);
    return result;
  }

  /** Gives all ranges back. */
  clear(): void {
    while (this.first !== null) this.shift();
  }

  #absorb(range: SentRange, next: SentRange): void {
    range.end = next.end;
    if (next.sentAt > range.sentAt) range.sentAt = next.sentAt;
    range.marks |= next.marks;
    range.next = next.next;
    if (next.next === null) this.last = range;
    else next.next.previous = range;
    if (this.#hint === next) this.#hint = range;
    if (this.#resendFrom === next) this.#resendFrom = range;
    this.#pool.give(next);
  }
}

/** Where a chunk of at most `length` bytes from a range's start ends. */
export function chunkEnd(range: SentRange, length: number): SequenceNumber {
  return length >= range.length ? range.end : advance(range.start, length);
}
