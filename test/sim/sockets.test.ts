/** The socket service over a bad network; see support/seeds.ts for how to replay a seed. */
import test from 'ava';
import { everySeed } from './support/seeds.ts';
import { socketEcho } from './support/socket-scenario.ts';

test('sockets echo what they get over a bad network, and leave nothing behind', (t) => {
  let served = 0;
  everySeed(t, 80, (seed) => {
    served += socketEcho(seed);
  });
  t.log(`${served} clients were served`);
});

test('a window update that comes due without a read does not keep the service busy for ever', (t) => {
  t.true(socketEcho(77) >= 0);
});
