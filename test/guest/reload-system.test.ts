// Drivers and the network stack are replaced in a running machine: connections outlive a driver's reload, listening
// sockets the stack's, and a version that fails leaves the one before running. RUNTIMEJS_TEST_LONG=1 tries more of what
// may fail; test/unit/system-reload.test.ts and test/unit/shim-reload.test.ts have all of it.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type RunningMachine, startMachine } from '../../lib/cli/src/machine.ts';
import { inRepository } from '../../lib/cli/src/paths.ts';
import { reloadSystem } from '../../lib/cli/src/reload/system.ts';
import { bundleSystem, isolatesFile } from '../../lib/system/bundle.ts';
import type { ReloadOutcome } from '../../lib/system/src/reload/types.ts';
import { bundleIsolates } from '../../lib/worker/bundle.ts';
import { createPattern } from './placement/pattern.ts';
import { printed } from './support/console.ts';
import { freePort } from './support/free-port.ts';
import { guestFolder, guestInitrd } from './support/guest.ts';

/** What is only tried at length. */
const long = process.env.RUNTIMEJS_TEST_LONG === '1' ? test.serial : test.serial.skip;
const folder = path.join(guestFolder, 'reload-system');
const systemScript = '/system/main.js';
const token = 'the-token';
const [echo, web, datagrams, control] = [
  await freePort(),
  await freePort(),
  await freePort(),
  await freePort(),
];
/** Longer than any answer takes on a busy machine without KVM. */
const patience = 120_000;

let machine: RunningMachine;
/** Path of the driver's script in the image. */
let driverScript: string;

test.before(async () => {
  await mkdir(folder, { recursive: true });
  const system = path.join(folder, 'system.js');
  await bundleSystem(system, inRepository('test/guest/reload/composition.ts'));
  const entries = JSON.parse(await readFile(isolatesFile(system), 'utf8')) as [string, string][];
  driverScript = entries.find(([, module]) => module.includes('virtio-net'))?.[0] ?? '';
  const initrd = await guestInitrd('reload-system', 'reload/echo.ts', { system });
  const local = { address: '127.0.0.1' } as const;
  machine = await startMachine({
    initrd,
    network: {
      forward: [
        { ...local, protocol: 'tcp', host: echo, guest: 8080 },
        { ...local, protocol: 'tcp', host: web, guest: 8081 },
        { ...local, protocol: 'udp', host: datagrams, guest: 8082 },
        { ...local, protocol: 'tcp', host: control, guest: 9000 },
      ],
    },
    memoryMegabytes: 384,
    append: `log=info reload=9000:${token}`,
    timeoutMilliseconds: 560_000,
  });
  await printed(machine, /echo: listening/);
  await printed(machine, /eth0: link is up[\s\S]*10\.0\.2\.15/);
});

test.after.always(() => machine?.kill());

let versions = 0;

/** Makes a version of a source in the repository. @returns its path */
async function write(source: string, change: (text: string) => string): Promise<string> {
  versions += 1;
  const file = path.join(folder, `version-${versions}.ts`);
  const text = await readFile(inRepository('test/guest/reload', source), 'utf8');
  await writeFile(file, change(text));
  return file;
}

type Change = (text: string) => string;
const named =
  (name: string): Change =>
  (text) =>
    text.replace('version 0', name);

/** Makes a version of the driver. */
async function driver(change: Change): Promise<Map<string, Uint8Array>> {
  const entries = new Map([[driverScript, await write('driver.ts', change)]]);
  const { scripts } = await bundleIsolates(entries, folder);
  return new Map([...scripts].map(([name, code]) => [name, Buffer.from(code)]));
}

/** Makes a version of the composition. */
async function composition(change: Change): Promise<Map<string, Uint8Array>> {
  const file = path.join(folder, `system-${versions}.js`);
  await bundleSystem(file, await write('composition.ts', change));
  return new Map([[systemScript, await readFile(file)]]);
}

async function reload(
  t: ExecutionContext,
  scripts: ReadonlyMap<string, Uint8Array>,
): Promise<ReloadOutcome> {
  const begun = performance.now();
  const outcome = await reloadSystem({ port: control, token }, scripts);
  const took = (performance.now() - begun).toFixed(0);
  if (outcome?.outcome === 'reloaded') {
    t.log(`${took} ms with the transfer, ${outcome.milliseconds.toFixed(0)} ms in the machine`);
  }
  if (outcome === undefined) throw new Error('The machine has no control server.');
  return outcome;
}

