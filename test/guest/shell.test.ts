// The shell's facts beside what this host measures: memory of the machine, threads, processor time of QEMU, frames
// in QEMU's capture. The app (apps/shell.ts) runs lines that are sent to it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { type RunningMachine, startMachine } from '../../lib/cli/src/machine.ts';
import { freePort } from './support/free-port.ts';
import { guestInitrd } from './support/guest.ts';

const memoryMegabytes = 384;
const folder = mkdtempSync(path.join(tmpdir(), 'shell-'));
const pcap = path.join(folder, 'frames.pcap');
const guestPort = 8080;

let machine: RunningMachine;
let base: string;

test.before(async () => {
  const initrd = await guestInitrd('shell', 'apps/shell.ts');
  const host = await freePort();
  base = `http://127.0.0.1:${host}`;
  machine = await startMachine({
    initrd,
    memoryMegabytes,
    network: {
      forward: [{ protocol: 'tcp', address: '127.0.0.1', host, guest: guestPort }],
      pcap,
    },
    timeoutMilliseconds: 600_000,
  });
  for (let left = 2400; !/the shell listens/.test(machine.output()); left--) {
    if (left === 0) throw new Error(`the app does not start:\n${machine.output()}`);
    await sleep(100);
  }
});

test.after.always(async () => {
  machine?.kill();
  await machine?.end;
  rmSync(folder, { recursive: true, force: true });
});

interface Ran {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
}

async function run(line: string): Promise<Ran> {
  const response = await fetch(`${base}/run`, {
    method: 'POST',
    body: line,
    signal: AbortSignal.timeout(240_000),
  });
  return (await response.json()) as Ran;
}

/** Frames in the capture by direction, as the guest sees them (libpcap file format). */
function countFrames(): { readonly received: number; readonly sent: number } {
  const bytes = readFileSync(pcap);
  const mac = '525400123456';
  let [received, sent] = [0, 0];
  for (let at = 24; at + 16 <= bytes.length; ) {
    const length = bytes.readUInt32LE(at + 8);
    const source = bytes.subarray(at + 22, at + 28).toString('hex');
    if (source === mac) sent += 1;
    else received += 1;
    at += 16 + length;
  }
  return { received, sent };
}

/** Processor time of QEMU's threads, in seconds. */
function processorSeconds(): number {
  const text = readFileSync(`/proc/${machine.pid}/stat`, 'utf8');
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return ((fields[11] ?? 0) + (fields[12] ?? 0)) / 100;
}

test.serial('free agrees with the memory of the machine', async (t) => {
  const { output } = await run('free -b');
  const figure = (name: string): number =>
    Number(new RegExp(`${name}\\s+(\\d+)`).exec(output)?.[1]);
  const whole = memoryMegabytes * 2 ** 20;
  t.true(figure('total') <= whole && figure('total') > whole - 2 * 2 ** 20, output);
  t.is(figure('used') + figure('free'), figure('total'));
  // A file of 8 MiB in memory is found again in what is used.
  const before = Number(/files in memory\s+(\d+)/.exec(output)?.[1]);
  await run(
    `node -e "require('fs')" ; node -p "process.getBuiltinModule('fs').writeFileSync('/tmp/big', Buffer.alloc(2 ** 23))"`,
  );
  const after = (await run('free -b; rm /tmp/big')).output;
  const grown = Number(/files in memory\s+(\d+)/.exec(after)?.[1]) - before;
  t.true(grown >= 2 ** 23 && grown < 2 ** 23 + 2 ** 20, `${grown}`);
});

