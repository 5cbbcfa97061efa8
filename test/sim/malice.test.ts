/** Peers that break TCP's rules; see support/seeds.ts for how to replay a seed. */
import test from 'ava';
import {
  acknowledgesTheUnsent,
  christmasTree,
  contradictingSegments,
  lyingSack,
  malformedOptions,
  optimisticAcknowledgments,
  shrinkingWindow,
  tinySegments,
} from './support/malice.ts';
import { everySeed } from './support/seeds.ts';

const peers: readonly (readonly [number, string, (seed: number) => void])[] = [
  [10, 'acknowledges what it has not got', optimisticAcknowledgments],
  [20, 'acknowledges what was never sent', acknowledgesTheUnsent],
  [20, 'lies in SACK blocks, and reneges', lyingSack],
  [20, 'shrinks its window and moves its edge back', shrinkingWindow],
  [10, 'sends segments that overlap and contradict each other', contradictingSegments],
  [20, 'offers a tiny MSS', tinySegments],
  [10, 'sends options of every kind and length', malformedOptions],
  [10, 'sends every combination of flags in every state', christmasTree],
];

for (const [seeds, title, peer] of peers) {
  test(`a peer that ${title}`, (t) => {
    everySeed(t, seeds, peer);
  });
}
