// What drivers get of the machine: PCI functions and their registers, interrupts by message and by
// line, memory that devices use, and a second life after an exception. system/platform.ts does the work.
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { inRepository } from '../../lib/cli/src/paths.ts';
import { bundleSystem } from '../../lib/system/bundle.ts';
import { bootApp, expectEnd } from './support/endings.ts';
import { guestFolder } from './support/guest.ts';

const system = path.join(guestFolder, 'platform-system.js');
const app = { name: 'platform', entry: 'apps/platform.ts', system } as const;

const mac = '52:54:00:ab:cd:ef';
const card = ['-netdev', 'user,id=n', '-device', `virtio-net-pci,netdev=n,mac=${mac},addr=6`];
/** The last two share an interrupt line: devices whose numbers differ by four do. */
const testDevices = ['8,dma_mask=0xffffffff', '9', '0xd'].flatMap((address) => [
  '-device',
  `edu,addr=${address}`,
]);
const devices = [...card, '-device', 'virtio-rng-pci,addr=7', ...testDevices];

const machines = path.join(guestFolder, 'machines-system.js');
const machinesApp = { name: 'machines', entry: 'apps/platform.ts', system: machines } as const;

test.before(async () => {
  await bundleSystem(system, inRepository('test/guest/system/platform.ts'));
  await bundleSystem(machines, inRepository('test/guest/system/virtio-machines.ts'));
});

/** The lines "platform: NAME JSON" of the console, in order. */
function reports(output: string): [string, unknown][] {
  return [...output.matchAll(/platform: ([a-z ]+) ([^\r\n]*)/g)].map(([, name, value]) => [
    name ?? '',
    JSON.parse(value ?? ''),
  ]);
}

/** The values of all lines with that name. */
function all<Value>(output: string, name: string): readonly Value[] {
  return reports(output)
    .filter(([each]) => each === name)
    .map(([, value]) => value as Value);
}

function last(output: string, name: string): unknown {
  return reports(output).findLast(([each]) => each === name)?.[1];
}

interface FoundFunction {
  readonly place: readonly number[];
  readonly identity: string;
  readonly bars: readonly unknown[];
}

function expectDevicesWork(t: ExecutionContext, output: string): void {
  t.deepEqual(last(output, 'liveness'), [0xed, 0x12345678], 'registers in memory');
  t.is(last(output, 'messages'), 100);
  t.true(last(output, 'clean'), 'memory for devices is zeroed, also in the second life');
  t.deepEqual(last(output, 'dma'), [true, true], 'the device read and wrote the memory');
  t.deepEqual(last(output, 'lines'), [20, 20], 'both who share a line hear each interrupt');
  t.is(last(output, 'unacknowledged'), 1, 'a line is masked until it is acknowledged');
  t.deepEqual(last(output, 'late'), { others: 10, heard: 1, isQuiet: true, stays: true });
  t.deepEqual(last(output, 'late again'), { isLet: true, heard: 2 }, 'it has acknowledged at last');
  t.is(last(output, 'entropy'), 64, 'virtio with MSI-X');
  t.deepEqual(last(output, 'mac again'), [0x52, 0x54, 0, 0xab, 0xcd, 0xef]);
}

test.serial('devices on PCI, and a restart', async (t) => {
  const result = await bootApp(app, { append: 'log=info', extraArguments: devices });
  expectEnd(t, result, 0, [
    /the app runs/,
    /the first life ends here\r?\n.* at firstLife \(test\/guest\/system\/platform\.ts:\d+:\d+\)/,
    /started again in 1 s/,
    /platform: end 2/,
  ]);
  const { output } = result;
  expectDevicesWork(t, output);

  const functions = all<FoundFunction>(output, 'function');
  const places = functions.map(({ place }) =>
    place.map((part) => String.fromCharCode(part)).join(''),
  );
  t.deepEqual(places, [...places].sort(), 'in order of address');
  t.deepEqual(
    functions.filter(({ place }) => place[2] === 1).map(({ place }) => place[3]),
    [0, 1, 3],
    'the functions of the chipset, one of which is missing',
  );
  const found = functions.find(({ identity }) => identity === '10001af4');
  t.deepEqual(found?.place, [0, 0, 6, 0]);
  t.deepEqual(found?.bars, [
    { kind: 'ports', size: 32 },
    { kind: 'memory', size: 4096 },
    null,
    null,
    { kind: 'memory', size: 16384 },
    null,
  ]);

  t.deepEqual(last(output, 'left behind'), {
    busMaster: [false, false, false],
    lineDisable: [true, true, true],
    messages: 0,
  });
});

