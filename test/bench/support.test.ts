// The benchmarks' own arithmetic.
import test from 'ava';
import { smallestMemory } from './support/memory.ts';
import { summarise } from './support/statistics.ts';

test('a summary has the middle of an even and of an odd series', (t) => {
  t.like(summarise([3, 1, 2]), { median: 2, min: 1, max: 3, samples: [3, 1, 2] });
  t.is(summarise([4, 1, 2, 3]).median, 2.5);
  t.throws(() => summarise([]), { instanceOf: RangeError });
});

test('the search finds every limit and tries each size twice', async (t) => {
  for (let limit = 20; limit <= 512; limit += 4) {
    const tried: number[] = [];
    const found = await smallestMemory(async (megabytes) => {
      tried.push(megabytes);
      return megabytes >= limit;
    }, 512);
    t.is(found.smallest, limit);
    t.true(Object.values(found.successes).every((count) => count === 0 || count === 2));
    t.is(tried.length, 2 * new Set(tried).size);
  }
});

test('a size that runs the app only sometimes does not count', async (t) => {
  let unsteady = 0;
  const found = await smallestMemory(async (megabytes) => {
    if (megabytes === 64) return unsteady++ % 2 === 0;
    return megabytes > 64;
  }, 128);
  t.is(found.smallest, 68);
  t.is(found.successes[64], 1);
});

test('a machine that never runs the app has no smallest memory', async (t) => {
  const found = await smallestMemory(async () => false, 128);
  t.deepEqual(found, { smallest: undefined, successes: { 128: 0 }, tries: 2 });
});
