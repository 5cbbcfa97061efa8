/** What can happen to a connection, each many times; see support/seeds.ts for how to replay a seed. */
import test from 'ava';
import {
  abort,
  abortOnGoodNetwork,
  cutForAWhile,
  cutForEver,
  halfClose,
  neverReads,
  pathMtuChanges,
  simultaneousClose,
  simultaneousOpen,
  tinyMemory,
} from './support/scenarios.ts';
import { everySeed } from './support/seeds.ts';

const runs: readonly (readonly [number, string, (seed: number) => void])[] = [
  [200, 'one end aborts at a random moment, the other hears of it', abort],
  [60, 'after an abort the other end gets ECONNRESET at once', abortOnGoodNetwork],
  [60, 'after a half-close much comes the other way', halfClose],
  [150, 'both connect to each other: one connection', simultaneousOpen],
  [200, 'both close at the same instant', simultaneousClose],
  [20, 'a peer that reads nothing for an hour, and then everything', neverReads],
  [60, 'the network is cut for minutes and heals', cutForAWhile],
  [80, 'the network is cut for ever: ETIMEDOUT', cutForEver],
  [60, 'the path MTU goes down and up, at times without a word', pathMtuChanges],
  [100, 'allocations fail: late or an error, but never wrong', tinyMemory],
];

for (const [seeds, title, scenario] of runs) {
  test(title, (t) => {
    everySeed(t, seeds, scenario);
  });
}

test('a retransmitted FIN that acknowledges more closes the window, too', (t) => {
  t.notThrows(() => neverReads(5154));
});
