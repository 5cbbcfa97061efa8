/** What is given back when the machine is short of memory, which the fake kernel says it is. */
import test from 'ava';
import { messages, runOnFakeKernel } from './shim-fixtures.ts';

/**
 * A script that ends once an object that nobody has any more was collected.
 * @param collected what it does then
 * @param every starts a timer
 */
function awaitsCollection(collected: string, every = 'setInterval'): string {
  return `
    let object = { here: true };
    const weak = new WeakRef(object);
    object = undefined;
    const timer = ${every}(() => {
      if (weak.deref() !== undefined) return;
      clearInterval(timer);
      ${collected}
    }, 5);`;
}

const short = { FAKE_KERNEL_SHORTAGE: '1', FAKE_KERNEL_CLOCK: 'real' };

test("an app's garbage is collected when memory is short", async (t) => {
  const { stdout, code } = await runOnFakeKernel(['-e', awaitsCollection("console.log('free')")], {
    environment: short,
  });
  t.is(code, 0);
  t.regex(stdout, /free/);
});

test('also in Workers, which come and go', async (t) => {
  const worker = JSON.stringify(awaitsCollection(''));
  const app = `
    const { Worker } = require('node:worker_threads');
    const start = (left) => {
      if (left === 0) return console.log('free');
      new Worker(${worker}, { eval: true }).on('exit', () => start(left - 1));
    };
    start(5);`;
  const { stdout, code } = await runOnFakeKernel(['-e', app], { environment: short });
  t.is(code, 0);
  t.regex(stdout, /free/);
});

test('also in the system isolate and in those that it starts', async (t) => {
  const spawned = awaitsCollection("runtime.log.write(2, 'spawned: free');");
  const system = `
    runtime.channel.onNews(() => {});
    runtime.isolates.spawn('other', 'other.js', 64 << 20, 0, 0, 0, { id: 0, channel: 0 });
    ${awaitsCollection("runtime.log.write(2, 'system: free');")}`;
  const app = `const { readFileSync } = require('node:fs');
    const timer = setInterval(() => {
      const log = readFileSync('kernel.log', 'utf8');
      if (log.includes('spawned: free') && log.includes('system: free')) clearInterval(timer);
    }, 5);`;
  const outcome = await runOnFakeKernel(['-e', app], {
    system,
    files: { 'other.js': spawned },
    environment: short,
  });
  t.is(outcome.code, 0);
  t.is(messages(outcome.log, 2).filter((text) => text.endsWith(': free')).length, 2);
});

test('an app that ends itself meanwhile ends as it wants', async (t) => {
  for (const end of ['process.exit(3)', 'setTimeout(() => process.exit(3), 50)']) {
    const { code, signal, stderr } = await runOnFakeKernel(['-e', end], { environment: short });
    t.deepEqual({ code, signal, stderr }, { code: 3, signal: null, stderr: '' });
  }
});
