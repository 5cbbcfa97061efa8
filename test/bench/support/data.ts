// Files that the app of the benchmarks reads from its image.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buildFolder } from '../../../lib/cli/src/paths.ts';

const folder = path.join(buildFolder, 'bench', 'data');
const bigLength = 8 * 2 ** 20;
const smallCount = 200;
const smallLength = 4096;

/** Bytes that do not compress to nothing, the same each time. */
function makeBytes(length: number, seed: number): Buffer {
  const words = new Uint32Array(length / 4);
  let state = seed + 1;
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  return Buffer.from(words.buffer);
}

/**
 * Makes the files, unless they are there: one of 8 MiB, and 200 of 4 KiB.
 * @returns path in the image to the file of this machine
 */
export function makeData(): Record<string, string> {
  const names = ['big', ...Array.from({ length: smallCount }, (_, index) => `small/${index}`)];
  mkdirSync(path.join(folder, 'small'), { recursive: true });
  for (const [index, name] of names.entries()) {
    const file = path.join(folder, name);
    if (existsSync(file)) continue;
    writeFileSync(file, makeBytes(name === 'big' ? bigLength : smallLength, index));
  }
  return Object.fromEntries(names.map((name) => [`/app/data/${name}`, path.join(folder, name)]));
}
