/**
 * Runs in the system isolate in place of the usual program, and tries what drivers get of the machine.
 * It reports in lines "platform: NAME JSON"; the app (apps/platform.ts) ends the machine when the line
 * named "end" comes. Its first life ends with an exception; the second looks at what that left behind.
 *
 * Devices: QEMU's "edu" (docs/specs/edu.rst), which raises interrupts and copies memory when told to.
 */
import { sharedPage } from '@runtimejs/net/generated/shared-memory.ts';
import type { Interrupt, PciFunctionAccess, RegisterMemory } from '@runtimejs/platform/platform.ts';
import { prepareIsolate } from '@runtimejs/system/isolate.ts';
import { createMemory } from '@runtimejs/system/memory.ts';
import { createPlatform } from '@runtimejs/system/platform.ts';
import * as virtioNetwork from '@runtimejs/virtio-net/driver.ts';
import * as virtioRandom from '@runtimejs/virtio-rng/driver.ts';

const command = 0x04;
const busMaster = 1 << 2;
const lineDisable = 1 << 10;
const capabilityPointer = 0x34;
const messageCapability = 0x05;

/** Registers of edu, as words. */
const edu = {
  identity: 0x00 / 4,
  liveness: 0x04 / 4,
  status: 0x24 / 4,
  raise: 0x60 / 4,
  lower: 0x64 / 4,
  source: 0x80 / 4,
  destination: 0x88 / 4,
  count: 0x90 / 4,
  start: 0x98 / 4,
} as const;
const eduBuffer = 0x40000;
/** Less than the buffer: QEMU 7.2 refuses to fill it to its end. */
const transferBytes = 2048;
const transfer = { fromMemory: 1, toMemory: 3, raiseAtEnd: 4 } as const;

const bindings = prepareIsolate();
const memory = createMemory(bindings);
const platform = createPlatform(bindings);
bindings.loop.onTurn(() => {
  platform.turn();
  return platform.nextDeadline();
});

const report = (name: string, value: unknown): void =>
  platform.log('info', `platform: ${name} ${JSON.stringify(value)}`);
const sleep = (microseconds: number): Promise<void> =>
  new Promise((resolve) => platform.at(platform.now() + microseconds, () => resolve()));
const next = (interrupt: Interrupt): Promise<void> =>
  new Promise((resolve) => interrupt.onInterrupt(resolve));
const messageOf = (run: () => unknown): string => {
  try {
    return `no error: ${JSON.stringify(run())}`;
  } catch (error) {
    return (error as Error).message;
  }
};

function findMessages(access: PciFunctionAccess): number {
  let at = access.read(capabilityPointer, 1);
  while (at !== 0 && access.read(at, 1) !== messageCapability) at = access.read(at + 1, 1);
  return at;
}

/** Turns MSI on, with one message. */
function enableMessages(access: PciFunctionAccess, interrupt: Interrupt): void {
  const at = findMessages(access);
  access.write(at + 4, 4, interrupt.messageAddress);
  access.write(at + 8, 4, 0);
  access.write(at + 12, 2, interrupt.messageData);
  access.write(at + 2, 2, access.read(at + 2, 2) | 1);
}

const start = (access: PciFunctionAccess): RegisterMemory => {
  access.write(command, 2, access.read(command, 2) | busMaster | 2);
  return access.mapMemory(0);
};

async function tryMessages(access: PciFunctionAccess): Promise<void> {
  const { words } = start(access);
  words[edu.liveness] = 0x12345678;
  report('liveness', [(words[edu.identity] as number) & 0xff, ~(words[edu.liveness] as number)]);
  const interrupt = access.allocateMessageInterrupt();
  enableMessages(access, interrupt);
  let count = 0;
  for (; count < 100; count += 1) {
    const came = next(interrupt);
    words[edu.raise] = 1;
    await came;
    words[edu.lower] = words[edu.status] as number;
  }
  report('messages', count);

  const from = platform.allocateDma(4096);
  const to = platform.allocateDma(4096);
  bindings.random.fill(from.bytes);
  const copy = async (source: number, destination: number, how: number): Promise<void> => {
    words[edu.source] = source;
    words[edu.destination] = destination;
    words[edu.count] = transferBytes;
    const came = next(interrupt);
    words[edu.start] = how | transfer.raiseAtEnd;
    await came;
    words[edu.lower] = words[edu.status] as number;
  };
  report(
    'clean',
    to.bytes.every((byte) => byte === 0),
  );
  await copy(from.deviceAddress, eduBuffer, transfer.fromMemory);
  await copy(eduBuffer, to.deviceAddress, transfer.toMemory);
  report('dma', [
    to.bytes.every((byte, at) => byte === (at < transferBytes ? from.bytes[at] : 0)),
    memory.bytes[to.offset + 7] === from.bytes[7],
  ]);
  platform.freeDma(from);
}

