/**
 * TCP options: maximum segment size (RFC 9293, 3.7.1), window scale and timestamps (RFC 7323), SACK
 * permitted and SACK (RFC 2018). Others are skipped by their length (RFC 9293, MUST-6).
 */
import { read16, read32, write16, write32 } from './bytes.ts';

/** Kinds (IANA). */
export const tcpOption = {
  end: 0,
  noOperation: 1,
  maximumSegment: 2,
  windowScale: 3,
  sackPermitted: 4,
  sack: 5,
  timestamps: 8,
} as const;

/** Largest shift of a window (RFC 7323, section 2.3). */
export const windowScaleMaximum = 14;

/** Most SACK blocks that the 40 bytes of options can hold. */
export const sackBlockMaximum = 4;

/** Bytes that the timestamps option takes, padded. */
export const timestampsSize = 12;

/** The options of one segment; one object, filled again for every segment. */
export class TcpOptions {
  /** 0: absent. */
  maximumSegment = 0;
  /** -1: absent; values above 14 are taken as 14 (RFC 7323, section 2.3). */
  windowScale = -1;
  sackPermitted = false;
  hasTimestamps = false;
  timestampValue = 0;
  timestampEcho = 0;
  /** SACK blocks: left and right edges. */
  sackCount = 0;
  readonly sackLeft: Int32Array = new Int32Array(sackBlockMaximum);
  readonly sackRight: Int32Array = new Int32Array(sackBlockMaximum);

  /** Forgets all. */
  clear(): void {
    this.maximumSegment = 0;
    this.windowScale = -1;
    this.sackPermitted = false;
    this.hasTimestamps = false;
    this.timestampValue = 0;
    this.timestampEcho = 0;
    this.sackCount = 0;
  }

  /**
   * Reads the options between `at` and `end`.
   * @returns false when an option's length is impossible: the segment is malformed
   */
  parse(bytes: Uint8Array, at: number, end: number): boolean {
    this.clear();
    // What nearly every segment of a connection carries: NOP, NOP, timestamps.
    if (end - at === timestampsSize && read32(bytes, at) === 0x0101080a) {
      this.hasTimestamps = true;
      this.timestampValue = read32(bytes, at + 4);
      this.timestampEcho = read32(bytes, at + 8);
      return true;
    }
    let cursor = at;
    while (cursor < end) {
      const kind = bytes[cursor] as number;
      if (kind === tcpOption.end) return true;
      if (kind === tcpOption.noOperation) {
        cursor += 1;
        continue;
      }
      if (cursor + 1 >= end) return false;
      const length = bytes[cursor + 1] as number;
      if (length < 2 || cursor + length > end) return false;
      this.#option(bytes, cursor, kind, length);
      cursor += length;
    }
    return true;
  }

  /** One option whose length fits; a known kind with a strange length is skipped, as unknown ones are. */
  #option(bytes: Uint8Array, at: number, kind: number, length: number): void {
    if (kind === tcpOption.maximumSegment && length === 4) {
      this.maximumSegment = read16(bytes, at + 2);
    } else if (kind === tcpOption.windowScale && length === 3) {
      this.windowScale = Math.min(bytes[at + 2] as number, windowScaleMaximum);
    } else if (kind === tcpOption.sackPermitted && length === 2) {
      this.sackPermitted = true;
    } else if (kind === tcpOption.timestamps && length === 10) {
      this.hasTimestamps = true;
      this.timestampValue = read32(bytes, at + 2);
      this.timestampEcho = read32(bytes, at + 6);
    } else if (kind === tcpOption.sack && length >= 10 && (length - 2) % 8 === 0) {
      const count = Math.min((length - 2) >> 3, sackBlockMaximum);
      for (let block = 0; block < count; block += 1) {
        this.sackLeft[block] = read32(bytes, at + 2 + 8 * block);
        this.sackRight[block] = read32(bytes, at + 6 + 8 * block);
      }
      this.sackCount = count;
    }
  }
}

/** Writes NOP, NOP, timestamps: 12 bytes. Returns the offset after it, as the functions below do. */
export function writeTimestamps(
  bytes: Uint8Array,
  at: number,
  value: number,
  echo: number,
): number {
  write32(bytes, at, 0x0101080a);
  write32(bytes, at + 4, value);
  write32(bytes, at + 8, echo);
  return at + timestampsSize;
}

/** Writes the maximum segment size: 4 bytes. */
export function writeMaximumSegment(bytes: Uint8Array, at: number, size: number): number {
  bytes[at] = tcpOption.maximumSegment;
  bytes[at + 1] = 4;
  write16(bytes, at + 2, size);
  return at + 4;
}

/** Writes NOP and the window scale: 4 bytes. */
export function writeWindowScale(bytes: Uint8Array, at: number, shift: number): number {
  bytes[at] = tcpOption.noOperation;
  bytes[at + 1] = tcpOption.windowScale;
  bytes[at + 2] = 3;
  bytes[at + 3] = shift;
  return at + 4;
}

/** Writes NOP, NOP, SACK permitted: 4 bytes. */
export function writeSackPermitted(bytes: Uint8Array, at: number): number {
  bytes[at] = tcpOption.noOperation;
  bytes[at + 1] = tcpOption.noOperation;
  bytes[at + 2] = tcpOption.sackPermitted;
  bytes[at + 3] = 2;
  return at + 4;
}

/** Writes NOP, NOP and the head of a SACK option with `count` blocks: 4 bytes; the blocks follow. */
export function writeSackHead(bytes: Uint8Array, at: number, count: number): number {
  bytes[at] = tcpOption.noOperation;
  bytes[at + 1] = tcpOption.noOperation;
  bytes[at + 2] = tcpOption.sack;
  bytes[at + 3] = 2 + 8 * count;
  return at + 4;
}

/** Writes one SACK block: 8 bytes. */
export function writeSackBlock(bytes: Uint8Array, at: number, left: number, right: number): number {
  write32(bytes, at, left);
  write32(bytes, at + 4, right);
  return at + 8;
}