test.serial(
  'net agrees with the frames that QEMU captures, and with the sockets of this host',
  async (t) => {
    const counters = async () => {
      const { output } = await run('net');
      const eth0 = output.slice(output.indexOf('eth0'));
      return {
        received: Number(/received (\d+) packets/.exec(eth0)?.[1]),
        sent: Number(/sent (\d+) packets/.exec(eth0)?.[1]),
        output,
      };
    };
    for (let round = 0; round < 20; round++) await run('true');
    await sleep(2500); // counters are a second old
    const told = await counters();
    const counted = countFrames();
    t.regex(told.output, /10\.0\.2\.15\/24/);
    // The request that asked came after the figures were published, and QEMU's router speaks now and then.
    const slack = 60;
    t.true(
      counted.sent > 40 && Math.abs(counted.sent - told.sent) <= slack,
      `${counted.sent} and ${told.sent}`,
    );
    t.true(
      Math.abs(counted.received - told.received) <= slack,
      `${counted.received} and ${told.received}`,
    );
    const sockets = (await run('net sockets')).output;
    t.regex(sockets, /tcp6? +(\[::\]|0\.0\.0\.0):8080 .*LISTEN/);
    t.regex((await run('net routes')).output, /default +10\.0\.2\.2 +eth0/);
    t.regex((await run('net routes')).output, /fec0::\/64 +eth0/);
  },
);

test.serial('ping reaches the gateway, and says what does not answer', async (t) => {
  const { status, output, errors } = await run('ping -c 2 -i 0.1 -W 60 10.0.2.2');
  t.is(status, 0, errors);
  t.regex(output, /64 bytes from 10\.0\.2\.2: request 1, [\d.]+ ms/);
  t.regex(output, /2 requests, 2 answers, 0 % lost/);
  t.regex((await run('ping -c 1 -W 60 ::1')).output, /1 answers/);
  t.regex((await run('ping nosuch.invalid')).errors, /there is no such name|does not answer/);
});

test.serial('lspci, irq and dmesg', async (t) => {
  t.regex(
    (await run('lspci')).output,
    /Ethernet controller +Red Hat virtio network card \[1af4:1000\]/,
  );
  const { output } = await run('irq');
  t.regex(output, /PCI-MSI {2}0000:00:02\.0/);
  const interrupts = [...output.matchAll(/^ *\d+: +(\d+) .*PCI-MSI/gm)].map(([, count]) =>
    Number(count),
  );
  t.true(
    interrupts.some((count) => count > 0),
    output,
  );
  t.regex((await run('dmesg')).output, /Runtime\.JS .*: started by PVH/);
});

test.serial('ps and top see a busy Worker, as this host does', async (t) => {
  const threads = async () => (await run('ps')).output.trimEnd().split('\n').length - 1;
  const before = await threads();
  const idle = (await run('top -n 1 -d 3')).output;
  await fetch(`${base}/spin`);
  for (let left = 200; (await threads()) <= before; left--) {
    if (left === 0) throw new Error('ps shows no further thread');
    await sleep(100);
  }
  const [hostBefore, start] = [processorSeconds(), performance.now()];
  const busy = (await run('top -n 1 -d 5')).output;
  const host = (processorSeconds() - hostBefore) / ((performance.now() - start) / 1000);
  const idleShare = (text: string): number => Number(/([\d.]+) % idle/.exec(text)?.[1]);
  t.true(idleShare(busy) < 20, busy);
  t.true(idleShare(idle) > idleShare(busy), idle);
  const [busiest] = busy.split('\n').slice(5);
  t.true(Number(busiest?.trim().split(/\s+/)[1]) > 40, busy);
  // QEMU cannot have used more than the machine says; less it may, on a busy host.
  t.true(host <= (100 - idleShare(busy)) / 100 + 0.5, `${host} processors`);
});

test.serial('tty shows what the terminals counted', async (t) => {
  await run(`node -p "process.getBuiltinModule('fs').writeSync(1, 'to be counted')"`);
  let { output } = await run('tty');
  // Counters are about a second old.
  for (let left = 100; left > 0 && !/sentBytes/.test(output); left -= 1) {
    await sleep(100);
    ({ output } = await run('tty'));
  }
  const sent = Number(/^console +serial +sentBytes +(\d+)$/m.exec(output)?.[1]);
  t.true(sent > 0 && sent <= machine.output().length * 2, output);
});
