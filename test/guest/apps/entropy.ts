// Random numbers: `main.mjs stream`, a line of them now and then, from the kernel and in Node's own ways; `main.mjs blocks COUNT`, figures about many;
// `main.mjs serve COUNT`, so many bytes of them for who connects to port 9.
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { createServer } from 'node:net';

const source = openSync('/dev/urandom', 'r');

function take(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  if (readSync(source, bytes, 0, size, null) !== size) throw new Error('too few random bytes');
  return bytes;
}

/**
 * The tests of FIPS 140-2, as rngtest has them, on blocks of 20,000 bits.
 * @returns how many blocks failed each
 */
function examine(blocks: number): Record<string, number> {
  const failures = { monobit: 0, poker: 0, runs: 0, longRun: 0, continuous: 0 };
  /** Bounds for runs of 1 to 5, and of 6 and more. */
  const bounds = [
    [2315, 2685],
    [1114, 1386],
    [527, 723],
    [240, 384],
    [103, 209],
    [103, 209],
  ] as const;
  let previous = -1;
  for (let block = 0; block < blocks; block++) {
    const bytes = take(2500);
    let ones = 0;
    const nibbles = new Uint32Array(16);
    const runs = [new Uint32Array(6), new Uint32Array(6)];
    let longest = 0;
    let length = 0;
    let last = -1;
    let repeats = false;
    const endRun = (): void => {
      if (last < 0) return;
      runs[last]![Math.min(length, 6) - 1]!++;
      longest = Math.max(longest, length);
    };
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at]!;
      nibbles[byte >> 4]!++;
      nibbles[byte & 15]!++;
      for (let bit = 7; bit >= 0; bit--) {
        const value = (byte >> bit) & 1;
        ones += value;
        if (value === last) {
          length++;
        } else {
          endRun();
          last = value;
          length = 1;
        }
      }
      if (at % 4 === 3) {
        const word = bytes.readUInt32LE(at - 3);
        repeats ||= word === previous;
        previous = word;
      }
    }
    endRun();
    const poker = (16 / 5000) * nibbles.reduce((sum, count) => sum + count * count, 0) - 5000;
    if (ones <= 9725 || ones >= 10275) failures.monobit++;
    if (poker <= 2.16 || poker >= 46.17) failures.poker++;
    if (
      runs.some((counts) =>
        counts.some((count, index) => count < bounds[index]![0] || count > bounds[index]![1]),
      )
    )
      failures.runs++;
    if (longest >= 26) failures.longRun++;
    if (repeats) failures.continuous++;
  }
  return failures;
}

const [what, count = '0'] = process.argv.slice(2);
if (what === 'blocks') {
  console.log(JSON.stringify(examine(Number(count))));
} else if (what === 'serve') {
  const server = createServer((socket) => {
    server.close();
    createReadStream('/dev/urandom', { end: Number(count) - 1, highWaterMark: 1 << 16 }).pipe(
      socket,
    );
  });
  server.listen(9, () => console.log('serving'));
} else if (what === 'once') {
  console.log(`random ${take(16).toString('hex')}`);
} else {
  for (let line = 0; line < Number(count); line++) {
    const numbers = [take(16).toString('hex'), randomBytes(16).toString('hex')];
    console.log(`random ${line} ${numbers.join(' ')} ${randomUUID()} ${randomInt(2 ** 47)}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
closeSync(source);
