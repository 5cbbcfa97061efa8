/**
 * Two whole stacks, joined by a bad network, thousands of times. A failing seed is printed and
 * replays exactly: SIM_SEED=<seed> npm test -- --no-lint test/sim/tcp.test.ts. SIM_RUNS multiplies
 * how many seeds are tried, SIM_FIRST says with which to begin.
 */
import test from 'ava';
import { everySeed } from './support/seeds.ts';
import { runTransfer } from './support/transfer.ts';

test('every byte arrives once and in order, whatever the network does, and nothing leaks', (t) => {
  const totals = { bytes: 0, lost: 0, corrupted: 0, duplicated: 0, reordered: 0, tooBig: 0 };
  everySeed(t, 1500, (seed) => {
    const { client, server, counters } = runTransfer(seed);
    totals.bytes += client.read + server.read;
    totals.lost += counters.lost + counters.queueLost;
    totals.corrupted += counters.corrupted;
    totals.duplicated += counters.duplicated;
    totals.reordered += counters.reordered;
    totals.tooBig += counters.tooBig;
  });
  t.log(JSON.stringify(totals));
});
