// The boot loader's decompressor against Node's own compressor, and its reader of system files against
// the writer.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { constants, zstdCompressSync } from 'node:zlib';
import test from 'ava';
import { nodeBinary } from '../../lib/cli/src/paths.ts';
import { systemFile } from '../../lib/image/src/system/system-file.ts';
import { seededRandom } from './kernel_fs/kernel.ts';
import { loadKernelCode } from './native/build.ts';

interface LoaderCode {
  decompress(frame: Uint8Array, output: Uint8Array): string | null;
  readSystemFile(
    bytes: Uint8Array,
  ): { imageSize: number; initrdSize: number; entry: number; commandLine: string } | string;
}

const loader = await loadKernelCode<LoaderCode>('kernel_loader');

function compress(content: Uint8Array, level: number): Buffer {
  return zstdCompressSync(content, {
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_checksumFlag]: 1,
      [constants.ZSTD_c_windowLog]: 23,
    },
  });
}

const text = Buffer.from(Array.from({ length: 40_000 }, (_, i) => `line ${i * 7919}\n`).join(''));
const program = readFileSync(nodeBinary).subarray(40_000_000, 44_000_000);
const contents: readonly (readonly [string, Uint8Array])[] = [
  ['nothing', Buffer.alloc(0)],
  ['one byte', Buffer.from('x')],
  ['three bytes', Buffer.from('abc')],
  ['zeros', Buffer.alloc(3_000_000)],
  ['noise', randomBytes(500_000)],
  ['text', text],
  ['machine code', program],
  ['few symbols', Buffer.from(text.map((byte) => byte & 3))],
  ['mixed', Buffer.concat([text, Buffer.alloc(200_000), randomBytes(1000), program, text])],
];

for (const [name, content] of contents) {
  test(`${name} is decompressed as it was, at every level`, (t) => {
    for (const level of [-5, 1, 3, 7, 12, 16, 19, 22]) {
      if (level > 16 && content.length > 1_000_000 && name !== 'mixed') continue;
      const output = Buffer.alloc(content.length);
      t.is(loader.decompress(compress(content, level), output), null, `level ${level}`);
      t.true(output.equals(content), `level ${level}`);
    }
  });
}

test('a damaged frame is refused, whatever is damaged', (t) => {
  const seed = Date.now() % 1_000_000_000;
  const random = seededRandom(seed);
  t.log(`seed ${seed}`);
  const content = Buffer.concat([text.subarray(0, 60_000), program.subarray(0, 60_000)]);
  const output = Buffer.alloc(content.length);
  let refused = 0;
  for (const level of [1, 9, 19]) {
    const frame = compress(content, level);
    for (let round = 0; round < 1500; round++) {
      const damaged = Buffer.from(
        frame.subarray(0, random(4) ? frame.length : random(frame.length)),
      );
      for (let count = 1 + random(3); count > 0 && damaged.length > 0; count--) {
        const at = random(damaged.length);
        damaged[at] = damaged[at]! ^ (1 << random(8));
      }
      // Some bits do not matter, such as a window's size.
      if (loader.decompress(damaged, output) !== null) refused++;
      else t.true(output.equals(content));
    }
  }
  t.true(refused > 4000, `${refused} of 4500`);
});

test('a frame that holds more or less than was announced is refused', (t) => {
  const frame = compress(text, 9);
  t.regex(String(loader.decompress(frame, Buffer.alloc(text.length - 1))), /size/);
  t.regex(String(loader.decompress(frame, Buffer.alloc(text.length + 1))), /size/);
  t.regex(
    String(loader.decompress(Buffer.concat([frame, Buffer.alloc(1)]), Buffer.alloc(text.length))),
    /follows/,
  );
});

const parts = {
  placement: { linked: 0x200000, entry: 0x200080, movable: undefined },
  image: [{ bytes: Buffer.from('abc'), rawSize: 5000 }],
  initrd: [{ bytes: Buffer.from('defg'), rawSize: 700 }],
  commandLine: 'log=info',
};

test('the loader reads what the builder wrote', (t) => {
  t.deepEqual(loader.readSystemFile(Buffer.concat(systemFile(parts))), {
    imageSize: 5000,
    initrdSize: 700,
    entry: 0x200080,
    commandLine: 'log=info',
  });
});

test('a system file with any bit of its header turned over is refused', (t) => {
  const good = Buffer.concat(systemFile(parts));
  for (let at = 0; at < 128; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const damaged = Buffer.from(good);
      damaged[at] = damaged[at]! ^ (1 << bit);
      t.is(typeof loader.readSystemFile(damaged), 'string', `byte ${at}, bit ${bit}`);
    }
  }
});

test('a command line that the kernel would cut is refused with its length', (t) => {
  const error = t.throws(() => systemFile({ ...parts, commandLine: 'x'.repeat(4096) }));
  t.regex(error.message, /4096 bytes; it may have 4095/);
});