test.serial('what would reach beyond a device is refused', async (t) => {
  const { output } = await bootApp(app, { append: 'log=info', extraArguments: devices });
  const refusals = Object.fromEntries(all<[string, string]>(output, 'refused'));
  t.regex(String(refusals.bar), /^PCI 0000:00:08\.0: register 0x10 may not be written .*EPERM/);
  t.regex(String(refusals.halfBar), /EPERM/);
  t.regex(String(refusals.unaligned), /EINVAL/);
  t.regex(String(refusals.noBar), /base address register 5 .*ENXIO/);
  t.regex(String(refusals.notPorts), /there are no ports behind base address register 0/);
  t.regex(String(refusals.port), /EINVAL/);
  t.deepEqual(last(output, 'ports'), [0xffffffff, 0]);
  t.regex(String(refusals.dma), /There are no 1073741824 bytes of memory for a device/);
});

test.serial(
  'PCI Express: configuration space in memory, and what is behind a bridge',
  async (t) => {
    const result = await bootApp(app, {
      append: 'log=info',
      extraArguments: [
        ...['-machine', 'q35', '-device', 'pcie-root-port,id=root,addr=3'],
        ...['-netdev', 'user,id=n', '-device', `virtio-net-pci,netdev=n,mac=${mac},bus=root`],
        ...['-device', 'virtio-rng-pci,addr=7', ...testDevices],
      ],
    });
    expectEnd(t, result, 0, [/platform: end 2/]);
    expectDevicesWork(t, result.output);
    const functions = all<FoundFunction>(result.output, 'function');
    // A modern virtio card, as it is not on the root bus.
    const behind = functions.find(({ identity }) => identity === '10411af4');
    t.is(behind?.place[1], 1, JSON.stringify(functions));
  },
);

const mmio = [
  ...['-global', 'virtio-mmio.force-legacy=false', '-device', 'virtio-rng-device'],
  ...['-netdev', 'user,id=n', '-device', `virtio-net-device,netdev=n,mac=${mac}`],
];
const express = [
  ...['-device', 'virtio-rng-pci', '-netdev', 'user,id=n'],
  ...['-device', `virtio-net-pci,netdev=n,mac=${mac}`],
];

for (const { machine, how, devices: plugged, functions, found } of [
  // The root bridge and two cards: no firmware gave them addresses.
  { machine: 'acpi=on,pcie=on', how: 'PCI Express', devices: express, functions: 3, found: 0 },
  { machine: 'acpi=on', how: 'MMIO, told by ACPI', devices: mmio, functions: 0, found: 2 },
  {
    machine: 'acpi=off',
    how: 'MMIO, told on the command line',
    devices: mmio,
    functions: 0,
    found: 2,
  },
] as const) {
  test.serial(`virtio on microvm: ${how}`, async (t) => {
    const { output, code } = await bootApp(machinesApp, {
      append: 'log=info',
      extraArguments: ['-machine', `microvm,${machine}`, ...plugged],
      // Without ACPI there is no power off: the machine stays when it is done.
      timeoutMilliseconds: machine === 'acpi=off' ? 60_000 : 300_000,
    });
    t.is(code, 0, output);
    t.is(last(output, 'functions'), functions);
    t.is(last(output, 'devices'), found);
    t.deepEqual(last(output, 'mac'), [0x52, 0x54, 0, 0xab, 0xcd, 0xef]);
    t.is(last(output, 'entropy'), 64);
    t.regex(output, /the app ends/);
  });
}

test.serial('a device that the command line places where none is does no harm', async (t) => {
  const result = await bootApp(machinesApp, {
    append: 'log=info virtio_mmio.device=512@0xfeb00000:5 virtio_mmio.device=1K@0xfec00000:6:1',
    extraArguments: card,
  });
  expectEnd(t, result, 0, [/there is no virtio device at 0xfeb00000/, /0xfec00000, where one/]);
  t.is(last(result.output, 'devices'), 0);
});

test.serial('a device on the command line that makes no sense is refused', async (t) => {
  for (const value of [
    '512',
    '512@0x1000',
    '@0x1000:5',
    '512@0x1000:5:',
    '17179869184G@1:5',
    'x@1:5',
  ]) {
    const result = await bootApp(machinesApp, { append: `virtio_mmio.device=${value}` });
    t.is(result.code, 1);
    t.regex(result.output, /is not of the form virtio_mmio\.device=SIZE@ADDRESS:LINE\[:ID\]/);
  }
});
