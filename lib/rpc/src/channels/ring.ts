/**
 * A ring of messages in shared memory, with one writer and one reader, and a sleep protocol that loses no
 * wake-up. All of a ring:
 *
 *     byte     0  head: bytes written, modulo 2^32                     (writer)
 *             64  tail: bytes read, modulo 2^32                        (reader)
 *            128  the reader sleeps, and wants to be woken: `asleep`   (both)
 *            192  1: the writer waits for room                         (both)
 *            256  1: the writer has closed; and the reason's length    (writer)
 *            264  the reason, UTF-16                                   (writer)
 *            512  records: length (4), number of attachments (4), bytes, up to the next multiple of 8
 *
 * A record never wraps: `padding` as the length sends the reader back to the start. The other side may be
 * hostile, so everything it writes is read once and checked; a ring that lies is broken() for good.
 */

const headWord = 0;
const tailWord = 16;
const sleepingWord = 32;
const waitingWord = 48;
const closedWord = 64;
const reasonLengthWord = 65;
const reasonOffset = 264;
const headerBytes = 512;
const longestReason = (headerBytes - reasonOffset) >> 1;
const recordHeader = 8;
const padding = -1;
/** What the reader's sleep can be. */
export const asleep = {
  /** It is awake, or has been rung for. */
  not: 0,
  /** It sleeps until it is rung for, or attachments come. */
  plainly: 1,
  /** The same, but attachments have come already whose record has not: they wake it no more. */
  withAttachments: 2,
} as const;

/** Up to this length a loop copies faster than a call does. */
const shortMessage = 48;

/** The fewest bytes of records that a ring may have. */
const leastCapacity = 1024;

/**
 * Memory for a ring.
 * @param capacity bytes of records: a power of two, 1,024 or more
 */
export function ringMemory(capacity: number): SharedArrayBuffer {
  if (capacity < leastCapacity || capacity > 1 << 30 || (capacity & (capacity - 1)) !== 0) {
    throw new RangeError(`A ring's capacity is a power of two from ${leastCapacity} to 2^30.`);
  }
  return new SharedArrayBuffer(headerBytes + capacity);
}

/** What both ends of a ring see. */
class Ring {
  protected readonly words: Int32Array;
  protected readonly bytes: Uint8Array;
  /** Bytes of records. */
  readonly capacity: number;
  /** The longest message: two always fit, wherever the ring stands. */
  readonly longestMessage: number;

  constructor(memory: SharedArrayBuffer) {
    this.capacity = memory.byteLength - headerBytes;
    if (this.capacity < leastCapacity || (this.capacity & (this.capacity - 1)) !== 0) {
      throw new RangeError(`${memory.byteLength} bytes are not the memory of a ring.`);
    }
    this.words = new Int32Array(memory);
    this.bytes = new Uint8Array(memory);
    this.longestMessage = (this.capacity >> 2) - recordHeader;
  }
}

/** The end that writes. */
export class RingWriter extends Ring {
  #head: number;
  /** The reader's tail as it was last seen: asked for again only when the ring looks full. */
  #tail: number;

  constructor(memory: SharedArrayBuffer) {
    super(memory);
    this.#head = Atomics.load(this.words, headWord);
    this.#tail = Atomics.load(this.words, tailWord);
  }

