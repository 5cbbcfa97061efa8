// Hostile neighbours and bad peers, links that go down, and a network service that fails: the app lives, is
// served meanwhile or afterwards, and nothing is left of it all. RUNTIMEJS_TEST_LONG=1 makes it long.
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import anyTest, { type ExecutionContext } from 'ava';
import { Monitor } from '../../lib/cli/src/listener.ts';
import { inRepository } from '../../lib/cli/src/paths.ts';
import { bundleSystem } from '../../lib/system/bundle.ts';
import { patternDigest } from './network/pattern.ts';
import { guestBase, ports } from './network/ports.ts';
import { guestFolder } from './support/guest.ts';
import { startAttack, wireArguments } from './support/hostile.ts';
import { Namespace, site, whyNoNamespace } from './support/namespace.ts';
import { Guest, HostPeer, long, onLinux, TaskHost } from './support/network.ts';
import { testWhenPossible } from './support/skip.ts';

const test = testWhenPossible(
  anyTest,
  onLinux ? 'it is about our own network service' : whyNoNamespace(),
);

const peerBase = 9000;
const mebibyte = 2 ** 20;
const monitorPath = path.join(tmpdir(), `runtimejs-monitor-${process.pid}`);
const retries = ['--retry', '40', '--retry-all-errors', '--retry-delay', '1', '--max-time', '20'];

let namespace: Namespace;
let machine: Guest;
let guest: TaskHost;
let peer: TaskHost;
let stopPeer: () => Promise<void>;
let monitor: Monitor;
let before: Usage;

/** What is in use in the guest: the gauges of the stack, and the machine's memory. */
interface Usage {
  readonly sockets: number;
  readonly connections: number;
  readonly timeWaits: number;
  readonly tcpPorts: number;
  readonly udpPorts: number;
  readonly timers: number;
  /** Heap of the system isolate, in bytes. */
  readonly heapBytes: number;
  /** Free memory of the machine, in bytes. */
  readonly free: number;
}

type Counters = Record<string, Record<string, number>>;

async function counters(): Promise<Counters> {
  return JSON.parse(await guest.run('file', { path: '/proc/net/runtime' })) as Counters;
}

async function usage(): Promise<Usage> {
  const { free } = await guest.run('memory');
  const { inUse, isolate } = await counters();
  return { ...inUse, ...isolate, free } as unknown as Usage;
}

/** Waits until the connections of a test are gone, those in TIME_WAIT included, and what they held. */
async function settled(): Promise<Usage> {
  for (let waited = 0; ; waited++) {
    const now = await usage();
    const { sockets, tcpPorts, udpPorts, connections, timeWaits } = now;
    // These requests have connections of their own, which the guest ends first.
    const idle = connections <= before.connections + 2 && timeWaits <= before.timeWaits + 40;
    if ((idle && sockets <= before.sockets + 2) || waited === 24) {
      if (waited === 24) throw new Error(`This is still in use: ${JSON.stringify(now)}`);
      if (tcpPorts > before.tcpPorts + 6 || udpPorts > before.udpPorts) {
        throw new Error(`Ports leaked: ${JSON.stringify([before, now])}`);
      }
      return now;
    }
    await sleep(4000);
  }
}

async function expectService(t: ExecutionContext): Promise<void> {
  t.is(
    await guest.curl(...retries, guest.url('http', 'http', '/lives')),
    'GET /lives over HTTP/1.1: \n',
  );
}

test.before(async () => {
  namespace = await Namespace.create();
  await namespace.startNameAndAddressServer();
  const host = await HostPeer.start(peerBase, namespace.launcher);
  stopPeer = () => host.stop();
  peer = host.tasks;
  const system = path.join(guestFolder, 'faulty-system.js');
  await bundleSystem(system, inRepository('test/guest/system/faulty.ts'));
  machine = await Guest.start({
    name: 'network-hostile',
    launcher: namespace.launcher,
    bundling: { system },
    extraArguments: [
      ...wireArguments(site.tap, `virtio-net-pci,id=card,mac=${site.mac}`),
      ...['-qmp', `unix:${monitorPath},server=on,wait=off`],
    ],
  });
  monitor = await Monitor.open(monitorPath);
  guest = new TaskHost(site.guest, guestBase, namespace.launcher);
  await guest.curl(...retries, guest.url('http', 'http', '/ready'));
  // Code is compiled and caches are filled before anything is measured.
  await peer.run('churn', { ...guest.endpoint('echo'), count: 200 });
  await sleep(8000); // Counters are published every few seconds.
  before = await usage();
});

test.after.always(async () => {
  monitor?.close();
  machine?.machine.kill();
  await stopPeer?.();
  await namespace?.remove();
  rmSync(monitorPath, { force: true });
});

const frames = long ? 600_000 : 30_000;
const port = guestBase + ports.http;

test.serial('a flood of SYNs from everywhere: pages are served meanwhile', async (t) => {
  const ended = startAttack(namespace, { attack: 'synFlood', port, frames, rate: 20_000, seed: 1 });
  let sent: number | undefined;
  void ended().then((count) => {
    sent = count;
  });
  let served = 0;
  while (sent === undefined) {
    await expectService(t);
    served++;
  }
  t.log(`${sent} SYNs, ${served} pages`);
  t.true(served > 0);
  const { tcp } = await counters();
  t.log(`${tcp?.synReceived} SYNs taken, ${tcp?.synCookiesSent} answered with cookies`);
  await expectService(t);
});

