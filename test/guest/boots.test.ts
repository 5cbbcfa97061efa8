import test from 'ava';
import { bootSeries } from './boots.ts';

// The command `npm run boots -- 300` does more of them.
test.serial('ten boots in a row', async (t) => {
  const { failures } = await bootSeries(10);
  t.deepEqual(failures, []);
});
