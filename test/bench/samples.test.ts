// Profiles: from the kernel's samples to names.
import test from 'ava';
import {
  CodeMap,
  foldSamples,
  parseMaps,
  parsePerfMap,
  parseSamples,
  parseSymbols,
  Resolver,
  summariseSamples,
} from './support/samples.ts';

const kernelBase = 0xffff_8000_0000_0000n;

function recorded(taken: bigint, capacity: bigint, samples: readonly [bigint, number][]): Buffer {
  const buffer = Buffer.alloc(32 + 16 * samples.length);
  buffer.writeBigUInt64LE(taken, 0);
  buffer.writeBigUInt64LE(capacity, 8);
  buffer.writeBigUInt64LE(kernelBase, 16);
  for (const [index, [instruction, thread]] of samples.entries()) {
    buffer.writeBigUInt64LE(instruction, 32 + 16 * index);
    buffer.writeUInt32LE(thread, 40 + 16 * index);
  }
  return buffer;
}

test('samples are read up to the capacity, and no further than the buffer', (t) => {
  const samples: [bigint, number][] = [
    [1n, 1],
    [2n, 7],
  ];
  const kept = samples.map(([instruction, thread]) => ({ instruction, thread }));
  t.deepEqual(parseSamples(recorded(2n, 9n, samples)), { kernel: kernelBase, taken: 2, kept });
  t.deepEqual(parseSamples(recorded(5n, 1n, samples)).kept, kept.slice(0, 1));
  t.deepEqual(parseSamples(recorded(5n, 9n, samples).subarray(0, 33)).kept, []);
  t.throws(() => parseSamples(Buffer.alloc(31)), { instanceOf: RangeError });
});

test('an address has the name of the code that begins at or before it', (t) => {
  const map = new CodeMap(parsePerfMap('100 10 JS:dead\nbad line\n100 20 JS:*f\n200 8 JS:^g\n'));
  t.is(map.find(0xffn), undefined);
  t.is(map.find(0x11fn), 'JS:*f');
  t.is(map.find(0x120n), undefined);
  t.is(map.find(0x200n), 'JS:^g');
  t.is(new CodeMap([]).find(0n), undefined);
});

test('samples are counted by thread, part and symbol', (t) => {
  const kernel = new CodeMap(
    parseSymbols('0000 T boot\n0010 08 t runtime::wait(int)\n0018 d data\n'),
  );
  const maps = parseMaps(
    '400000-500000 r-xp 00001000 00:00 1          /bin/node\n600000-700000 rw-p 00000000 00:00 0\n',
  );
  const opened: string[] = [];
  const resolver = new Resolver(kernelBase, kernel, new CodeMap([]), maps, (file) => {
    opened.push(file);
    return new CodeMap(parseSymbols('1000 T main;x\n'));
  });
  const samples = [
    { instruction: kernelBase + 0x12n, thread: 0 },
    { instruction: kernelBase + 0x18n, thread: 0 },
    { instruction: 0x400000n, thread: 1 },
    { instruction: 0x400008n, thread: 1 },
    { instruction: 0x600000n, thread: 1 },
    { instruction: 0x900000n, thread: 1 },
  ];
  const threads = summariseSamples(samples, resolver, (thread) => `thread ${thread}`);
  t.deepEqual(opened, ['/bin/node']);
  t.deepEqual(
    threads.map(({ name, samples: count }) => [name, count]),
    [
      ['thread 1', 4],
      ['thread 0', 2],
    ],
  );
  t.deepEqual(threads[0]?.parts[0], { name: 'node', samples: 2 });
  t.is(
    foldSamples(threads),
    'thread 1;node;main,x 2\nthread 1;anonymous;0x600000 1\nthread 1;not mapped;0x900000 1\n' +
      'thread 0;kernel;runtime::wait(int) 1\nthread 0;kernel;0xffff800000000018 1\n',
  );
});
