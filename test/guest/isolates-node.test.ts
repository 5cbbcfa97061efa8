// Isolates that an app in Node and its Workers start: calls, limits, restarts, and ends.
import test from 'ava';
import { bootApp, expectEnd } from './support/endings.ts';

test('an app in Node and its Workers start isolates, which end with them', async (t) => {
  const app = { name: 'node-isolates', entry: 'isolates/node-app.ts' };
  const result = await bootApp(app, { append: 'log=info', memoryMegabytes: 384, processors: 2 });
  expectEnd(t, result, 3, [
    /isolates: the one that was kept failed[\s\S]*isolates: nothing left to do/,
  ]);
  const found = {
    calls: [[2, 4, 6], 'nothing can be divided by 0', ['calculator'], 'peer-gone', 'killed'],
    buffers: [2, true, 0, true, true],
    exception: 'failed: an exception escaped: RangeError: this program fails',
    loop: 'killed: a turn of its event loop took more than 300 ms of processor time',
    outdone: 'finished: ',
    heap: 'limit: its memory limit of 16 MiB is reached',
    restarts: ['gave-up', 2],
    moved: [0, 'RangeError'],
    missing: 'ENOENT',
  };
  for (const thread of ['app', 'Worker']) {
    const line = new RegExp(`isolates: ${thread} (\\{.*\\})`).exec(result.output)?.[1];
    t.deepEqual(JSON.parse(line ?? 'null'), found, thread);
  }
});
