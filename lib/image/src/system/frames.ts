// Compresses what a loader decompresses: Zstandard frames of a fixed size, kept between builds.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';

/** Size of a frame's content in bytes; the last of a list may be shorter. */
export const frameSize = 8 * 1024 * 1024;

/** A part of something, compressed. */
export interface Frame {
  readonly bytes: Uint8Array;
  /** Size of the content in bytes. */
  readonly rawSize: number;
}

/** How hard to try. */
export interface Compression {
  /** Zstandard's level, 1 to 22. */
  readonly level: number;
  /** Folder in which compressed frames are kept; undefined for none. */
  readonly cacheFolder?: string | undefined;
}

/** Levels: quick, for every build; smallest, takes a minute the first time. */
export const compressionLevel = { quick: 9, smallest: 19 } as const;

const compressRaw = promisify(zstdCompress);
/** Compressing runs in Node's thread pool; more would only take memory. */
const parallel = 4;

async function compressOne(
  content: Uint8Array,
  { level, cacheFolder }: Compression,
): Promise<Frame> {
  const rawSize = content.length;
  const digest = createHash('sha256').update(content).digest('hex');
  const name = `${digest}-${level}-${process.versions.zstd}.zst`;
  const cached = cacheFolder === undefined ? undefined : path.join(cacheFolder, name);
  if (cached !== undefined) {
    const bytes = await readFile(cached).catch(() => undefined);
    if (bytes) return { bytes, rawSize };
  }
  const bytes = await compressRaw(content, {
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_windowLog]: Math.log2(frameSize),
      [constants.ZSTD_c_checksumFlag]: 1,
    },
    pledgedSrcSize: rawSize,
  });
  if (cached !== undefined) {
    await mkdir(path.dirname(cached), { recursive: true });
    const partial = `${cached}.${process.pid}`;
    await writeFile(partial, bytes);
    await rename(partial, cached);
  }
  return { bytes, rawSize };
}

/**
 * Compresses a range in frames.
 * @param size of the range in bytes
 * @param read gives a part of it
 * @param compression how hard to try
 * @param onProgress is told how many bytes of the range are done
 * @returns the frames in order
 */
export async function compressFrames(
  size: number,
  read: (offset: number, length: number) => Uint8Array,
  compression: Compression,
  onProgress: (done: number) => void = () => {},
): Promise<Frame[]> {
  const count = Math.ceil(size / frameSize);
  const frames = new Array<Frame>(count);
  let next = 0;
  let done = 0;
  const work = async () => {
    while (next < count) {
      const index = next++;
      const offset = index * frameSize;
      const frame = await compressOne(
        read(offset, Math.min(frameSize, size - offset)),
        compression,
      );
      frames[index] = frame;
      done += frame.rawSize;
      onProgress(done);
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, count) }, work));
  return frames;
}
