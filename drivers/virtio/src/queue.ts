/**
 * Split virtqueues (virtio 1.2, section 2.7), the driver's side.
 *
 * A buffer handed to the queue belongs to the device: the queue keeps it, and nobody else can get at
 * it, until takeUsed() hands it back or drain() does after a reset. What the device writes is never
 * trusted: an entry that cannot be right sets `violation`, after which the queue does nothing more,
 * and the driver resets the device.
 *
 * Memory of one queue:
 *
 *     descriptors (16 bytes each) | available ring | used ring | indirect tables
 *
 * Who orders what. The driver writes descriptors and ring entries with plain stores, then the
 * available index with an atomic one: the device that sees the index sees the entries. That store is
 * also a full barrier between "index written" and "notification wanted?" read: the device does the
 * same in the opposite order, so that one of the two always notices. The used index is read
 * atomically before the entries that it covers.
 */
import type { DmaMemory, Platform } from '@runtimejs/platform/platform.ts';
import { feature } from './constants.ts';
import type { Features } from './features.ts';
import type { Notify, QueuePlacement } from './transport.ts';

const descriptorFlag = { next: 1, write: 2, indirect: 4 } as const;
const descriptorBytes = 16;
/** In the used ring's flags: the device does not want to be notified (2.7.10). */
const noNotify = 1;
/** In the available ring's flags: the driver does not want to be interrupted (2.7.7). */
const noInterrupt = 1;

/** One piece of a chain. */
export interface ChainPart {
  readonly deviceAddress: number;
  readonly length: number;
  /** The device writes it; such parts come last (2.7.4.2). */
  readonly deviceWrites: boolean;
}

/** How a queue is laid out. */
export interface QueueOptions {
  /** How many descriptors: a power of two, at most 32768. */
  readonly size: number;
  /** Longest chain that submitChain() will be given; with more than 1, tables for it are set aside. */
  readonly longestChain?: number;
}

/** A split virtqueue whose buffers are known to the driver as `Buffer` objects. */
export class Virtqueue<Buffer extends object> {
  readonly size: number;
  readonly placement: QueuePlacement;
  /** What the device did wrong, in words; null as long as it behaves. */
  violation: string | null = null;
  /** Bytes that the device wrote into the buffer last handed back by takeUsed(). */
  usedLength = 0;
  /** How many times the device was notified, and how many flushes it did not want to hear of. */
  notified = 0;
  suppressed = 0;

  readonly #mask: number;
  readonly #words: Uint32Array;
  readonly #halves: Uint16Array;
  readonly #longestChain: number;
  /** Byte offset of the indirect tables. */
  readonly #tables: number;
  // Places in #halves (16 bits) and #words (32 bits).
  readonly #availableFlags: number;
  readonly #availableIndex: number;
  readonly #availableRing: number;
  readonly #usedEvent: number;
  readonly #usedFlags: number;
  readonly #usedIndex: number;
  readonly #usedRing: number;
  readonly #availableEvent: number;

  /** Who holds the chain that begins with a descriptor. */
  readonly #owners: (Buffer | null)[];
  /** Descriptors in the chain that begins here; 0: nothing in flight begins here. */
  readonly #chainLengths: Uint16Array;
  /** Bytes that the device may write into that chain. */
  readonly #writable: Uint32Array;
  /** Free descriptors, linked. */
  readonly #nextFree: Uint16Array;
  #firstFree = 0;
  #freeCount: number;

  #available = 0;
  #published = 0;
  #used = 0;
  #usedKnown = 0;
  #inFlight = 0;
  #interruptsOn = false;
  #useIndirect = false;
  #useEventIndex = false;
  #notify: Notify | null = null;
  // What the watchdog saw last.
  #checkedUsed = 0;
  #checkedPublished = 0;
  #kickedPublished = -1;

