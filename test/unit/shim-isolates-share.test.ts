/** What the threads of isolates have of the processor, on a fake kernel: as Linux shows it. */
import { getPriority } from 'node:os';
import test from 'ava';
import { testWhenPossible } from '../guest/support/skip.ts';
import { runOnFakeKernel } from './shim-fixtures.ts';

/** Lower values are for root, and a run in the background begins with a high one. */
const whyNot =
  process.getuid?.() === 0 || getPriority() === 0
    ? undefined
    : 'Linux lets root alone lower nice values, and this process has another one than 0';
const shareTest = testWhenPossible(test, whyNot);

/**
 * An app that watches threads until their nice values have been all these, in this order.
 * @param expected of each isolate, by its name
 */
function appThatWatches(expected: Readonly<Record<string, readonly number[]>>): readonly string[] {
  const script = `const { readFileSync, readdirSync } = require('fs');
    const left = ${JSON.stringify(expected)};
    const timer = setInterval(() => {
      for (const task of readdirSync('/proc/self/task')) {
        let stat;
        try { stat = readFileSync('/proc/self/task/' + task + '/stat', 'latin1'); } catch { continue; }
        const end = stat.lastIndexOf(')');
        const values = left[stat.slice(stat.indexOf('(') + 1, end)];
        if (values?.[0] === Number(stat.slice(end + 2).split(' ')[16])) values.shift();
      }
      if (Object.values(left).some((values) => values.length > 0)) return;
      clearInterval(timer);
      console.log('seen');
      process.exit();
    }, 1);`;
  return ['-e', script];
}

const spawn = `
  runtime.channel.onNews(() => {});
  const spawn = (name, nice) =>
    runtime.isolates.spawn(name, name + '.js', 64 << 20, 0, nice, 0, { id: 0, channel: 0 }).id;`;

shareTest('an isolate begins with its share, and can be given another one', async (t) => {
  const { stdout, code } = await runOnFakeKernel(appThatWatches({ kept: [3], changed: [7] }), {
    system: `${spawn}
        spawn('kept', 3);
        runtime.isolates.setNice(spawn('changed', 3), 7);`,
    files: { 'kept.js': '', 'changed.js': '' },
    environment: { FAKE_KERNEL_CLOCK: 'real' },
  });
  t.is(code, 0);
  t.regex(stdout, /seen/);
});

shareTest('in a turn that takes long it yields, and has its share again afterwards', async (t) => {
  // Garbage, so that it is collected.
  const long = `const end = runtime.clock.now() + 300_000;
    while (runtime.clock.now() < end) globalThis.kept = new Array(1000).fill({});`;
  const { stdout, code } = await runOnFakeKernel(appThatWatches({ long: [2, 17, 2] }), {
    system: `${spawn} spawn('long', 2);`,
    files: { 'long.js': `setInterval(() => { ${long} }, 200);` },
    environment: { FAKE_KERNEL_CLOCK: 'real' },
  });
  t.is(code, 0);
  t.regex(stdout, /seen/);
});
