/**
 * Byte rings in shared memory, with one producer and one consumer that may run on different CPUs.
 *
 * A ring is `capacity` bytes at `offset`, capacity a power of two (or 0: not allocated yet). `head`
 * counts the bytes ever produced, `tail` those ever consumed, both modulo 2^32; their difference is
 * what the ring holds. Both lie in shared words. Whoever moves an index does so with Atomics after
 * its bytes are in place (head) or no longer needed (tail).
 */
import type { Memory } from '../memory.ts';

/** Where a ring's indices lie: numbers of words in `memory.words`. */
export interface RingWords {
  readonly offset: number;
  readonly capacity: number;
  readonly head: number;
  readonly tail: number;
}

/** Grows a ring: gives it `capacity` bytes and moves its content. False: no memory for that. */
export type GrowRing = (capacity: number) => boolean;

/** Copies between a ring position and flat memory, in two pieces where the ring wraps. */
function copyIn(
  memory: Memory,
  base: number,
  mask: number,
  at: number,
  from: number,
  length: number,
): void {
  const start = at & mask;
  const first = Math.min(length, mask + 1 - start);
  memory.copy(base + start, from, first);
  if (first < length) memory.copy(base, from + first, length - first);
}

function copyOut(
  memory: Memory,
  base: number,
  mask: number,
  at: number,
  to: number,
  length: number,
): void {
  const start = at & mask;
  const first = Math.min(length, mask + 1 - start);
  memory.copy(to, base + start, first);
  if (first < length) memory.copy(to + first, base, length - first);
}

/** The stack's end of a send ring: the application produces, the stack consumes what was acknowledged. */
export class SendRing {
  readonly memory: Memory;
  readonly words: RingWords;

  constructor(memory: Memory, words: RingWords) {
    this.memory = memory;
    this.words = words;
  }

  /** Bytes in the ring: sent and not acknowledged, and not sent yet. */
  get length(): number {
    const { words } = this.memory;
    return (Atomics.load(words, this.words.head) - (words[this.words.tail] as number)) >>> 0;
  }

  /**
   * Copies bytes that the ring holds into a packet.
   * @param skip how many bytes after the oldest to begin
   * @param to offset in memory
   */
  copy(skip: number, to: number, length: number): void {
    const { words } = this.memory;
    const capacity = words[this.words.capacity] as number;
    const tail = words[this.words.tail] as number;
    copyOut(this.memory, words[this.words.offset] as number, capacity - 1, tail + skip, to, length);
  }

  /** Drops the oldest bytes: they were acknowledged. */
  consume(length: number): void {
    const { words } = this.memory;
    Atomics.store(words, this.words.tail, ((words[this.words.tail] as number) + length) | 0);
  }
}

/** The stack's end of a receive ring: the stack produces, also ahead of gaps; the application consumes. */
export class ReceiveRing {
  readonly memory: Memory;
  readonly words: RingWords;
  readonly #grow: GrowRing;

  /** @param grow asks for more capacity, up to what the socket may hold */
  constructor(memory: Memory, words: RingWords, grow: GrowRing) {
    this.memory = memory;
    this.words = words;
    this.#grow = grow;
  }

  /** Bytes that wait for the application. */
  get length(): number {
    const { words } = this.memory;
    return ((words[this.words.head] as number) - Atomics.load(words, this.words.tail)) >>> 0;
  }

  /**
   * Writes bytes at a distance after the newest in-order byte, growing the ring when they do not
   * fit. They become readable by produce().
   * @returns false when there is no memory: nothing was written
   */
  write(ahead: number, from: number, length: number): boolean {
    const { words } = this.memory;
    const needed = this.length + ahead + length;
    if (needed > (words[this.words.capacity] as number)) {
      let capacity = Math.max(words[this.words.capacity] as number, 4096);
      while (capacity < needed) capacity *= 2;
      if (!this.#grow(capacity)) return false;
    }
    const mask = (words[this.words.capacity] as number) - 1;
    const head = words[this.words.head] as number;
    copyIn(this.memory, words[this.words.offset] as number, mask, head + ahead, from, length);
    return true;
  }

  /** Makes the next `length` bytes readable. */
  produce(length: number): void {
    const { words } = this.memory;
    Atomics.store(words, this.words.head, ((words[this.words.head] as number) + length) | 0);
  }
}
