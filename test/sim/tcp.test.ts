/**
 * Two whole stacks, joined by a bad network, thousands of times. A failing seed is printed and
 * replays exactly: SIM_SEED=<seed> npm test -- --no-lint test/sim/tcp.test.ts. SIM_RUNS says how
 * many seeds to try, SIM_FIRST with which to begin.
 */
import test from 'ava';
import { runTransfer } from './support/transfer.ts';

const single = process.env.SIM_SEED;
const first = Number(single ?? process.env.SIM_FIRST ?? 1);
const runs = single === undefined ? Number(process.env.SIM_RUNS ?? 2000) : 1;

test('every byte arrives once and in order, whatever the network does, and nothing leaks', (t) => {
  const failures: string[] = [];
  const totals = { bytes: 0, lost: 0, corrupted: 0, duplicated: 0, reordered: 0, tooBig: 0 };
  for (let seed = first; seed < first + runs; seed += 1) {
    try {
      const { client, server, counters } = runTransfer(seed);
      totals.bytes += client.read + (server?.read ?? 0);
      totals.lost += counters.lost + counters.queueLost;
      totals.corrupted += counters.corrupted;
      totals.duplicated += counters.duplicated;
      totals.reordered += counters.reordered;
      totals.tooBig += counters.tooBig;
    } catch (error) {
      failures.push(`SIM_SEED=${seed}: ${(error as Error).stack}`);
      if (failures.length === 5) break;
    }
  }
  t.log(`seeds ${first} to ${first + runs - 1}: ${JSON.stringify(totals)}`);
  t.deepEqual(failures, []);
});

test('a connection whose network is cut fails with ETIMEDOUT', (t) => {
  const error = t.throws(() => runTransfer(1, { conditions: { cut: true }, bytes: 1000 }));
  t.regex(error?.message ?? '', /failed: (ETIMEDOUT|EHOSTUNREACH)|never came up/);
});
