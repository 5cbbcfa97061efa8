/**
 * What a port notes of its queues, in memory that outlives its driver, so that it can be found out how far the device
 * has come when the driver ended in the middle of something: nothing is sent twice then, and nothing is lost that has
 * been received.
 *
 * Queues are used in order here, as every device does it for one port. Of each there is where its parts lie, and for
 * each of its last 64 buffers how many bytes there were up to its end; the device's own index tells which buffer is
 * the last one.
 */
import type { TerminalRemains, TerminalSettlement } from '@runtimejs/placement/terminal-device.ts';
import type { QueuePlacement } from '@runtimejs/virtio/transport.ts';

/** Words of a queue's part. */
const word = { descriptors: 0, used: 1, size: 2, seen: 3, base: 4, ends: 6 } as const;
const history = 64;
const partWords = word.ends + history;
/** Words of a record: of what is transmitted, then of what is received. */
const parts = { transmit: 0, receive: partWords } as const;
/** A descriptor's words (virtio 1.2, section 2.7.5), and an entry's of the used ring (2.7.8). */
const descriptorWords = 4;
const entryWords = 2;
const highWord = 2 ** 32;

/** The driver's side. */
export class PortRecord {
  readonly #words: Int32Array;
  readonly #start: number;
  /** Buffers and bytes that were received. */
  #buffers = 0;
  #received = 0;

  /** @param at byte offset of the record, in zeroed memory */
  constructor(words: Int32Array, at: number) {
    this.#words = words;
    this.#start = at / 4;
  }

  /** Notes where the queues are: before anything is handed to the device. */
  begin(transmit: QueuePlacement, receive: QueuePlacement): void {
    for (const [part, { size, memory, descriptors, used }] of [
      [parts.transmit, transmit],
      [parts.receive, receive],
    ] as const) {
      const base = memory.deviceAddress - memory.offset;
      this.#set(part + word.descriptors, memory.offset + descriptors);
      this.#set(part + word.used, memory.offset + used);
      this.#set(part + word.base, base % highWord);
      this.#set(part + word.base + 1, Math.floor(base / highWord));
      this.#set(part + word.size, size);
    }
  }

  /**
   * A buffer is about to be handed to the device: before it is.
   * @param number how many there were before, @param end bytes up to its end, of all that was ever transmitted
   */
  transmitting(number: number, end: number): void {
    this.#set(parts.transmit + word.ends + (number % history), end);
  }

  /** A buffer came back with bytes: before another one is taken. @param length how many */
  received(length: number): void {
    const { receive } = parts;
    this.#received += length;
    this.#set(receive + word.ends + (this.#buffers % history), this.#received);
    this.#buffers += 1;
    this.#set(receive + word.seen, this.#buffers);
  }

  #set(index: number, value: number): void {
    Atomics.store(this.#words, this.#start + index, value | 0);
  }
}

/** Finds out from a port's record, and its queues, how far the device has come. */
export function settlePort(remains: TerminalRemains): TerminalSettlement {
  const transmit = new QueueRemains(remains, parts.transmit);
  const receive = new QueueRemains(remains, parts.receive);
  if (!transmit.isNoted || !receive.isNoted) return {};
  return { sent: transmit.endBefore(transmit.used), input: received(receive, remains.shown) };
}

/** What the device has received behind the bytes that were shown. */
function received(queue: QueueRemains, shown: number): Uint8Array {
  const { seen, used } = queue;
  const pieces: Uint8Array[] = [];
  const left = (queue.endBefore(seen) - shown) >>> 0;
  if (left > 0) pieces.push(queue.buffer((seen - 1) & 0xffff).slice(-left));
  const unseen = (used - seen) & 0xffff;
  for (let each = 0; each < unseen && unseen <= queue.size; each++) {
    pieces.push(queue.buffer((seen + each) & 0xffff));
  }
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** A queue that nobody uses any more. Driver and device may have been wrong: nothing outside the memory is looked at. */
class QueueRemains {
  readonly #remains: TerminalRemains;
  readonly #part: number;
  readonly size: number;
  /** Buffers that the device has used, and that the driver has taken back, modulo 2^16. */
  readonly used: number;
  readonly seen: number;

  constructor(remains: TerminalRemains, part: number) {
    this.#remains = remains;
    this.#part = remains.record / 4 + part;
    this.size = this.#note(word.size);
    this.used = this.#word(this.#note(word.used)) >>> 16;
    this.seen = this.#note(word.seen) & 0xffff;
  }

  get isNoted(): boolean {
    return this.size > 0 && (this.size & (this.size - 1)) === 0;
  }

  /** Bytes up to the end of the buffer before the one with that number. */
  endBefore(number: number): number {
    return this.#note(word.ends + ((number - 1) & (history - 1)));
  }

  /** The bytes that a used buffer has. */
  buffer(number: number): Uint8Array {
    const { memory, start, size } = this.#remains;
    const entry = this.#note(word.used) + 4 * (1 + entryWords * (number & (this.size - 1)));
    const [id, length] = [this.#word(entry), this.#word(entry + 4)];
    const descriptor = this.#note(word.descriptors) + 4 * descriptorWords * (id & (this.size - 1));
    const address = this.#word(descriptor) + highWord * this.#word(descriptor + 4);
    const base = this.#note(word.base) + highWord * this.#note(word.base + 1);
    const at = address - base;
    if (at < 0 || at + length > size) return new Uint8Array(0);
    return memory.bytes.slice(start + at, start + at + length);
  }

  #note(index: number): number {
    return (this.#remains.memory.words[this.#part + index] as number) >>> 0;
  }

  /** A word of the device's memory. */
  #word(at: number): number {
    const { memory, start, size } = this.#remains;
    return at + 4 <= size ? (memory.words[(start + at) / 4] as number) >>> 0 : 0;
  }
}
