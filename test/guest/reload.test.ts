// A bare app is replaced in its running machine: connections stay, requests are answered, and a version that fails
// leaves the one before serving.
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { type RunningMachine, startMachine } from '../../lib/cli/src/machine.ts';
import { inRepository } from '../../lib/cli/src/paths.ts';
import { bundleReloadable } from '../../lib/worker/bundle.ts';
import type { ReloadResult } from '../../lib/worker/src/reload/reloader.ts';
import { printed } from './support/console.ts';
import { freePort } from './support/free-port.ts';
import { guestFolder, guestInitrd } from './support/guest.ts';

const port = await freePort();
const controlPort = await freePort();
const token = 'the-token';
/** Longer than any answer takes on a busy machine without KVM. */
const patience = 120_000;
const entry = inRepository('test/guest/reload/app/main.ts');

let machine: RunningMachine;

test.before(async () => {
  const initrd = await guestInitrd('reload', 'reload/app/main.ts', { isReloadable: true });
  const local = { protocol: 'tcp', address: '127.0.0.1' } as const;
  machine = await startMachine({
    initrd,
    network: {
      forward: [
        { ...local, host: port, guest: 8080 },
        { ...local, host: controlPort, guest: 9000 },
      ],
    },
    memoryMegabytes: 192,
    append: `log=info env.RUNTIMEJS_RELOAD=9000:${token}`,
    timeoutMilliseconds: 540_000,
  });
  await printed(machine, /Listening on port 8080:[\s\S]*10\.0\.2\.15/);
});

test.after.always(() => machine?.kill());

async function ask(target: string, init: RequestInit = {}): Promise<string> {
  const signal = AbortSignal.timeout(patience);
  return (await fetch(`http://127.0.0.1:${port}${target}`, { ...init, signal })).text();
}

let versions = 0;

/** Makes a version of the app. @param change makes its source of that of the repository */
async function makeVersion(change: (source: string) => string): Promise<string> {
  versions++;
  const folder = path.join(guestFolder, 'reload', `app-${versions}`);
  await mkdir(folder, { recursive: true });
  const source = await readFile(entry, 'utf8');
  await writeFile(path.join(folder, 'main.ts'), change(source));
  return (await bundleReloadable(path.join(folder, 'main.ts'), folder)).code;
}

async function post(
  script: string,
  authorization = `Bearer ${token}`,
  id: string = randomUUID(),
): Promise<Response> {
  const signal = AbortSignal.timeout(patience);
  const headers = { authorization };
  const url = `http://127.0.0.1:${controlPort}/reload/${id}`;
  return fetch(url, { method: 'POST', headers, body: script, signal });
}

async function reload(script: string): Promise<ReloadResult> {
  return (await (await post(script)).json()) as ReloadResult;
}

async function reloaded(t: ExecutionContext, script: string): Promise<void> {
  const result = await reload(script);
  t.is(result.outcome, 'reloaded', JSON.stringify(result));
}

const named = (name: string) => (source: string) => source.replace('version 0', name);

/** Sends requests one after the other until it is told to stop. @returns what was answered, and by which sockets */
async function load(target: string, agent: Agent, isOver: () => boolean) {
  const answers: string[] = [];
  const failures: string[] = [];
  const sockets = new Set<number | undefined>();
  while (!isOver()) {
    try {
      answers.push(
        await new Promise<string>((resolve, reject) => {
          const sent = request(`http://127.0.0.1:${port}${target}`, { agent, timeout: patience });
          sent.on('error', reject);
          sent.on('timeout', () => sent.destroy(new Error('There was no answer.')));
          sent.on('response', (answer) => {
            sockets.add(answer.socket.localPort);
            if (answer.statusCode === 200) text(answer).then(resolve, reject);
            else reject(new Error(`status ${answer.statusCode}`));
          });
          sent.end();
        }),
      );
    } catch (error) {
      failures.push(String(error));
    }
  }
  return { answers, failures, sockets };
}

