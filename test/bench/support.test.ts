// The benchmarks' own arithmetic, and what they read.
import test from 'ava';
import { kernels } from './apps/kernels.ts';
import { Window } from './load/window.ts';
import { parseWrk, wrkCommand } from './load/wrk.ts';
import { bestMean } from './parts/kernel.ts';
import { lostLines } from './peer/slim-kernel.ts';
import { smallestMemory } from './support/memory.ts';
import { geometricMean, summarise } from './support/statistics.ts';

test('a summary has the middle of an even and of an odd series', (t) => {
  t.like(summarise([3, 1, 2]), { median: 2, min: 1, max: 3, samples: [3, 1, 2] });
  t.is(summarise([4, 1, 2, 3]).median, 2.5);
  t.throws(() => summarise([]), { instanceOf: RangeError });
});

test('a geometric mean treats all rates alike', (t) => {
  t.is(geometricMean([2, 8]), 4);
  t.true(Math.abs(geometricMean([1.1, 1000]) / geometricMean([1, 1100]) - 1) < 1e-12);
  t.throws(() => geometricMean([]), { instanceOf: RangeError });
});

test('of the samples of a boot the best tenth counts', (t) => {
  t.is(bestMean([50, 1, 99, 3, ...Array<number>(16).fill(60)]), 2);
  t.is(bestMean([7]), 7);
});

const search = { largest: 512, step: 4, tries: 2 } as const;

test('the search finds every limit and tries each size that runs twice', async (t) => {
  for (let limit = 20; limit <= 512; limit += 4) {
    const tried: number[] = [];
    const boot = async (megabytes: number) => {
      tried.push(megabytes);
      return megabytes >= limit;
    };
    const found = await smallestMemory({ ...search, boot });
    t.is(found.smallest, limit);
    for (const [size, count] of Object.entries(found.successes)) {
      t.is(count, Number(size) >= limit ? 2 : 0);
      t.is(tried.filter((one) => one === Number(size)).length, count || 1);
    }
  }
});

test('a size that runs the app only sometimes does not count', async (t) => {
  let unsteady = 0;
  const boot = async (megabytes: number) =>
    megabytes === 64 ? unsteady++ % 2 === 0 : megabytes > 64;
  const found = await smallestMemory({ ...search, largest: 128, boot });
  t.is(found.smallest, 68);
  t.is(found.successes[64], 1);
});

test('a machine that never runs the app has no smallest memory', async (t) => {
  const found = await smallestMemory({ ...search, largest: 128, boot: async () => false });
  t.deepEqual(found, { smallest: undefined, successes: { 128: 0 }, tries: 2 });
});

test('a coarse search ends, and is exact to its step', async (t) => {
  for (let limit = 17; limit <= 512; limit++) {
    const boot = async (megabytes: number) => megabytes >= limit;
    const { smallest = NaN } = await smallestMemory({ ...search, step: 32, tries: 1, boot });
    t.true(smallest >= limit && smallest < limit + 32);
  }
});

test("wrk's report is read", (t) => {
  const line =
    '{"requests":5600,"seconds":4.0,"bytes":8000000,"errors":10,"p50":0.85,"p99":1100.5,"p999":1200}';
  t.deepEqual(parseWrk(`Running 4s test @ http://10.0.9.2:8080/\n${line}\n`), {
    requestsPerSecond: 1400,
    requests: 5600,
    megabytesPerSecond: 2,
    p50: 0.85,
    p99: 1100.5,
    p999: 1200,
    errors: 10,
  });
  t.throws(() => parseWrk('unable to connect'), { message: /lacks figures/ });
});

test('wrk posts a body only when there is one', (t) => {
  const options = { url: 'http://guest/', connections: 16, seconds: 3 };
  t.deepEqual(wrkCommand(options).slice(-1), ['http://guest/']);
  t.deepEqual(wrkCommand({ ...options, body: '{}', close: true }).slice(-5), [
    ...['-H', 'Connection: close', 'http://guest/', '--', '{}'],
  ]);
});

test('a window counts what comes while it is open', async (t) => {
  const window = new Window(0.05);
  t.true(window.isOpen);
  window.count(performance.now() - 4);
  window.count(performance.now() - 4);
  await new Promise((resolve) => setTimeout(resolve, window.left + 5));
  t.false(window.isOpen);
  window.count(performance.now());
  const { perSecond, p50, p99 } = window.result();
  t.is(Math.round(perSecond), 40);
  t.true(p50 >= 3.9 && p99 >= p50);
  t.throws(() => new Window(1).result(), { message: /No answer/ });
});

test('settings that Linux did not take are named', (t) => {
  const wanted =
    '# A comment.\nCONFIG_A=y\nCONFIG_B=64\n# CONFIG_C is not set\n# CONFIG_D is not set\n';
  t.deepEqual(lostLines(wanted, 'CONFIG_A=y\nCONFIG_B=64\n# CONFIG_C is not set\n'), []);
  t.deepEqual(lostLines(wanted, 'CONFIG_A=m\nCONFIG_C=y\n'), [
    ...['CONFIG_A=y', 'CONFIG_B=64', '# CONFIG_C is not set'],
  ]);
});

for (const [name, run] of Object.entries(kernels)) {
  test(`the program that computes ${name} gets its result`, (t) => t.notThrows(run));
}
