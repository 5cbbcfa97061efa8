/**
 * Bytes on their way between a driver's isolate and the system isolate, such as those of a terminal, in a ring as
 * ring.ts has it. What was written stays there until the reader says that it is done with it, which may be long after
 * it has read it: whoever reads next begins there.
 */
import type { Memory } from '@runtimejs/net/memory.ts';
import { control, Ring, type RingPlace } from './ring.ts';

/** The side that writes. */
export class ByteWriter extends Ring {
  #written = 0;

  /** Bytes that the reader is not done with. */
  get unread(): number {
    const unread = (this.#written - this.load(control.read)) >>> 0;
    if (unread > this.place.size) {
      this.violation ??= 'it says that it has read what was never written';
    }
    return this.violation === null ? unread : 0;
  }

  /** Bytes that are free; none any more once the reader has broken the rules. */
  get room(): number {
    const { unread } = this;
    return this.violation === null ? this.place.size - unread : 0;
  }

  /** The free memory up to the ring's end, to be filled from its beginning. */
  space(): Uint8Array {
    const { offset, size } = this.place;
    const at = this.#written & (size - 1);
    return this.memory.bytes.subarray(offset + at, offset + at + Math.min(this.room, size - at));
  }

  /** Shows the reader so many bytes of space(). @returns true when it sleeps, and is to be woken */
  publish(count: number): boolean {
    this.#written = (this.#written + count) >>> 0;
    this.store(control.written, this.#written);
    return this.exchange(control.isReaderAsleep, 0);
  }

  /**
   * Copies bytes into the ring, as many as there is room for.
   * @param wake runs when the reader is to be woken
   * @returns how many of the first ones
   */
  push(bytes: Uint8Array, wake: () => void): number {
    let pushed = 0;
    let isAsleep = false;
    while (pushed < bytes.length) {
      const space = this.space();
      if (space.length === 0) break;
      const part = bytes.subarray(pushed, pushed + space.length);
      space.set(part);
      pushed += part.length;
      isAsleep = this.publish(part.length) || isAsleep;
    }
    if (isAsleep) wake();
    return pushed;
  }

  /** Asks to be woken when so many bytes are free. @returns false when they are by now */
  wantRoom(bytes: number): boolean {
    this.store(control.isRoomWanted, bytes);
    return this.room < bytes;
  }

  /**
   * What the reader, which is gone, was not done with.
   * @param position up to which it was done with it, should it not have come to say so
   */
  rest(position?: number): Uint8Array {
    const { unread } = this;
    const counted = position === undefined ? unread : (this.#written - position) >>> 0;
    const count = Math.min(counted, unread);
    return copyOut(this.memory, this.place, (this.#written - count) >>> 0, count);
  }
}

/** The side that reads. */
export class ByteReader extends Ring {
  #taken = 0;

  /** Where it is. */
  get position(): number {
    return this.#taken;
  }

  /** What is there, up to the ring's end. */
  next(): Uint8Array {
    const { offset, size } = this.place;
    const at = this.#taken & (size - 1);
    return this.memory.bytes.subarray(
      offset + at,
      offset + at + Math.min(this.#ready(), size - at),
    );
  }

  /** Goes on by so many bytes of next(). */
  take(count: number): void {
    this.#taken = (this.#taken + count) >>> 0;
  }

  /**
   * Gives the writer the room of what was taken.
   * @param held bytes taken last that are still wanted
   * @returns true when it waits for so much room, and is to be woken
   */
  publish(held = 0): boolean {
    const read = (this.#taken - held) >>> 0;
    this.store(control.read, read);
    const wanted = this.load(control.isRoomWanted);
    if (wanted === 0) return false;
    const used = (this.load(control.written) - read) >>> 0;
    return this.place.size - used >= wanted && this.exchange(control.isRoomWanted, 0);
  }

  /** Asks to be woken when something comes, or does not any more. @returns true when something is there */
  sleep(on: boolean): boolean {
    this.store(control.isReaderAsleep, on ? 1 : 0);
    return on && (this.#ready() > 0 || this.violation !== null);
  }

  /**
   * What the writer, which is gone, has left, those bytes included that it had no time to show.
   * @param position up to which it has written; undefined: as far as it says
   */
  rest(position?: number): Uint8Array {
    const shown = this.#ready();
    const whole = position === undefined ? shown : (position - this.#taken) >>> 0;
    // A position that cannot be is worth nothing.
    const count = whole >= shown && whole <= this.place.size ? whole : shown;
    return copyOut(this.memory, this.place, this.#taken, count);
  }

  #ready(): number {
    const ready = (this.load(control.written) - this.#taken) >>> 0;
    if (ready > this.place.size) this.violation ??= 'it has put more than fits into the ring';
    return this.violation === null ? ready : 0;
  }
}

function copyOut(
  { bytes }: Memory,
  { offset, size }: RingPlace,
  position: number,
  count: number,
): Uint8Array {
  const copy = new Uint8Array(count);
  const at = position & (size - 1);
  const first = Math.min(count, size - at);
  copy.set(bytes.subarray(offset + at, offset + at + first));
  copy.set(bytes.subarray(offset, offset + count - first), first);
  return copy;
}