test.serial('no request fails and no connection ends while versions come and go', async (t) => {
  const scripts = await Promise.all(
    [1, 2, 3, 4, 5].map((number) => makeVersion(named(`version ${number}`))),
  );
  let isOver = false;
  const agents: Agent[] = [];
  const start = (target: string, keepAlive: boolean) => {
    const agent = new Agent({ keepAlive, maxSockets: 1 });
    agents.push(agent);
    return load(target, agent, () => isOver);
  };
  const kept = [start('/', true), start('/', true), start('/slow', true), start('/slow', true)];
  const others = [start('/', false)];
  for (const script of scripts) {
    const begun = performance.now();
    const result = await reload(script);
    t.is(result.outcome, 'reloaded', JSON.stringify(result));
    const took = (performance.now() - begun).toFixed(0);
    if (result.outcome === 'reloaded') {
      t.log(`${took} ms with the transfer, ${result.milliseconds.toFixed(0)} ms in the machine`);
    }
    t.is(await ask('/'), await ask('/slow'));
  }
  isOver = true;
  const loads = await Promise.all([...kept, ...others]);
  for (const agent of agents) agent.destroy();
  t.deepEqual(
    loads.flatMap(({ failures }) => failures),
    [],
  );
  for (const { sockets } of loads.slice(0, kept.length)) t.is(sockets.size, 1);
  for (const { answers } of loads) t.deepEqual(answers, [...answers].sort(), 'none goes back');
  t.is(await ask('/'), 'version 5');
});

test.serial(
  'a version has globals of its own, the state of the one before, and its source map',
  async (t) => {
    await reloaded(t, await makeVersion(named('marks')));
    await ask('/mark');
    const before = Number(await ask('/visits'));
    const script = await makeVersion((source) => `// One more line.\n${named('later')(source)}`);
    await reloaded(t, script);
    t.is(Number(await ask('/visits')), before + 1);
    const echo = await ask('/echo', { method: 'POST', body: 'x'.repeat(100_000) });
    t.deepEqual(JSON.parse(echo), { length: 100_000, isOwn: true });
    const line = (await readFile(entry, 'utf8'))
      .split('\n')
      .findIndex((each) => each.includes("'here'"));
    t.regex(await ask('/stack'), new RegExp(`main\\.ts:${line + 2}:`));
  },
);

const broken: readonly {
  readonly what: string;
  readonly change: (source: string) => string;
  readonly reason: RegExp;
}[] = [
  {
    what: 'fails at import',
    change: (source) => `${source}\nthrow new RangeError('no such module');\n`,
    reason: /^RangeError: no such module\n {4}at .*main\.ts:37:\d+/,
  },
  {
    what: 'exports no handler',
    change: (source) => source.replace('async fetch(', 'async answer('),
    reason: /must be an object with a function fetch/,
  },
  {
    what: 'cannot take the state over',
    change: (source) => source.replace('visits = state.visits;', "throw new Error('too old');"),
    reason: /^takeOver\(\) failed: Error: too old\n {4}at .*main\.ts:\d+/,
  },
  {
    what: 'never ends to take the state over',
    change: (source) =>
      source.replace('visits = state.visits;', 'return new Promise(() => {}) as never;'),
    reason: /^takeOver\(\) has not ended after 5 s\.$/,
  },
];

for (const { what, change, reason } of broken) {
  test.serial(`the version before goes on after one that ${what}`, async (t) => {
    await reloaded(t, await makeVersion(named('sound')));
    const result = await reload(await makeVersion((source) => change(named('broken')(source))));
    t.is(result.outcome, 'failed', JSON.stringify(result));
    if (result.outcome === 'failed') t.regex(result.reason, reason);
    t.is(await ask('/'), 'sound');
  });
}

for (const [what, body, reason] of [
  ['throws', "{ throw new Error('not now'); }", /^handOver\(\) failed: Error: not now\n/],
  [
    'gives what cannot be copied',
    '({ list: () => 1 })',
    /^handOver\(\) failed: .*could not be cloned/,
  ],
] as const) {
  test.serial(`a handOver() that ${what} leaves its version serving`, async (t) => {
    await reloaded(t, await makeVersion(named('sound')));
    const held = await makeVersion((source) =>
      named('keeps')(source).replace('({ visits, seen: new Map() })', body),
    );
    await reloaded(t, held);
    const result = await reload(await makeVersion(named('next')));
    t.is(result.outcome, 'failed', JSON.stringify(result));
    if (result.outcome === 'failed') t.regex(result.reason, reason);
    t.is(await ask('/'), 'keeps');
    const again = await reload(await makeVersion(named('without')));
    t.like(again, { outcome: 'reloaded', hasHandedOver: false }, 'it is not asked a second time');
    t.is(await ask('/'), 'without');
  });
}

test.serial('who does not know the token replaces nothing', async (t) => {
  t.is((await post(await makeVersion(named('forged')), 'Bearer guess')).status, 403);
  t.not(await ask('/'), 'forged');
});
