// Tar archives as a stream: enough for what clouds want to be given.
// Source: GNU tar manual, "Basic Tar Format"; POSIX.1-2017, pax, ustar.
import type { SparseDisk } from '@runtimejs/image/disk/sparse-disk.ts';

const blockSize = 512;

/** A file of an archive. */
export interface TarFile {
  readonly name: string;
  readonly size: number;
  readonly owner?: number;
  readonly mode?: number;
  readonly isFolder?: boolean;
  /** The content, in any pieces. */
  readonly content: Iterable<Uint8Array>;
}

function octal(value: number, digits: number): string {
  const text = value.toString(8).padStart(digits, '0');
  if (text.length > digits) throw new RangeError(`${value} is too large for a tar archive.`);
  return `${text}\0`;
}

function header(file: TarFile): Buffer {
  const bytes = Buffer.alloc(blockSize);
  if (Buffer.byteLength(file.name) > 100) throw new RangeError(`${file.name} is too long.`);
  bytes.write(file.name, 0);
  bytes.write(octal(file.mode ?? (file.isFolder ? 0o755 : 0o644), 7), 100);
  bytes.write(octal(file.owner ?? 0, 7), 108);
  bytes.write(octal(file.owner ?? 0, 7), 116);
  bytes.write(octal(file.size, 11), 124);
  bytes.write(octal(0, 11), 136); // time
  bytes.write(file.isFolder ? '5' : '0', 156);
  bytes.write('ustar  \0', 257, 'latin1'); // GNU's old format, which Google asks for
  bytes.fill(' ', 148, 156);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${octal(sum, 6)} `, 148);
  return bytes;
}

/**
 * Makes an archive.
 * @param files what goes into it
 * @throws RangeError when a content is not as long as announced
 */
export function* tar(files: Iterable<TarFile>): Generator<Uint8Array> {
  for (const file of files) {
    yield header(file);
    let written = 0;
    for (const piece of file.content) {
      written += piece.length;
      yield piece;
    }
    if (written !== file.size) throw new RangeError(`${file.name} has ${written} bytes.`);
    const rest = written % blockSize;
    if (rest > 0) yield Buffer.alloc(blockSize - rest);
  }
  yield Buffer.alloc(2 * blockSize);
}

/**
 * A disk as one content.
 * @param disk the disk
 */
export function* diskContent(disk: SparseDisk): Generator<Uint8Array> {
  const zeros = Buffer.alloc(1024 * 1024);
  let position = 0;
  function* fill(end: number): Generator<Uint8Array> {
    while (position < end) {
      const size = Math.min(zeros.length, end - position);
      yield zeros.subarray(0, size);
      position += size;
    }
  }
  for (const { offset, bytes } of disk.pieces) {
    yield* fill(offset);
    yield bytes;
    position = offset + bytes.length;
  }
  yield* fill(disk.size);
}
