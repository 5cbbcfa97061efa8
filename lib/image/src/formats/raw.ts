// A disk as it is: what is zero is a hole in the file.
import type { FileHandle } from 'node:fs/promises';
import type { SparseDisk } from '../disk/sparse-disk.ts';
import { writeAll } from '../write.ts';

/**
 * Writes the disk.
 * @param file an empty file
 * @param disk what to write
 */
export async function writeRaw(file: FileHandle, disk: SparseDisk): Promise<void> {
  for (const { offset, bytes } of disk.pieces) await writeAll(file, bytes, offset);
  await file.truncate(disk.size);
}
