// What firmware says that is not so, buttons that machines seldom have, and interrupts out of nowhere.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { inRepository } from '../../lib/cli/src/paths.ts';
import { bootApp, expectEnd } from './support/endings.ts';
import { makeGrubImage } from './support/grub.ts';
import { guestFolder, guestInitrd } from './support/guest.ts';
import { startWithButton } from './support/power.ts';

const bootLimit = 300_000;

/** A table of ACPI with the header and checksum that it has to have. */
function acpiTable(signature: string, body: Uint8Array): Buffer {
  const table = Buffer.alloc(36 + body.length);
  table.write(signature, 0, 'latin1');
  table.writeUInt32LE(table.length, 4);
  table.writeUInt8(4, 8);
  table.write('RUNTIMFALSE   ', 10, 'latin1');
  table.set(body, 36);
  table.writeUInt8(-table.reduce((sum, byte) => sum + byte, 0) & 0xff, 9);
  return table;
}

const word = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const localApic = (processor: number, id: number): number[] => [0, 8, processor, id, ...word(1)];
const localX2Apic = (processor: number, id: number): number[] => [
  ...[9, 16, 0, 0],
  ...word(id),
  ...word(1),
  ...word(processor),
];

/** QEMU's pc has two CPUs; this tells of more, one of them twice, and ends with an entry without a length. */
const lyingCpus = acpiTable(
  'APIC',
  Uint8Array.from([
    ...word(0xfee00000),
    ...word(1),
    ...localApic(0, 0),
    ...localApic(1, 1),
    ...localApic(2, 7),
    ...localX2Apic(3, 7),
    ...localX2Apic(4, 9),
    ...[1, 12, 0, 0, ...word(0xfec00000), ...word(0)],
    ...[2, 10, 0, 0, ...word(2), 0, 0],
    ...[2, 10, 0, 9, ...word(9), 13, 0],
    ...[0, 0, 5, 5],
  ]),
);

test.serial(
  'CPUs that firmware tells of and that do not answer are named, and do without',
  async (t) => {
    const image = await makeGrubImage(
      'lying-cpus',
      await guestInitrd('processors', 'apps/processors.ts'),
      'log=debug -- 2 3000',
      ['acpi --exclude=APIC /boot/apic.aml'],
      { 'apic.aml': lyingCpus },
    );
    const { stdout } = await execa(
      'qemu-system-x86_64',
      [
        ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', '512', '-nodefaults'],
        ...['-no-user-config', '-display', 'none', '-serial', 'stdio', '-no-reboot', '-vga', 'std'],
        ...['-cdrom', image],
      ],
      { stdin: 'ignore', reject: false, timeout: bootLimit, killSignal: 'SIGKILL' },
    );
    for (const id of [7, 9])
      t.is(
        stdout.match(new RegExp(`CPU with APIC id ${id} does not answer`, 'g'))?.length,
        1,
        stdout,
      );
    t.notRegex(stdout, /APIC id [^79] does not answer/);
    t.regex(stdout, /2 CPUs, their APICs/);
    const report = JSON.parse(/^\{.*\}\r?$/m.exec(stdout)?.[0] ?? '{}') as { available?: number };
    t.is(report.available, 2, stdout);
  },
);

test.serial('the sleep button is heard, and the machine does not sleep', async (t) => {
  const folder = path.join(guestFolder, 'acpi');
  await mkdir(folder, { recursive: true });
  const source = inRepository('test/guest/acpi/sleep.asl');
  await execa('iasl', ['-ve', '-p', path.join(folder, 'sleep'), source]);
  const { end, press, seen } = await startWithButton('none', {
    append: 'log=debug',
    extraArguments: ['-acpitable', `file=${path.join(folder, 'sleep.aml')}`],
  });
  await seen(/ready/);
  await seen(/the sleep button was pressed: this machine does not sleep/);
  await seen(/ACPI: byte code loaded/);
  await press();
  expectEnd(t, await end(), 143);
});

test.serial('interrupts that nobody asked for are counted, and named once', async (t) => {
  const app = { name: 'clocks', entry: 'apps/clocks.ts' } as const;
  const result = await bootApp(app, {
    processors: 2,
    append: 'provoke=stray-interrupts -- ticks=30 interrupts',
  });
  expectEnd(t, result, 0);
  t.is(result.output.match(/interrupt on vector 69, which nobody asked for/g)?.length, 1);
  const { strays } = JSON.parse(/^\{.*\}\r?$/m.exec(result.output)?.[0] ?? '{}') as {
    strays?: string[];
  };
  t.is(strays?.length, 1, result.output);
  const count = strays![0]!
    .match(/\d+/g)!
    .slice(1)
    .reduce((sum, text) => sum + Number(text), 0);
  // A second one that comes before the first is taken is no other.
  t.true(count > 1000 && count <= 10_000, result.output);
});
