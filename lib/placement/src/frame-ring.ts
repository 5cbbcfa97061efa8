/**
 * Frames on their way between a network driver's isolate and the stack, in a ring as ring.ts has it. Frames are
 * copied in and out: memory that the other side can still write to is no place for a packet whose header has been
 * checked.
 *
 * A record is four words (length; state of the checksum; where the checksum begins and lies; segment size) and
 * the frame, and never wraps: what does not fit before the end begins at the start again. Every record is checked
 * before it is used.
 */
import { checksumState, type Packet } from '@runtimejs/net/packet.ts';
import { control, Ring } from './ring.ts';

const headerBytes = 16;
const alignment = 16;
/** In the place of a length: the next record is at the start of the ring. */
const skip = 0xffffffff;
/** The longest frame that there can be: 64 KiB of IP in Ethernet, VLAN tags included. */
export const longestFrame = 65536 + 64;
/** Bytes that a frame of that length takes, with what is skipped at the end. */
export const mostBytes = 2 * (longestFrame + headerBytes + alignment);

const recordBytes = (length: number): number =>
  (headerBytes + length + alignment - 1) & ~(alignment - 1);

/** The side that writes. */
export class FrameWriter extends Ring {
  #written = 0;
  #published = 0;

  /** Bytes that are free. */
  get room(): number {
    const used = (this.#written - this.load(control.read)) >>> 0;
    if (used > this.place.size)
      this.violation ??= 'it says that it has read what was never written';
    return this.violation === null ? this.place.size - used : 0;
  }

  /**
   * Copies a frame, with all its buffers, into the ring; the packet stays the caller's.
   * @returns false when there is no room
   */
  push(packet: Packet): boolean {
    let length = 0;
    for (let each: Packet | null = packet; each !== null; each = each.next) length += each.length;
    if (length > longestFrame) return false;
    const at = this.#reserve(recordBytes(length));
    if (at < 0) return false;
    const isPartial = packet.checksum === checksumState.partial;
    const start = isPartial ? packet.checksumStart - packet.start : 0;
    const word = at / 4;
    this.words[word] = length;
    this.words[word + 1] = packet.checksum;
    this.words[word + 2] = isPartial ? (start << 16) | packet.checksumOffset : 0;
    this.words[word + 3] = packet.segmentSize;
    let to = at + headerBytes;
    for (let each: Packet | null = packet; each !== null; each = each.next) {
      this.memory.copy(to, each.start, each.length);
      to += each.length;
    }
    this.#written = (this.#written + recordBytes(length)) >>> 0;
    return true;
  }

  /** Shows what was pushed. @returns true when the reader sleeps, and is to be woken */
  publish(): boolean {
    if (this.#published === this.#written) return false;
    this.#published = this.#written;
    this.store(control.written, this.#written);
    return this.exchange(control.isReaderAsleep, 0);
  }

  /** Asks to be woken when there is room again. @returns false when there is by now */
  wantRoom(bytes: number): boolean {
    this.store(control.isRoomWanted, 1);
    return this.room < bytes;
  }

  /** The record's place in memory; -1 when there is no room. */
  #reserve(bytes: number): number {
    const { offset, size } = this.place;
    const at = this.#written & (size - 1);
    const rest = size - at;
    if (bytes <= rest) return this.room >= bytes ? offset + at : -1;
    if (this.room < rest + bytes) return -1;
    this.words[(offset + at) / 4] = skip | 0;
    this.#written = (this.#written + rest) >>> 0;
    return offset;
  }
}

/** The side that reads. */
export class FrameReader extends Ring {
  /** Of the frame that next() has found: its length, and what is known of it. Not checked further. */
  length = 0;
  checksum = 0;
  checksumStart = 0;
  checksumOffset = 0;
  segmentSize = 0;
  #read = 0;
  #at = 0;

  /** Looks at the next frame. @returns false when there is none, or the writer broke the rules */
  next(): boolean {
    if (this.violation !== null) return false;
    const { offset, size } = this.place;
    let ready = this.#ready();
    if (ready < headerBytes) return false;
    let at = this.#read & (size - 1);
    if (this.words[(offset + at) / 4] === (skip | 0)) {
      if (at === 0 || ready < size - at) return this.#refuse('a gap where there can be none');
      this.#read = (this.#read + size - at) >>> 0;
      ready -= size - at;
      at = 0;
      if (ready < headerBytes) return false;
    }
    const word = (offset + at) / 4;
    const length = (this.words[word] as number) >>> 0;
    const bytes = recordBytes(length);
    if (length > longestFrame || bytes > ready || bytes > size - at) {
      return this.#refuse(`a frame of ${length} bytes, of which ${ready} are there`);
    }
    this.#at = offset + at + headerBytes;
    this.length = length;
    this.checksum = this.words[word + 1] as number;
    const place = this.words[word + 2] as number;
    this.checksumStart = place >>> 16;
    this.checksumOffset = place & 0xffff;
    this.segmentSize = this.words[word + 3] as number;
    return true;
  }

  /** Copies bytes of that frame. */
  copy(to: number, from: number, length: number): void {
    this.memory.copy(to, this.#at + from, length);
  }

  /** Is done with that frame. */
  advance(): void {
    this.#read = (this.#read + recordBytes(this.length)) >>> 0;
  }

  /** Gives the writer the room of what was read. @returns true when it waits for that, and is to be woken */
  publish(): boolean {
    this.store(control.read, this.#read);
    return this.exchange(control.isRoomWanted, 0);
  }

  /**
   * Asks to be woken when something comes, or does not any more.
   * @returns true when something is there: frames, or a violation that nobody has seen yet
   */
  sleep(on: boolean): boolean {
    this.store(control.isReaderAsleep, on ? 1 : 0);
    return on && (this.#ready() > 0 || this.violation !== null);
  }

  #ready(): number {
    const ready = (this.load(control.written) - this.#read) >>> 0;
    if (ready > this.place.size) this.#refuse('more than fits');
    else if (ready % alignment !== 0) this.#refuse('a part of a frame');
    return this.violation === null ? ready : 0;
  }

  #refuse(what: string): false {
    this.violation ??= `it has put ${what} into the ring`;
    return false;
  }
}