  /**
   * Whether a message fits now, in which case write() may follow.
   * @returns false when it does not: then the reader is asked to say when there is room; undefined when
   *   the reader has lied about what it has read
   */
  fits(length: number): boolean | undefined {
    const needed = this.#needed(length);
    if (this.#hasRoom(needed)) return true;
    if (!this.#refresh()) return undefined;
    if (this.#hasRoom(needed)) return true;
    Atomics.store(this.words, waitingWord, 1);
    // The reader may have made room before it could see the request: look once more.
    if (!this.#refresh()) return undefined;
    if (!this.#hasRoom(needed)) return false;
    Atomics.store(this.words, waitingWord, 0);
    return true;
  }

  /** Writes a message of which fits() has said that it does. */
  write(message: Uint8Array, attachments: number): void {
    const { length } = message;
    const needed = this.#needed(length);
    let at = this.#head & (this.capacity - 1);
    if (needed > ((recordHeader + length + 7) & ~7)) {
      this.words[(headerBytes + at) >> 2] = padding;
      at = 0;
    }
    const word = (headerBytes + at) >> 2;
    this.words[word] = length;
    this.words[word + 1] = attachments;
    const start = headerBytes + at + recordHeader;
    if (length > shortMessage) this.bytes.set(message, start);
    else {
      for (let index = 0; index < length; index += 1) {
        this.bytes[start + index] = message[index] as number;
      }
    }
    this.#head = (this.#head + needed) | 0;
    // Publishes the record: all of it is written before the reader can see the new head.
    Atomics.store(this.words, headWord, this.#head);
  }

  /** Whether the reader sleeps. Told once only: who asks has to wake it. */
  takeSleep(): boolean {
    if (Atomics.load(this.words, sleepingWord) === asleep.not) return false;
    return Atomics.exchange(this.words, sleepingWord, asleep.not) !== asleep.not;
  }

  /**
   * Whether the reader sleeps although the attachments of what was written have woken it already. One that sleeps
   * plainly is left so: they will wake it, or it has read the record and sleeps again, for what comes after it.
   */
  takeSleepWithAttachments(): boolean {
    const { withAttachments, not } = asleep;
    const found = Atomics.compareExchange(this.words, sleepingWord, withAttachments, not);
    return found === withAttachments;
  }

  /** Whether fits() may do better now: it has returned false, and the reader has made room since. */
  get hasRoomAgain(): boolean {
    return Atomics.load(this.words, waitingWord) === 0;
  }

  /** Says that nothing follows. A long reason is cut. */
  close(reason: string): void {
    const text = reason.slice(0, longestReason);
    const codes = new Uint16Array(this.bytes.buffer, reasonOffset, longestReason);
    for (let index = 0; index < text.length; index += 1) codes[index] = text.charCodeAt(index);
    this.words[reasonLengthWord] = text.length;
    Atomics.store(this.words, closedWord, 1);
  }

  /** Bytes that a message takes where the ring stands: also the rest of the ring when it does not fit there. */
  #needed(length: number): number {
    const size = (recordHeader + length + 7) & ~7;
    const rest = this.capacity - (this.#head & (this.capacity - 1));
    return size <= rest ? size : rest + size;
  }

  #hasRoom(needed: number): boolean {
    return ((this.#head - this.#tail) >>> 0) + needed <= this.capacity;
  }

  /** Looks at what the reader has read. @returns false when that cannot be */
  #refresh(): boolean {
    this.#tail = Atomics.load(this.words, tailWord);
    return (this.#head - this.#tail) >>> 0 <= this.capacity;
  }
}

/** What a ring's reader has found. */
export interface RingRecord {
  /** In the ring itself: valid until advance(). */
  bytes: Uint8Array;
  attachments: number;
}

const empty = new Uint8Array(0);

/** The end that reads. */
export class RingReader extends Ring {
  #tail: number;
  #head: number;
  /** Where the record that next() has found ends. */
  #next: number;
  #broken: string | undefined;
  /** Filled by next(). */
  readonly record: RingRecord = { bytes: empty, attachments: 0 };

  constructor(memory: SharedArrayBuffer) {
    super(memory);
    this.#tail = Atomics.load(this.words, tailWord);
    this.#next = this.#tail;
    this.#head = this.#tail;
  }

  /** How the writer broke the ring's rules, undefined while it has not. */
  get broken(): string | undefined {
    return this.#broken;
  }

  /** Finds the next message and puts it into `record`. @returns false when there is none */
  next(): boolean {
    if (this.#broken !== undefined) return false;
    if (this.#tail === this.#head) {
      this.#head = Atomics.load(this.words, headWord);
      if (this.#tail === this.#head) return false;
    }
    const used = (this.#head - this.#tail) >>> 0;
    if (used > this.capacity || (used & 7) !== 0) return this.#break(`its head is ${used} ahead`);
    let at = this.#tail & (this.capacity - 1);
    let left = used;
    let length = this.words[(headerBytes + at) >> 2] as number;
    if (length === padding) {
      left -= this.capacity - at;
      at = 0;
      if (left <= 0) return this.#break('it is padded where nothing follows');
      length = this.words[headerBytes >> 2] as number;
    }
    const size = recordHeader + length;
    if (length < 0 || length > this.longestMessage || size > left || at + size > this.capacity) {
      return this.#break(`a record has ${length} bytes where ${left} are written`);
    }
    const attachments = this.words[((headerBytes + at) >> 2) + 1] as number;
    const start = headerBytes + at + recordHeader;
    this.record.bytes = this.bytes.subarray(start, start + length);
    this.record.attachments = attachments;
    this.#next = (this.#head - left + ((size + 7) & ~7)) | 0;
    return true;
  }

  /**
   * Gives the last message's room back.
   * @returns whether the writer waits for room and has to be woken
   */
  advance(): boolean {
    if (this.#tail === this.#next) return false;
    this.#tail = this.#next;
    Atomics.store(this.words, tailWord, this.#tail);
    if (Atomics.load(this.words, waitingWord) !== 1) return false;
    // Half of the ring at a time: a writer that waits is not woken for each record.
    const used = (Atomics.load(this.words, headWord) - this.#tail) >>> 0;
    if (used > this.capacity >> 1) return false;
    return Atomics.exchange(this.words, waitingWord, 0) === 1;
  }

  /**
   * Goes to sleep: the writer wakes whoever sleeps.
   * @param how see `asleep`
   * @returns false when something has come in the meantime; then it does not sleep
   */
  sleep(how: number): boolean {
    Atomics.store(this.words, sleepingWord, how);
    // A writer that did not see the flag has written before: look once more.
    if (Atomics.load(this.words, headWord) === this.#tail && !this.isClosed) return true;
    Atomics.store(this.words, sleepingWord, asleep.not);
    return false;
  }

  /** Whether something may be there that next() has not seen. */
  get hasMore(): boolean {
    return Atomics.load(this.words, headWord) !== this.#tail;
  }

  /** Whether the writer has said that nothing follows what is in the ring. */
  get isClosed(): boolean {
    return Atomics.load(this.words, closedWord) === 1;
  }

  /** Why it has, for people. */
  get closeReason(): string {
    const length = this.words[reasonLengthWord] as number;
    const codes = new Uint16Array(this.bytes.buffer, reasonOffset, longestReason);
    const shown = codes.subarray(0, Math.min(Math.max(length, 0), longestReason));
    return String.fromCharCode(...shown);
  }

  #break(why: string): false {
    this.#broken = `the ring of messages is broken: ${why}`;
    return false;
  }
}
