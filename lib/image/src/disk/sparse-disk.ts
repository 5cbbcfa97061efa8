// A disk as a list of pieces; between them it is zero. Every format is written from this.

/** Bytes at a place on the disk. */
export interface Piece {
  /** Bytes from the start of the disk. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Size of a sector in bytes, as GPT, FAT and the formats here count them. */
export const sectorSize = 512;

/** Bytes of a mebibyte. */
export const mebibyte = 1024 * 1024;

/** @returns the smallest multiple of `boundary` that is not below `value` */
export function roundUp(value: number, boundary: number): number {
  return Math.ceil(value / boundary) * boundary;
}

/** A disk in memory that holds what is not zero. */
export class SparseDisk {
  /** In bytes. */
  readonly size: number;
  /** Sorted by offset; they do not overlap. */
  readonly pieces: readonly Piece[];

  /**
   * @param size in bytes, a multiple of a sector
   * @param pieces in any order
   * @throws RangeError when pieces overlap or stick out: a mistake in the builder
   */
  constructor(size: number, pieces: readonly Piece[]) {
    this.size = size;
    this.pieces = [...pieces].sort((left, right) => left.offset - right.offset);
    let end = 0;
    for (const { offset, bytes } of this.pieces) {
      if (offset < end) throw new RangeError(`Two pieces of the disk overlap at ${offset}.`);
      end = offset + bytes.length;
    }
    if (end > size) throw new RangeError(`The disk of ${size} bytes has a piece up to ${end}.`);
  }

  /**
   * Reads a part of the disk.
   * @param offset in bytes
   * @param length in bytes; what is beyond the disk's end reads as zero
   * @returns the bytes, or undefined when all of them are zero
   */
  read(offset: number, length: number): Buffer | undefined {
    const end = offset + length;
    let result: Buffer | undefined;
    for (let index = this.#firstPieceAfter(offset); index < this.pieces.length; index++) {
      const piece = this.pieces[index]!;
      if (piece.offset >= end) break;
      const from = Math.max(offset, piece.offset);
      const part = piece.bytes.subarray(from - piece.offset, end - piece.offset);
      result ??= Buffer.alloc(length);
      result.set(part, from - offset);
    }
    return result?.some((byte) => byte !== 0) ? result : undefined;
  }

  /** Index of the first piece that ends behind `offset`. */
  #firstPieceAfter(offset: number): number {
    let low = 0;
    let high = this.pieces.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const piece = this.pieces[middle]!;
      if (piece.offset + piece.bytes.length <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