  /** Allocates the memory. Throws when there is none. */
  constructor(memory: Pick<Platform, 'allocateDma'>, options: QueueOptions) {
    const { size } = options;
    if (size < 1 || size > 32768 || (size & (size - 1)) !== 0) {
      throw new Error(`a split virtqueue cannot have ${size} descriptors: it takes a power of two`);
    }
    this.size = size;
    this.#mask = size - 1;
    this.#longestChain = options.longestChain ?? 1;
    const available = size * descriptorBytes;
    // Away from the available ring: the device writes here, the driver there.
    const used = (available + 6 + 2 * size + 63) & ~63;
    this.#tables = (used + 6 + 8 * size + 63) & ~63;
    const tableBytes = this.#longestChain > 1 ? size * this.#longestChain * descriptorBytes : 0;
    const block = memory.allocateDma(this.#tables + tableBytes);
    this.placement = { size, memory: block, descriptors: 0, available, used };
    this.#words = block.words;
    this.#halves = block.halves;
    this.#availableFlags = available >> 1;
    this.#availableIndex = (available >> 1) + 1;
    this.#availableRing = (available >> 1) + 2;
    this.#usedEvent = (available >> 1) + 2 + size;
    this.#usedFlags = used >> 1;
    this.#usedIndex = (used >> 1) + 1;
    this.#usedRing = (used >> 2) + 1;
    this.#availableEvent = (used >> 1) + 2 + 4 * size;
    this.#chainLengths = new Uint16Array(size);
    this.#writable = new Uint32Array(size);
    this.#nextFree = new Uint16Array(size);
    this.#owners = new Array<Buffer | null>(size).fill(null);
    for (let id = 0; id < size; id++) this.#nextFree[id] = id + 1;
    this.#freeCount = size;
  }

  /** Memory of the queue, for its owner to free once the device is reset. */
  get memory(): DmaMemory {
    return this.placement.memory;
  }

  /** Descriptors that are free. */
  get free(): number {
    return this.#freeCount;
  }

  /** Buffers that the device has. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Empties the rings, for a device that was just reset. The queue must be drained. */
  prepare(features: Features): void {
    this.#words.fill(0);
    this.#available = 0;
    this.#published = 0;
    this.#used = 0;
    this.#usedKnown = 0;
    this.#checkedUsed = 0;
    this.#checkedPublished = 0;
    this.#kickedPublished = -1;
    this.violation = null;
    this.#notify = null;
    this.#useIndirect = features.has(feature.indirectDescriptors);
    this.#useEventIndex = features.has(feature.eventIndex);
    this.disableInterrupts();
  }

  /** Names how the device is notified, once it has the queue. */
  connect(notify: Notify): void {
    this.#notify = notify;
  }

  /**
   * Hands over a buffer that takes one descriptor. The device learns of it at flush().
   * @returns false when no descriptor is free: the buffer stays the caller's
   */
  submit(buffer: Buffer, deviceAddress: number, length: number, deviceWrites: boolean): boolean {
    if (this.#freeCount === 0 || this.violation !== null) return false;
    const id = this.#firstFree;
    this.#firstFree = this.#nextFree[id] as number;
    this.#freeCount -= 1;
    this.#writeDescriptor(id << 2, deviceAddress, length, deviceWrites ? descriptorFlag.write : 0);
    this.#enqueue(id, buffer, 1, deviceWrites ? length : 0);
    return true;
  }

  /**
   * Hands over a buffer of several parts: through an indirect table (2.7.5.3) when the device takes
   * such, else as a chain.
   * @returns false when too few descriptors are free: the buffer stays the caller's
   */
  submitChain(buffer: Buffer, parts: readonly ChainPart[]): boolean {
    const count = parts.length;
    if (count < 1 || count > this.#longestChain) {
      throw new Error(`a chain of ${count} parts in a queue made for ${this.#longestChain}`);
    }
    const indirect = this.#useIndirect && count > 1;
    const taken = indirect ? 1 : count;
    if (this.#freeCount < taken || this.violation !== null) return false;
    let writable = 0;
    for (const part of parts) if (part.deviceWrites) writable += part.length;
    const head = this.#firstFree;
    if (indirect) {
      const table = this.#tables + head * this.#longestChain * descriptorBytes;
      for (let at = 0; at < count; at++) {
        const next = at + 1 < count ? at + 1 : -1;
        this.#writePart((table >> 2) + (at << 2), parts[at] as ChainPart, next);
      }
      this.#writeDescriptor(
        head << 2,
        this.placement.memory.deviceAddress + table,
        count * descriptorBytes,
        descriptorFlag.indirect,
      );
      this.#firstFree = this.#nextFree[head] as number;
    } else {
      let id = head;
      for (let at = 0; at < count; at++) {
        const next = this.#nextFree[id] as number;
        this.#writePart(id << 2, parts[at] as ChainPart, at + 1 < count ? next : -1);
        id = next;
      }
      this.#firstFree = id;
    }
    this.#freeCount -= taken;
    this.#enqueue(head, buffer, taken, writable);
    return true;
  }

  /** Shows the device what was submitted since the last flush, and notifies it if it wants that. */
  flush(): void {
    const available = this.#available;
    const before = this.#published;
    if (available === before) return;
    this.#published = available;
    // Before: descriptors and ring entries. After: the device's wish. Observer: the device.
    Atomics.store(this.#halves, this.#availableIndex, available);
    let wanted: boolean;
    if (this.#useEventIndex) {
      const event = Atomics.load(this.#halves, this.#availableEvent);
      wanted = ((available - event - 1) & 0xffff) < ((available - before) & 0xffff);
    } else {
      wanted = (Atomics.load(this.#halves, this.#usedFlags) & noNotify) === 0;
    }
    if (wanted) this.kick();
    else this.suppressed += 1;
  }

  /** Notifies the device, wanted or not. */
  kick(): void {
    this.notified += 1;
    if (this.#notify !== null) this.#notify();
  }

  /** The device has used buffers that takeUsed() has not handed back. */
  get hasUsed(): boolean {
    return Atomics.load(this.#halves, this.#usedIndex) !== this.#used;
  }

  /**
   * Takes back the next buffer that the device has used; `usedLength` says how much it wrote.
   * @returns null when there is none, or when the device broke the rules: see `violation`
   */
  takeUsed(): Buffer | null {
    if (this.#used === this.#usedKnown) {
      if (this.violation !== null) return null;
      const index = Atomics.load(this.#halves, this.#usedIndex);
      if (index === this.#used) return null;
      if (((index - this.#used) & 0xffff) > this.#inFlight) {
        return this.#refuse(`used index ${index} counts more buffers than it was given`);
      }
      this.#usedKnown = index;
    }
    const entry = this.#usedRing + ((this.#used & this.#mask) << 1);
    const id = this.#words[entry] as number;
    const length = this.#words[entry + 1] as number;
    if (id >= this.size) return this.#refuse(`used entry with id ${id} of ${this.size}`);
    const count = this.#chainLengths[id] as number;
    if (count === 0) return this.#refuse(`used entry with id ${id}, which is not in flight`);
    if (length > (this.#writable[id] as number)) {
      return this.#refuse(`used entry of ${length} bytes for a buffer of ${this.#writable[id]}`);
    }
    this.#used = (this.#used + 1) & 0xffff;
    this.usedLength = length;
    const buffer = this.#owners[id] as Buffer;
    this.#owners[id] = null;
    this.#release(id, count);
    return buffer;
  }

  /**
   * Asks for an interrupt once the device has used `more` buffers beyond those already taken back (2.7.7, 2.7.8).
   * @returns true when there are some already: take them, the interrupt may not come
   */
  enableInterrupts(more = 1): boolean {
    this.#interruptsOn = true;
    if (this.#useEventIndex) {
      // Full barrier between the wish and the look at the used index: either the device sees the
      // wish, or we see its buffers.
      Atomics.store(this.#halves, this.#usedEvent, (this.#used + more - 1) & 0xffff);
    } else {
      Atomics.store(this.#halves, this.#availableFlags, 0);
    }
    return ((Atomics.load(this.#halves, this.#usedIndex) - this.#used) & 0xffff) >= more;
  }

  /** Says that no interrupt is wanted; one may still come. */
  disableInterrupts(): void {
    this.#interruptsOn = false;
    if (this.#useEventIndex) {
      // As far away as an index can be; called again before the device gets there.
      this.#halves[this.#usedEvent] = (this.#used - 1) & 0xffff;
    } else {
      this.#halves[this.#availableFlags] = noInterrupt;
    }
  }

  get interruptsOn(): boolean {
    return this.#interruptsOn;
  }

  /**
   * Notifies the device again when it has buffers from before the last call and has not used any
   * since. A correct pair of barriers loses no notification, but QEMU's TCG drops the guest's fence
   * with exactly one CPU, and hypervisors have lost one before; without this the queue would then stand still.
   * @param repeat again at every call; else once for what was published last, for queues where buffers wait by nature
   * @returns true when it notified
   */
  kickIfStuck(repeat: boolean): boolean {
    const used = Atomics.load(this.#halves, this.#usedIndex);
    const isStuck =
      this.#inFlight > 0 &&
      used === this.#checkedUsed &&
      this.#published === this.#checkedPublished &&
      (repeat || this.#published !== this.#kickedPublished);
    this.#checkedUsed = used;
    this.#checkedPublished = this.#published;
    if (!isStuck || this.violation !== null) return false;
    this.#kickedPublished = this.#published;
    this.kick();
    return true;
  }

  /** Takes back everything in flight; only after the device was reset and has let go of it. */
  drain(take: (buffer: Buffer) => void): void {
    for (let id = 0; id < this.size; id++) {
      const buffer = this.#owners[id];
      if (buffer === null || buffer === undefined) continue;
      this.#owners[id] = null;
      this.#release(id, this.#chainLengths[id] as number);
      take(buffer);
    }
    this.#usedKnown = this.#used;
  }

  #enqueue(head: number, buffer: Buffer, count: number, writable: number): void {
    this.#owners[head] = buffer;
    this.#chainLengths[head] = count;
    this.#writable[head] = writable;
    this.#inFlight += 1;
    this.#halves[this.#availableRing + (this.#available & this.#mask)] = head;
    this.#available = (this.#available + 1) & 0xffff;
  }

  /** Puts the descriptors of a chain back; within a chain they are still linked by #nextFree. */
  #release(head: number, count: number): void {
    this.#chainLengths[head] = 0;
    this.#inFlight -= 1;
    let last = head;
    for (let left = count; left > 1; left--) last = this.#nextFree[last] as number;
    this.#nextFree[last] = this.#firstFree;
    this.#firstFree = head;
    this.#freeCount += count;
  }

  #writePart(word: number, part: ChainPart, next: number): void {
    let flags = part.deviceWrites ? descriptorFlag.write : 0;
    if (next >= 0) flags |= descriptorFlag.next | (next << 16);
    this.#writeDescriptor(word, part.deviceAddress, part.length, flags);
  }

  /** @param flagsAndNext flags in the low half, the next descriptor in the high one */
  #writeDescriptor(word: number, address: number, length: number, flagsAndNext: number): void {
    const words = this.#words;
    const high = Math.floor(address / 0x100000000);
    words[word] = address - high * 0x100000000;
    words[word + 1] = high;
    words[word + 2] = length;
    words[word + 3] = flagsAndNext;
  }

  #refuse(reason: string): null {
    this.violation = reason;
    this.#usedKnown = this.#used;
    return null;
  }
}
