/**
 * Rings of datagram records (native/abi/broker.abi.ts): each a header with its payload, padded to 8
 * bytes, never wrapping; one word `datagramWrap` where a record is at the ring's start instead.
 */
import { datagramRecord, datagramWrap } from '../generated/shared-memory.ts';
import type { Memory } from '../memory.ts';
import type { GrowRing, RingWords } from '../storage/ring.ts';

/** Bytes that a datagram takes in a ring. */
export function recordSize(length: number): number {
  return (datagramRecord.size + length + 7) & ~7;
}

/** The consumer's end of a ring of records. */
export class RecordReader {
  readonly #memory: Memory;
  readonly #words: RingWords;

  constructor(memory: Memory, words: RingWords) {
    this.#memory = memory;
    this.#words = words;
  }

  get isEmpty(): boolean {
    const { words } = this.#memory;
    return Atomics.load(words, this.#words.head) === words[this.#words.tail];
  }

  /**
   * The oldest record.
   * @returns its offset in memory; 0 when there is none. A record that reaches beyond what was
   * produced empties the ring.
   */
  peek(): number {
    const { words } = this.#memory;
    for (;;) {
      const head = Atomics.load(words, this.#words.head);
      const tail = words[this.#words.tail] as number;
      const used = (head - tail) >>> 0;
      if (used === 0) return 0;
      const capacity = words[this.#words.capacity] as number;
      if (used > capacity) return this.#empty(head);
      const position = tail & (capacity - 1);
      const at = (words[this.#words.offset] as number) + position;
      const length = (words[at >> 2] as number) >>> 0;
      if (length === datagramWrap) {
        this.#advance(capacity - position);
        continue;
      }
      // Compared first as it is: the size of what is nearly 2^32 bytes would be 0, and never consumed.
      if (length > used) return this.#empty(head);
      const size = recordSize(length);
      return size <= used && position + size <= capacity ? at : this.#empty(head);
    }
  }

  /** Drops the oldest record. */
  consume(record: number): void {
    this.#advance(recordSize(this.#memory.words[record >> 2] as number));
  }

  #empty(head: number): 0 {
    Atomics.store(this.#memory.words, this.#words.tail, head);
    return 0;
  }

  #advance(length: number): void {
    const { words } = this.#memory;
    Atomics.store(words, this.#words.tail, ((words[this.#words.tail] as number) + length) | 0);
  }
}

/** The producer's end of a ring of records. */
export class RecordWriter {
  readonly #memory: Memory;
  readonly #words: RingWords;
  readonly #grow: GrowRing;
  readonly #first: number;

  /**
   * @param grow gives the ring another capacity, with its records packed at its start
   * @param first bytes of its first capacity, a power of two
   */
  constructor(memory: Memory, words: RingWords, grow: GrowRing, first = 32 * 1024) {
    this.#memory = memory;
    this.#words = words;
    this.#grow = grow;
    this.#first = first;
  }

  /** Bytes that wait for the reader. */
  get length(): number {
    const { words } = this.#memory;
    return ((words[this.#words.head] as number) - Atomics.load(words, this.#words.tail)) >>> 0;
  }

  /**
   * Finds room for a record with `length` bytes of payload.
   * @param limit most bytes that the ring may hold then
   * @returns the record's offset in memory, 0 when there is no room; produce() makes it readable
   */
  reserve(length: number, limit: number): number {
    const { words } = this.#memory;
    const size = recordSize(length);
    for (;;) {
      const head = words[this.#words.head] as number;
      const used = (head - Atomics.load(words, this.#words.tail)) >>> 0;
      // As on Linux, one datagram always finds room in an empty buffer.
      if (used > 0 && used + size > limit) return 0;
      // 0 when the ring of an idle socket was freed; its indices stay.
      const capacity = words[this.#words.capacity] as number;
      const position = head & (capacity - 1);
      const base = words[this.#words.offset] as number;
      if (capacity - position >= size) {
        if (capacity - used >= size) return base + position;
      } else if (capacity > 0 && capacity - used >= capacity - position + size) {
        words[(base + position) >> 2] = datagramWrap | 0;
        Atomics.store(words, this.#words.head, (head + capacity - position) | 0);
        return base;
      }
      // Growing packs the records anew, so everything is read again.
      if (!this.#grow(this.#capacityFor(size, capacity))) return 0;
    }
  }

  /** Makes a reserved record, filled in, readable. */
  produce(length: number): void {
    const { words } = this.#memory;
    const head = words[this.#words.head] as number;
    Atomics.store(words, this.#words.head, (head + recordSize(length)) | 0);
  }

  #capacityFor(size: number, capacity: number): number {
    let wanted = Math.max(capacity * 2, this.#first);
    while (wanted < 2 * size) wanted *= 2;
    return wanted;
  }
}