for (const [attack, title, count] of [
  ['portScan', 'a scan of all ports', 5 * 65_535],
  ['noise', 'noise', frames],
  ['damaged', 'frames that are nearly right', frames],
  ['jumbo', 'frames longer than the MTU', frames / 10],
  ['vlan', 'frames of another VLAN', frames / 10],
] as const) {
  test.serial(`${title}: the machine answers afterwards`, async (t) => {
    const seed = Math.floor(Math.random() * 1e9);
    t.log(`seed ${seed}`);
    const total = long ? count : Math.min(count, frames);
    const attackIt = { attack, port, frames: total, rate: 20_000, seed };
    const sent = await startAttack(namespace, attackIt)();
    t.is(sent, total);
    await expectService(t);
  });
}

test.serial('slow headers: others are served meanwhile', async (t) => {
  const loris = peer.run('slowLoris', { ...guest.endpoint('http'), count: 200, seconds: 4 });
  for (let request = 0; request < 5; request++) await expectService(t);
  t.is(await loris, 200);
});

test.serial('peers that never read: the writer waits, and memory is bounded', async (t) => {
  const { free } = await usage();
  const task = { ...guest.endpoint('source'), count: 8, length: 2 ** 30, seconds: 6 };
  const neverRead = peer.run('neverRead', task);
  await sleep(4000);
  const taken = free - (await usage()).free;
  t.log(`${Math.round(taken / mebibyte)} MiB are taken`);
  t.true(taken < 128 * mebibyte);
  await neverRead;
  await expectService(t);
});

test.serial('resets in the middle of transfers', async (t) => {
  const task = { ...guest.endpoint('source'), count: 50, length: 64 * mebibyte };
  t.is(await peer.run('resets', task), 50);
  await expectService(t);
});

test.serial('the app is busy for a while: nothing that is sent to it gets lost', async (t) => {
  const seconds = long ? 10 : 5;
  const block = guest.run('block', { seconds });
  const stream = { length: 8 * mebibyte, seed: 9 };
  t.like(
    await peer.run('send', { ...guest.endpoint('sink'), ...stream }),
    patternDigest(stream.length, stream.seed),
  );
  t.true(await block);
});

test.serial('the link goes down for a moment: the connection survives', async (t) => {
  const stream = { length: 32 * mebibyte, seed: 10 };
  const sending = peer.run('send', { ...guest.endpoint('sink'), ...stream });
  await sleep(300);
  await monitor.command('set_link card off');
  await machine.waitForOutput(/eth0: link is down/);
  await sleep(1500);
  await monitor.command('set_link card on');
  t.like(await sending, patternDigest(stream.length, stream.seed));
  await machine.waitForOutput(/eth0: link is up/);
});

test.serial('after all that nothing is left in use', async (t) => {
  const after = await settled();
  t.log(JSON.stringify({ before, after }));
  t.true(after.timers <= before.timers + 20, 'timers');
  t.true(before.free - after.free < 48 * mebibyte, 'memory of the machine');
  t.true(after.heapBytes - before.heapBytes < 16 * mebibyte, 'heap of the system isolate');
});

/** Waits for longer than a life of the system isolate has to last to count as a good one. */
const life = () => sleep(11_000);

const failures = long ? 20 : 1;
test.serial(`the network service fails ${failures} times in a row: servers go on`, async (t) => {
  const discard = { host: site.guest, port: 9, text: 'fault: exception\n' };
  for (let round = 1; round <= failures; round++) {
    const endings = peer.run('endings', { ...guest.endpoint('echo'), count: 16, seconds: 60 });
    await sleep(1000);
    await peer.run('datagram', discard);
    t.is(await endings, 16, 'a connection of the old life goes on');
    await expectService(t);
    await life(); // One that lasts ends the row: the next pause is short again.
  }
  const output = machine.machine.output();
  const reports = output.match(/RangeError: a fault that was asked for/g) ?? [];
  t.is(reports.length, failures);
  t.regex(output, /at Object\.exception \(test\/guest\/system\/faulty\.ts:\d+:\d+\)/);
  const after = await settled();
  t.log(JSON.stringify(after));
  t.true(before.free - after.free < 64 * mebibyte, 'memory of the machine');
});

for (const [fault, report, always] of [
  ['recursion', /RangeError: Maximum call stack size exceeded/, false],
  [
    'rejection',
    /a promise was rejected and nothing handles it: Error: a rejection that was asked/,
    false,
  ],
  ['heap', /JavaScript heap is exhausted/, true],
] as const) {
  if (!always && !long) continue;
  test.serial(`the network service fails by its ${fault}: servers go on`, async (t) => {
    await peer.run('datagram', { host: site.guest, port: 9, text: `fault: ${fault}\n` });
    await machine.waitForOutput(report);
    await expectService(t);
    await life();
  });
}

test.serial('the app ends well', async (t) => {
  const result = await machine.finish(guest);
  t.is(result.code, 0);
});
