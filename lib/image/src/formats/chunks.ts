// Disks in pieces of one size, for formats that leave out what is zero.
import type { SparseDisk } from '../disk/sparse-disk.ts';

/** A piece of the disk that is not zero. */
export interface Chunk {
  /** Which one: its place on the disk is this times the size. */
  readonly index: number;
  /** All of the size, filled up with zeros behind the disk's end. */
  readonly bytes: Buffer;
}

/**
 * Goes over the pieces of a disk that are not all zero.
 * @param disk the disk
 * @param size of a piece in bytes
 */
export function* chunks(disk: SparseDisk, size: number): Generator<Chunk> {
  const count = Math.ceil(disk.size / size);
  for (let index = 0; index < count; index++) {
    const bytes = disk.read(index * size, size);
    if (bytes) yield { index, bytes };
  }
}
