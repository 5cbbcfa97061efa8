/** Datagrams over a bad network; see support/seeds.ts for how to replay a seed. */
import test from 'ava';
import { datagramEcho } from './support/datagrams.ts';
import { everySeed } from './support/seeds.ts';

test('datagrams of all sizes arrive whole and right, and are never repeated by the stack', (t) => {
  let received = 0;
  everySeed(t, 100, (seed) => {
    received += datagramEcho(seed);
  });
  t.log(`${received} datagrams came back`);
});