/** A connection over which a pattern goes to the machine and back, whose every byte is compared. */
class Stream {
  readonly #socket: Socket;
  readonly #sent = createPattern(1000);
  readonly #returned = createPattern(1000);
  #isOver = false;
  readonly #running: Promise<void>;
  /** How it has ended, if it has. */
  error: NodeJS.ErrnoException | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', (error) => {
      this.error = error;
    });
    this.#running = this.#run();
    this.#running.catch(() => {});
  }

  /** Connects, and waits until the machine knows of it. */
  static async open(): Promise<Stream> {
    const socket = connect({ port: echo, host: '127.0.0.1', noDelay: true });
    await once(socket, 'data', { signal: AbortSignal.timeout(patience) });
    return new Stream(socket);
  }

  get bytes(): number {
    return this.#returned.checked;
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /** Waits until more has come back than until now. */
  async flows(): Promise<void> {
    const enough = this.bytes + 5000;
    const limit = performance.now() + patience;
    while (this.bytes < enough) {
      if (!this.isOpen) throw new Error(`The connection has ended: ${this.error?.message}`);
      if (performance.now() > limit) throw new Error(`Nothing flows after ${this.bytes} bytes.`);
      await sleep(20);
    }
  }

  /** Waits until the machine has ended it. */
  async ends(): Promise<void> {
    if (this.isOpen) await once(this.#socket, 'close', { signal: AbortSignal.timeout(patience) });
  }

  /** Ends it. @throws Error for a byte that was wrong */
  async close(): Promise<void> {
    this.#isOver = true;
    await this.#running;
    this.#socket.destroy();
  }

  async #run(): Promise<void> {
    while (!this.#isOver && this.isOpen) {
      this.#socket.write(this.#sent.next());
      for (const end = this.bytes + 1000; this.bytes < end; ) {
        const [bytes] = (await once(this.#socket, 'data')) as [Buffer];
        const problem = this.#returned.check(bytes);
        if (problem !== undefined) throw new Error(problem);
      }
    }
  }
}

async function answers(t: ExecutionContext): Promise<void> {
  const limit = performance.now() + patience;
  for (;;) {
    try {
      // A connection attempt that the machine does not hear of is made again.
      const signal = AbortSignal.timeout(10_000);
      t.is(await (await fetch(`http://127.0.0.1:${web}/`, { signal })).text(), 'still here');
      return;
    } catch (error) {
      if (performance.now() > limit) throw error;
    }
  }
}

/** Sends datagrams until one comes back. */
async function datagramsReturn(t: ExecutionContext): Promise<void> {
  const socket = createSocket('udp4');
  const returned = once(socket, 'message', { signal: AbortSignal.timeout(patience) });
  const timer = setInterval(() => socket.send('ping', datagrams, '127.0.0.1'), 200);
  try {
    const [message] = (await returned) as [Buffer];
    t.is(String(message), 'ping');
  } finally {
    clearInterval(timer);
    socket.close();
  }
}

test.serial('connections outlive reloads of the driver, with every byte', async (t) => {
  t.timeout(300_000);
  const streams = [await Stream.open(), await Stream.open()];
  for (const number of [1, 2, 3]) {
    const outcome = await reload(t, await driver(named(`version ${number}`)));
    t.like(outcome, {
      outcome: 'reloaded',
      parts: ['virtio-net0'],
      hasHandedOver: number > 1, // what the image has hands nothing over
    });
    if (number > 1) {
      await printed(machine, new RegExp(`driver: version ${number} is number ${number}`));
    }
    for (const stream of streams) await stream.flows();
  }
  await answers(t);
  for (const stream of streams) await stream.close();
  t.log(`${streams.map(({ bytes }) => bytes).join(' and ')} bytes there and back`);
});

const brokenDrivers: readonly [what: string, change: Change, reason: RegExp][] = [
  [
    'fails at import',
    (text) => `${text}\nthrow new RangeError('no such module');\n`,
    /^virtio-net0 does not start: its isolate failed: .*RangeError: no such module\n.*\.ts:\d+/s,
  ],
  [
    'cannot start the device',
    (text) => text.replace('attach: driver.attach', 'attach: () => []'),
    /^virtio-net0 does not start: its isolate failed: .*its device cannot be started/,
  ],
  [
    'cannot take the state over',
    (text) => text.replace('drivers = Number(state) + 1;', "throw new Error('too old');"),
    /^virtio-net0 does not start: its isolate failed: .*too old/,
  ],
];

for (const [index, [what, change, reason]] of brokenDrivers.entries()) {
  (index === 0 ? test.serial : long)(
    `the driver before goes on after one that ${what}`,
    async (t) => {
      t.timeout(300_000);
      const stream = await Stream.open();
      t.like(await reload(t, await driver(named('sound'))), { outcome: 'reloaded' });
      const outcome = await reload(t, await driver(change));
      t.is(outcome.outcome, 'failed', JSON.stringify(outcome));
      if (outcome.outcome === 'failed') t.regex(outcome.reason, reason);
      await stream.flows();
      await stream.close();
    },
  );
}

for (const [what, body, reason] of [
  [
    'throws',
    "{ throw new Error('not now'); }",
    /^handOver\(\) of virtio-net0 failed: Error: not now/,
  ],
  [
    'never ends',
    'new Promise(() => {})',
    /^handOver\(\) of virtio-net0 has not ended after 5 s\.$/,
  ],
] as const) {
  (what === 'throws' ? long : test.serial)(
    `a driver whose handOver() ${what} goes on`,
    async (t) => {
      t.timeout(300_000);
      const stream = await Stream.open();
      const held = await driver((text) => text.replace('=> drivers', `=> ${body}`));
      t.like(await reload(t, held), { outcome: 'reloaded' });
      const outcome = await reload(t, await driver(named('next')));
      t.is(outcome.outcome, 'failed', JSON.stringify(outcome));
      if (outcome.outcome === 'failed') t.regex(outcome.reason, reason);
      await stream.flows();
      const again = await reload(t, await driver(named('without')));
      t.like(again, { outcome: 'reloaded', hasHandedOver: false }, 'it is not asked a second time');
      await stream.flows();
      await stream.close();
    },
  );
}

test.serial(
  'listening sockets outlive a reload of the stack; connections end with an error',
  async (t) => {
    t.timeout(300_000);
    for (const number of [2, 3]) {
      const stream = await Stream.open();
      const outcome = await reload(t, await composition(named(`version ${number}`)));
      t.like(outcome, { outcome: 'reloaded', hasHandedOver: true }, JSON.stringify(outcome));
      await printed(machine, new RegExp(`lives: version ${number} is number ${number}`));
      await stream.ends();
      await answers(t);
      await datagramsReturn(t);
      const next = await Stream.open();
      await next.flows();
      await next.close();
    }
    t.regex(machine.output(), /echo: error ECONNRESET/);
    t.notRegex(machine.output(), /kernel panic|to replace it has failed/);
  },
);

const brokenSystems: readonly [what: string, change: Change, reason: RegExp][] = [
  [
    'fails at import',
    (text) => `${text}\nthrow new RangeError('no such module');\n`,
    /RangeError: no such module\n {4}at .*\.ts:\d+/,
  ],
  [
    'cannot take the state over',
    (text) => text.replace('lives = Number(state) + 1;', "throw new Error('too old');"),
    /takeOver\(\) of service lives failed: Error: too old/,
  ],
];

for (const [index, [what, change, reason]] of brokenSystems.entries()) {
  (index === 0 ? test.serial : long)(
    `the stack before is back after one that ${what}`,
    async (t) => {
      t.timeout(300_000);
      const outcome = await reload(t, await composition(change));
      t.is(outcome.outcome, 'failed', JSON.stringify(outcome));
      if (outcome.outcome === 'failed') t.regex(outcome.reason, reason);
      await answers(t);
      await datagramsReturn(t);
    },
  );
}

long(
  'a service whose handOver() never ends keeps the stack, and its connections, as they are',
  async (t) => {
    t.timeout(300_000);
    const held = await composition((text) =>
      text.replace('=> lives,', '=> new Promise(() => {}),'),
    );
    t.like(await reload(t, held), { outcome: 'reloaded' });
    const stream = await Stream.open();
    t.deepEqual(await reload(t, await composition(named('next'))), {
      outcome: 'failed',
      reason: 'handOver() of service lives has not ended after 5 s.',
    });
    await stream.flows();
    await stream.close();
  },
);

test.serial('who does not know the token replaces nothing', async (t) => {
  const scripts = await driver(named('forged'));
  t.is(await reloadSystem({ port: control, token: 'guess' }, scripts), undefined);
  t.notRegex(machine.output(), /driver: forged/);
});
