/** Many connections; see support/seeds.ts for how to replay a seed. */
import test from 'ava';
import { manyShort, sameNumbersAgain, smallBacklog } from './support/crowds.ts';
import { everySeed } from './support/seeds.ts';

test('200 clients at once are served by a listener with a backlog of 1 to 5', (t) => {
  everySeed(t, 12, smallBacklog);
});

test('a thousand short connections in a row leave nothing behind', (t) => {
  everySeed(t, 6, manyShort);
});

test('the same addresses and ports again: TIME_WAIT makes room', (t) => {
  everySeed(t, 30, sameNumbersAgain);
});
