/**
 * The memory that packets and socket rings live in: one flat range, addressed by offsets.
 *
 * In the guest it is the arena that the kernel shares with the system isolate and with devices; on
 * a host it is an ordinary ArrayBuffer. Offsets are below 2^31, so that V8 keeps them as small
 * integers.
 */
export interface Memory {
  /** All of it, from offset 0. */
  readonly bytes: Uint8Array;
  /** The same memory as aligned 32-bit words: word n lies at offset 4 * n. Read and write shared
   * indices through Atomics. */
  readonly words: Int32Array;
  /** Copies `length` bytes; the ranges may overlap. */
  copy(to: number, from: number, length: number): void;
  /**
   * Adds bytes to an Internet checksum (RFC 1071): they are summed as big-endian 16-bit words, the
   * first byte being the high one; an odd last byte is padded with zero.
   * @param sum what to add to: 0, or an earlier result
   * @returns the sum folded to 16 bits, not complemented
   */
  checksum(offset: number, length: number, sum: number): number;
}

/** Memory of a host: an ArrayBuffer of `size` bytes, a multiple of 4. */
export class HostMemory implements Memory {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;

  constructor(size: number) {
    const buffer = new ArrayBuffer(size);
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
  }

  copy(to: number, from: number, length: number): void {
    this.bytes.copyWithin(to, from, from + length);
  }

  checksum(offset: number, length: number, sum: number): number {
    return internetChecksum(this.bytes, offset, length, sum);
  }
}

/** Memory.checksum() in plain TypeScript, for hosts and for tests of faster versions. */
export function internetChecksum(
  bytes: Uint8Array,
  offset: number,
  length: number,
  sum: number,
): number {
  const even = offset + (length & ~1);
  let total = sum;
  for (let at = offset; at < even; at += 2) {
    total += ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  }
  if (length & 1) total += (bytes[even] as number) << 8;
  while (total > 0xffff) total = (total % 0x10000) + Math.floor(total / 0x10000);
  return total;
}
