// Warm images: a process that was frozen while the image was built goes on, with what each machine gives it.
import { copyFile, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { readCpio } from '../../lib/base/src/cpio.ts';
import type { BootOptions, BootResult } from '../../lib/cli/src/machine.ts';
import { runtimeImage } from '../../lib/cli/src/paths.ts';
import { makeWarmInitrd } from '../../lib/cli/src/warm/warm-image.ts';
import { expectEnd } from './support/endings.ts';
import { freePort } from './support/free-port.ts';
import { boot, guestInitrd, tail } from './support/guest.ts';
import { startWithButton } from './support/power.ts';

const memoryMegabytes = 320;
const folder = await mkdtemp(path.join(tmpdir(), 'runtimejs-warm-'));
test.after.always(() => rm(folder, { recursive: true, force: true }));

const wentOn = /the process goes on from the image's frozen state/;
const begunAnew = (why: string) => new RegExp(`frozen state is not used.*${why}`);

async function warmInitrd(name: string, entry: string, fresh = false): Promise<string> {
  const initrd = await guestInitrd(name, entry, { environment: { OF_IMAGE: 'kept' } });
  const outFile = `${initrd}.warm`;
  if (fresh) await rm(outFile, { force: true });
  const commandLine = '';
  await makeWarmInitrd({ runtime: runtimeImage, initrd, commandLine, memoryMegabytes, outFile });
  return outFile;
}

interface Said {
  readonly arguments: string[];
  readonly entry: string;
  readonly options: string[];
  readonly variables: Record<string, string>;
  readonly zone: number;
  readonly now: number;
  readonly sinceOrigin: number;
  readonly clock: number;
  readonly processors: number;
  readonly random: (number | string)[];
  readonly answer: string;
  readonly date: number;
  readonly filled: number;
}

function said(result: BootResult): Said {
  const line = /^warm (\{.*\})$/m.exec(result.output)?.[1];
  if (line === undefined) throw new Error(tail(result));
  return JSON.parse(line) as Said;
}

/** Boots the app's warm image. */
async function bootWarm(append: string, options: BootOptions = {}): Promise<BootResult> {
  const initrd = await warmInitrd('warm', 'apps/warm.ts');
  return boot(initrd, { memoryMegabytes, append: `log=info ${append}`, ...options });
}

test.serial('each machine gives its arguments, variables, time and random numbers', async (t) => {
  await warmInitrd('warm', 'apps/warm.ts', true); // frozen now: its clock is behind
  const first = await bootWarm('env.NAME=first env.TZ=Asia/Tokyo -- one two');
  expectEnd(t, first, 0, [wentOn]);
  const second = await bootWarm('env.NAME=second', { processors: 2 });
  expectEnd(t, second, 0, [wentOn]);
  const [one, two] = [said(first), said(second)];
  t.deepEqual(one.arguments, ['one', 'two']);
  t.deepEqual(two.arguments, []);
  for (const { entry, options, answer } of [one, two]) {
    t.is(entry, '/app/main.mjs');
    t.deepEqual(options, ['--enable-source-maps']);
    t.is(answer, '/answer');
  }
  const { NAME, OF_IMAGE, TZ } = one.variables;
  t.deepEqual([NAME, OF_IMAGE, TZ], ['first', 'kept', 'Asia/Tokyo']);
  t.deepEqual([two.variables.NAME, two.variables.TZ], ['second', undefined]);
  t.deepEqual([one.zone, two.zone], [9, 0]);
  t.is(two.processors, 2);
  for (const [index, number] of one.random.entries()) t.not(number, two.random[index] as string);
  for (const { now, sinceOrigin, clock } of [one, two]) {
    t.true(Math.abs(sinceOrigin - now) < 2000, `${sinceOrigin} ${now}`);
    t.true(Math.abs(clock - Date.now()) < 600_000);
  }
});

test.serial(
  'the first answer has the date of the machine, not of the frozen process',
  async (t) => {
    const result = await bootWarm('', { extraArguments: ['-rtc', 'base=2031-05-06T07:08:09'] });
    expectEnd(t, result, 0, [wentOn]);
    const { clock, date, now, sinceOrigin } = said(result);
    t.regex(new Date(clock).toISOString(), /^2031-05-06T07:/);
    t.true(Math.abs(clock - date) < 60_000, new Date(date).toISOString());
    t.true(Math.abs(sinceOrigin - now) < 2000, `${sinceOrigin} ${now}`);
  },
);

test.serial('on a machine with more memory the heap may take its share of that', async (t) => {
  const result = await bootWarm('env.FILL=200', { memoryMegabytes: 2048 });
  expectEnd(t, result, 0, [wentOn]);
  t.is(said(result).filled, 200 * 1024);
});

test.serial('Node starts anew where the state does not fit', async (t) => {
  const less = await bootWarm('', { memoryMegabytes: 256 });
  expectEnd(t, less, 0, [begunAnew('less memory')]);
  const options = await bootWarm('env.NODE_OPTIONS=--no-warnings');
  expectEnd(t, options, 0, [begunAnew('variables that Node reads at its start')]);
  const older = await bootWarm('', { extraArguments: ['-cpu', 'Nehalem'] });
  expectEnd(t, older, 0, [begunAnew('this CPU lacks')]);
  const off = await bootWarm('warm=off');
  expectEnd(t, off, 0);
  t.notRegex(off.output, /frozen state/);
  for (const result of [less, options, older, off]) t.is(said(result).answer, '/answer');
});

/** A copy of an initrd with other bytes in its frozen state. */
async function damaged(initrd: string, change: (state: Buffer) => void): Promise<string> {
  const copy = path.join(folder, 'damaged');
  await copyFile(initrd, copy);
  const bytes = await readFile(initrd);
  // The state is in the last of the archives, whose place is where its first header is.
  const start = bytes.lastIndexOf('070701', bytes.indexOf('system/warm/state\0'));
  const entry = readCpio(bytes.subarray(start)).find(({ path: name }) => name.endsWith('/state'));
  if (entry === undefined) throw new Error('there is no state');
  const state = Buffer.from(entry.data);
  change(state);
  const file = await open(copy, 'r+');
  await file.write(state, 0, state.length, start + entry.dataOffset);
  await file.close();
  return copy;
}

test.serial('a damaged state ends with a sentence, or is left alone', async (t) => {
  const initrd = await warmInitrd('warm', 'apps/warm.ts');
  const changes: [RegExp, number, (state: Buffer) => void][] = [
    [begunAnew('not a state of this version'), 0, (state) => state.fill(0, 0, 8)],
    [begunAnew('another runtime'), 0, (state) => state.writeBigUInt64LE(1n, 160)],
    // Tables that reach behind the end, and pages that are not there.
    [begunAnew('it is damaged'), 0, (state) => state.writeBigUInt64LE(1n << 40n, 24)],
    [begunAnew('it is damaged'), 0, (state) => state.writeBigUInt64LE(1n << 60n, 16)],
    [
      begunAnew('it is damaged'),
      0,
      (state) => state.writeBigUInt64LE(1n << 30n, Number(state.readBigUInt64LE(16)) + 8),
    ],
    // A page that no area has.
    [
      /frozen state is damaged; build the image again/,
      1,
      (state) => state.writeBigUInt64LE(0x10000n, Number(state.readBigUInt64LE(16))),
    ],
  ];
  for (const [pattern, code, change] of changes) {
    const file = await damaged(initrd, change);
    expectEnd(t, await boot(file, { memoryMegabytes, append: 'log=info' }), code, [pattern]);
  }
});

test.serial('a bare app answers from a warm image', async (t) => {
  const port = await freePort();
  const initrd = await warmInitrd('worker', 'worker/app/main.ts');
  const guest = await startWithButton('', {
    initrd,
    network: { forward: [{ protocol: 'tcp', address: '127.0.0.1', host: port, guest: 8080 }] },
    memoryMegabytes,
    append: 'log=info env.GREETING=hello',
    timeoutMilliseconds: 300_000,
  });
  t.teardown(() => guest.machine.kill());
  await guest.seen(/Listening on port 8080:[\s\S]*10\.0\.2\.15/);
  t.regex(guest.machine.output(), wentOn);
  const answer = await fetch(`http://127.0.0.1:${port}/a?b=c`, {
    signal: AbortSignal.timeout(120_000),
  });
  t.is(await answer.text(), `GET http://127.0.0.1:${port}/a?b=c`);
});