/** Two functions on one line: an interrupt of either reaches both, and comes again after both agreed. */
async function tryLines(first: PciFunctionAccess, second: PciFunctionAccess): Promise<void> {
  const counts = [0, 0];
  const lines = [first, second].map((access, index) => {
    const { words } = start(access);
    const line = access.openLineInterrupt();
    line.onInterrupt(() => {
      counts[index] = (counts[index] as number) + 1;
      if (words[edu.status] !== 0) words[edu.lower] = words[edu.status] as number;
      line.acknowledge();
    });
    return { words, line };
  });
  for (let round = 0; round < 20; round += 1) {
    const { words } = lines[round % 2] as (typeof lines)[0];
    words[edu.raise] = 1;
    while ((words[edu.status] as number) !== 0) await sleep(100);
  }
  await sleep(1000);
  report('lines', counts);
  // One that is never acknowledged is heard once.
  const [{ words, line }] = lines as [(typeof lines)[0]];
  let heard = 0;
  line.onInterrupt(() => {
    heard += 1;
  });
  words[edu.raise] = 1;
  await sleep(20_000);
  report('unacknowledged', heard);
  // The other one goes on without it.
  const before = counts[1] as number;
  const { words: others } = lines[1] as (typeof lines)[0];
  for (let round = 0; round < 10; round += 1) {
    others[edu.raise] = 1;
    while ((others[edu.status] as number) !== 0) await sleep(100);
  }
  const isQuiet = (): boolean => (first.read(command, 2) & lineDisable) !== 0;
  const late = { others: (counts[1] as number) - before, heard, isQuiet: isQuiet(), stays: false };
  first.write(command, 2, first.read(command, 2) & ~lineDisable);
  late.stays = isQuiet();
  report('late', late);
  words[edu.lower] = 1;
  line.acknowledge();
  const isLet = !isQuiet();
  words[edu.raise] = 1;
  while (heard < 2) await sleep(100);
  words[edu.lower] = 1;
  line.acknowledge();
  report('late again', { isLet, heard });
  for (const each of lines) each.line.release();
}

function tryRefusals(access: PciFunctionAccess, card: PciFunctionAccess): void {
  const ports = card.openPorts(0);
  for (const [what, run] of [
    ['bar', () => access.write(0x10, 4, 0)],
    ['halfBar', () => access.write(0x12, 2, 0)],
    ['unaligned', () => access.write(0x05, 2, 0)],
    ['noBar', () => access.mapMemory(5)],
    ['notPorts', () => access.openPorts(0)],
    ['port', () => ports.write(ports.size - 2, 4, 0)],
    ['dma', () => platform.allocateDma(1 << 30)],
  ] as const) {
    report('refused', [what, messageOf(run)]);
  }
  // Outside the ports; then virtio's legacy status register, which is 0 after reset.
  report('ports', [ports.read(ports.size, 1), ports.read(18, 1)]);
}

async function firstLife(edus: readonly PciFunctionAccess[]): Promise<void> {
  const [first, second, third] = edus as [PciFunctionAccess, PciFunctionAccess, PciFunctionAccess];
  for (const access of platform.pciFunctions()) {
    report('function', {
      place: [access.segment, access.bus, access.device, access.function],
      identity: access.read(0, 4).toString(16),
      bars: [0, 1, 2, 3, 4, 5].map((index) => access.bar(index) ?? null),
    });
  }
  await tryMessages(first);
  await tryLines(second, third);
  const card = platform.pciFunctions().find((access) => access.read(0, 4) === 0x1000_1af4);
  if (card !== undefined) tryRefusals(first, card);
  const [network] = virtioNetwork.attach(platform, memory);
  report('mac', [...(network?.hardwareAddress ?? [])]);
  const [random] = virtioRandom.attach(platform);
  while (random !== undefined && random.counters.bytes === 0) await sleep(1000);
  report('entropy', random?.counters.bytes);
  throw new Error('the first life ends here');
}

async function secondLife(edus: readonly PciFunctionAccess[]): Promise<void> {
  const [first] = edus as [PciFunctionAccess];
  report('left behind', {
    busMaster: edus.map((access) => (access.read(command, 2) & busMaster) !== 0),
    lineDisable: edus.map((access) => (access.read(command, 2) & lineDisable) !== 0),
    messages: first.read(findMessages(first) + 2, 2) & 1,
  });
  await tryMessages(first);
  const [network] = virtioNetwork.attach(platform, memory);
  report('mac again', [...(network?.hardwareAddress ?? [])]);
}

async function main(): Promise<void> {
  const life = memory.words[sharedPage.epoch / 4] as number;
  report('life', life);
  const edus = platform.pciFunctions().filter((access) => access.read(0, 4) === 0x11e8_1234);
  if (life === 1) await firstLife(edus);
  await secondLife(edus);
  report('end', life);
}

void main();
