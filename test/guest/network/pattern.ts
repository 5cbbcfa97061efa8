// Bytes that both ends can make: a lost, repeated or swapped piece changes their checksum.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';

const chunkSize = 64 * 1024;

/** Makes chunks of the pattern, each a function of the seed and its place (xorshift32). */
function* chunks(length: number, seed: number): Generator<Buffer> {
  let state = (seed ^ 0x9e3779b9) | 1;
  for (let at = 0; at < length; at += chunkSize) {
    const size = Math.min(chunkSize, length - at);
    const words = new Uint32Array(Math.ceil(size / 4));
    for (let index = 0; index < words.length; index++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[index] = state;
    }
    yield Buffer.from(words.buffer, 0, size);
  }
}

/**
 * Streams the pattern.
 * @param length in bytes
 * @param seed chooses the bytes
 */
export function pattern(length: number, seed: number): Readable {
  return Readable.from(chunks(length, seed), { objectMode: false, highWaterMark: 4 * chunkSize });
}

/** What a stream is compared by. */
export interface Digest {
  readonly length: number;
  /** In hexadecimal. */
  readonly sha256: string;
}

/** Computes what the pattern's receiver has to find. */
export function patternDigest(length: number, seed: number): Digest {
  const hash = createHash('sha256');
  for (const chunk of chunks(length, seed)) hash.update(chunk);
  return { length, sha256: hash.digest('hex') };
}
