// Isolates of a bare app: each way to misbehave is stopped with a report, while the app goes on serving.
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { type RunningMachine, startMachine } from '../../lib/cli/src/machine.ts';
import { inRepository } from '../../lib/cli/src/paths.ts';
import type { EndingKind } from '../../lib/isolate/src/life.ts';
import type { SupervisorStatus } from '../../lib/isolate/src/supervisor.ts';
import { bundleSystem } from '../../lib/system/bundle.ts';
import { printed } from './support/console.ts';
import { bootApp, expectEnd } from './support/endings.ts';
import { freePort } from './support/free-port.ts';
import { guestFolder, guestInitrd } from './support/guest.ts';

/** A port of this host that nobody has. */
const port = await freePort();
const base = `http://127.0.0.1:${port}`;
/** Longer than any answer takes on a busy machine without KVM. */
const patience = 240_000;

let machine: RunningMachine;

test.before(async () => {
  const initrd = await guestInitrd('isolates', 'isolates/app/main.ts');
  machine = await startMachine({
    initrd,
    network: { forward: [{ protocol: 'tcp', address: '127.0.0.1', host: port, guest: 8080 }] },
    memoryMegabytes: 384,
    processors: 2,
    append: 'log=debug',
    timeoutMilliseconds: 560_000,
  });
  await printed(machine, /Listening on port 8080:[\s\S]*10\.0\.2\.15/);
});

test.after.always(() => machine?.kill());

async function ask<Answer>(path: string): Promise<Answer> {
  const answer = await fetch(`${base}${path}`, { signal: AbortSignal.timeout(patience) });
  return (await answer.json()) as Answer;
}

/** How an isolate ended. */
interface RunAnswer {
  readonly how: EndingKind;
  readonly report: string;
  readonly left: number;
  readonly usage: { readonly cpuTime: number; readonly messagesSent: number };
}

/** Asks the app for something simple, again and again, until a promise is fulfilled. @returns how often */
async function serveMeanwhile(t: ExecutionContext, other: Promise<unknown>): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let isOver = false;
  const stop = (): void => {
    isOver = true;
  };
  other.then(stop, stop);
  let answers = 0;
  do {
    const sent = request(`${base}/`, { agent, timeout: patience }).end();
    const [answer] = await once(sent, 'response');
    t.is(await text(answer), 'served');
    answers++;
  } while (!isOver);
  agent.destroy();
  return answers;
}

const misbehaviours: readonly { kind: string; how: EndingKind; report: RegExp }[] = [
  {
    kind: 'exception',
    how: 'failed',
    report:
      /^an exception escaped: RangeError: this program fails\n {4}at throwError \(misbehave\.ts:7:9\)/,
  },
  {
    kind: 'rejection',
    how: 'failed',
    report:
      /nothing handles it: RangeError: this program fails\n {4}at throwError \(misbehave\.ts:7:9\)\n {4}at failLater \(misbehave\.ts:33:\d+\)/,
  },
  {
    kind: 'loop',
    how: 'killed',
    report: /more than 2000 ms of processor time\n {4}at spin \(misbehave\.ts:12:\d+\)/,
  },
  {
    kind: 'recursion',
    how: 'failed',
    report: /RangeError: Maximum call stack size exceeded\n {4}at recurse \(misbehave\.ts:16:\d+\)/,
  },
  {
    kind: 'heap',
    how: 'limit',
    report: /^its memory limit of 16 MiB is reached\n {4}at hoard \(misbehave\.ts:20:\d+\)/,
  },
  { kind: 'large', how: 'limit', report: /^its memory limit of 16 MiB is reached/ },
  {
    kind: 'buffers',
    how: 'limit',
    report: /^its memory limit of 16 MiB is reached[\s\S]*at hoardBuffers \(misbehave\.ts:24:\d+\)/,
  },
  {
    kind: 'flood',
    how: 'limit',
    report: /more than 10000 messages in a second\n[\s\S]*at flood \(misbehave\.ts:\d+:\d+\)/,
  },
  {
    kind: 'full',
    how: 'killed',
    report: /more than 2000 ms of processor time\n[\s\S]*at flood \(misbehave\.ts:\d+:\d+\)/,
  },
  { kind: 'nothing', how: 'finished', report: /^$/ },
];

for (const { kind, how, report } of misbehaviours) {
  test.serial(`an isolate is stopped and the app goes on serving: ${kind}`, async (t) => {
    const run = ask<RunAnswer>(`/run?kind=${kind}`);
    const answers = await serveMeanwhile(t, run);
    const ended = await run;
    t.is(ended.how, how, ended.report);
    t.regex(ended.report, report);
    t.is(ended.left, 0);
    t.true(ended.usage.cpuTime > 0);
    t.true(answers > 0);
  });
}

test.serial('200 isolates start and end, and their memory comes back', async (t) => {
  await ask('/cycle?count=20'); // what is kept for good is there then
  const { lost, left } = await ask<{ lost: number; left: number }>('/cycle?count=200');
  t.is(left, 0);
  t.true(lost < 16 << 20, `${lost} bytes did not come back`);
});

test.serial('buffers move without a copy', async (t) => {
  const small = await ask<{ microseconds: number; last: number }>('/move?bytes=4096&count=200');
  const large = await ask<{ microseconds: number; last: number }>('/move?bytes=16777216&count=200');
  t.is(large.last, 7);
  t.log(`${small.microseconds} µs there and back with 4 KiB, ${large.microseconds} µs with 16 MiB`);
});

test.serial('isolates call each other, and calls to the dead fail', async (t) => {
  t.deepEqual(await ask('/call'), {
    doubled: [2, 4, 6],
    failure: 'RangeError: nothing can be divided by 0',
    pending: 'peer-gone',
  });
});

test.serial('a supervisor starts what fails, and gives up with a reason', async (t) => {
  await ask('/supervise');
  let status: SupervisorStatus & { readonly lives: number };
  do {
    status = await ask<typeof status>('/supervisor');
  } while (status.state === 'running');
  t.is(status.state, 'gave-up');
  t.regex(
    status.reason,
    /^fails has ended \(failed: an exception escaped: RangeError: this program fails\), after 3 restarts/,
  );
  t.is(status.children[0]?.restarts, 3);
  t.is(status.lives, 4);
});

test.serial('V8 has taken the code caches of their scripts', (t) => {
  t.notRegex(machine.output(), /code cache/);
});

test.serial('the system isolate starts isolates beside an app in Node', async (t) => {
  const system = path.join(guestFolder, 'isolates-system.js');
  await bundleSystem(system, inRepository('test/guest/system/isolates.ts'));
  const app = { name: 'system-isolates', entry: 'apps/platform.ts', system };
  const result = await bootApp(app, { append: 'log=info' });
  expectEnd(t, result, 0, [
    /platform: answer \[1,2,3\]/,
    /platform: failure \{"how":"failed","report":"an exception escaped: RangeError: this program fails\\n {4}at throwError \(\S*misbehave\.ts:7:9\)/,
    /platform: running \["echo"\]/,
    /the app ends/,
  ]);
  t.notRegex(result.output, /platform: problem/);
  const ratio = Number(/platform: shares ([\d.]+)/.exec(result.output)?.[1]);
  t.true(ratio > 2 && ratio < 8, `a share of 1 has ${ratio} times as much as one of 0.25`);
});
