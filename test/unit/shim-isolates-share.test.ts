/** What the threads of isolates have of the processor, on a fake kernel: as Linux shows it. */
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { testWhenPossible } from '../guest/support/skip.ts';
import { runOnFakeKernel, watchWorker } from './shim-fixtures.ts';

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

/** A thread as Linux shows it (proc(5)). */
interface LinuxThread {
  readonly name: string;
  readonly nice: number;
  /** CPU time, in nanoseconds. */
  readonly used: number;
}

/** Threads of a process, without those that end while this looks. */
function threadsOf(process: number): LinuxThread[] {
  const folder = `/proc/${process}/task`;
  return readdirSync(folder).flatMap((task): LinuxThread[] => {
    try {
      const stat = readFileSync(`${folder}/${task}/stat`, 'latin1');
      const [used] = readFileSync(`${folder}/${task}/schedstat`, 'latin1').split(' ');
      const end = stat.lastIndexOf(')');
      const nice = Number(stat.slice(end + 2).split(' ')[16]);
      return [{ name: stat.slice(stat.indexOf('(') + 1, end), nice, used: Number(used) }];
    } catch {
      return [];
    }
  });
}

/** What the threads of that name have used, in nanoseconds. */
function usedBy(threads: readonly LinuxThread[], name: string): number {
  return threads.reduce((sum, thread) => sum + (thread.name === name ? thread.used : 0), 0);
}

/** Waits until something holds, a minute at most. @returns whether it does */
async function until(holds: () => boolean | Promise<boolean>): Promise<boolean> {
  const end = performance.now() + 60_000;
  while (performance.now() < end) {
    if (await holds()) return true;
    await sleep(2);
  }
  return false;
}

shareTest('what V8 does beside an isolate has its share, and is on its account', async (t) => {
  // Turns that are short, and much garbage; then it waits.
  const garbage = `let rounds = 0;
    const timer = setInterval(() => {
      const kept = [];
      for (let index = 0; index < 20_000; index++) kept.push({ index, more: [index] });
      globalThis.last = kept;
      if (++rounds === 150) { clearInterval(timer); setInterval(() => {}, 1e9); }
    }, 0);`;
  const app = `${spawn}
    const id = spawn('garbage', 4);
    setInterval(() => {
      runtime.log.write(2, 'used ' + runtime.isolates.figures(id, {}).cpuNanoseconds);
    }, 10);`;
  await watchWorker({ 'worker.js': app, 'garbage.js': garbage }, async (process, log) => {
    const nices = new Set<number>();
    let seen = '';
    const look = (): LinuxThread[] => {
      const threads = threadsOf(process);
      for (const { name, nice } of threads) if (name === 'isolate-helper') nices.add(nice);
      return threads;
    };
    const isCharged = await until(async () => {
      const threads = look();
      const own = usedBy(threads, 'garbage');
      const helpers = usedBy(threads, 'isolate-helper');
      const figures = (await log()).match(/used \d+/g) ?? [];
      const figure = Number(figures.at(-1)?.slice('used '.length));
      seen = `${figure} ns of ${own} and ${helpers}`;
      // Not all of them is work: they start, and wait.
      return helpers > 1e6 && figure > own + 0.8 * helpers && figure <= own + helpers;
    });
    t.true(isCharged, seen);
    t.true(nices.has(4) || nices.has(19), [...nices].join());
    t.deepEqual(
      // On a busy host a turn may take so long that the isolate yields.
      [...nices].filter((nice) => ![0, 4, 19].includes(nice)),
      [],
      'when it waits for work it has an ordinary share',
    );
  });
});
