// Firmware whose ACPI tables are wrong: the app runs, the log says what is wrong, the power button works.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { inRepository } from '../../lib/cli/src/paths.ts';
import { expectEnd } from './support/endings.ts';
import { guestFolder } from './support/guest.ts';
import { startWithButton } from './support/power.ts';

const folder = path.join(guestFolder, 'acpi');
test.before(() => mkdir(folder, { recursive: true }));

/** Compiles test/guest/acpi/NAME.asl; returns the table's file. */
async function compile(name: string): Promise<string> {
  const source = inRepository('test/guest/acpi', `${name}.asl`);
  await execa('iasl', ['-ve', '-p', path.join(folder, name), source]);
  return path.join(folder, `${name}.aml`);
}

/** Writes a table of the given byte code; QEMU corrects length and checksum. */
async function write(name: string, code: Uint8Array): Promise<string> {
  const header = Buffer.alloc(36);
  header.write('SSDT', 0, 'latin1');
  header.writeUInt32LE(header.length + code.length, 4);
  header.writeUInt8(2, 8);
  header.write('RUNTIMDAMAGED ', 10, 'latin1');
  const file = path.join(folder, `${name}.aml`);
  await writeFile(file, Buffer.concat([header, code]));
  return file;
}

/** Bytes that are no byte code; the same each time. */
function garbage(size: number): Uint8Array {
  let state = 5;
  return Uint8Array.from({ length: size }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 16;
  });
}

/** A scope and a device that claim to be 256 MiB long. */
const absurdLengths = Buffer.concat([
  Buffer.from([0x10, 0xcf, 0xff, 0xff, 0xff]),
  Buffer.from('\\_SB_', 'latin1'),
  Buffer.from([0x5b, 0x82, 0xcf, 0xff, 0xff, 0xff]),
  Buffer.from('BAD5\u0008_HID', 'latin1'),
]);

/** What is wrong, the table, and what the log says of it. */
const damages: readonly [string, () => Promise<string>, RegExp][] = [
  ['divides by zero', () => compile('divide'), /BAD1\._INI .*AE_AML_DIVIDE_BY_ZERO/],
  ['calls itself without end', () => compile('recursion'), /BAD2\.REC .*AE_AML_METHOD_LIMIT/],
  ['asks for too much memory', () => compile('greedy'), /BAD3\._INI .*AE_NO_MEMORY/],
  [
    'has absurd lengths',
    () => write('lengths', absurdLengths),
    /AE_AML_PACKAGE_LIMIT|BAD5\._HID .*AE_TYPE/,
  ],
];

const loaded = /ACPI: byte code loaded/;

/** Boots with a table, waits for what the log says of it and of ACPI's state, and presses the power button. */
async function pressDespite(
  t: ExecutionContext,
  table: string,
  complaint: RegExp,
  state: RegExp,
): Promise<void> {
  const { end, press, seen } = await startWithButton('none', {
    append: 'log=debug',
    extraArguments: ['-acpitable', `file=${table}`],
  });
  await seen(/ready/);
  await seen(complaint);
  await seen(state);
  await press();
  expectEnd(t, await end(), 143);
}

for (const [what, make, complaint] of damages) {
  test.serial(`a table that ${what}`, async (t) => {
    await pressDespite(t, await make(), complaint, loaded);
  });
}

// Some versions of the interpreter refuse such a table, some read beyond it and fault.
test.serial('bytes that are no byte code: the button works all the same', async (t) => {
  const table = await write('garbage', garbage(3000));
  const complaint = /SSDT:DAMAGED .*while loading table|fault at address .* in /;
  const plainButton = /only the fixed power button is listened to/;
  await pressDespite(t, table, complaint, new RegExp(`${loaded.source}|${plainButton.source}`));
});

test.serial('byte code that loops is stopped, and the button works meanwhile', async (t) => {
  const table = await compile('loop');
  const { end, press, seen } = await startWithButton('ignore', {
    append: 'log=debug shutdown=9999',
    extraArguments: ['-acpitable', `file=${table}`],
  });
  await seen(/ready/);
  await seen(/ACPI AML tables successfully acquired/);
  await press();
  await seen(/told to end: not yet/);
  await seen(/BAD0\._INI .*AE_AML_LOOP_TIMEOUT/);
  await press();
  expectEnd(t, await end(), 143);
});

test.serial('slow byte code beside a busy app is not taken for an endless loop', async (t) => {
  const table = await compile('slow');
  const { end, press, seen, machine } = await startWithButton('busy', {
    append: 'log=debug',
    extraArguments: ['-acpitable', `file=${table}`],
  });
  await seen(/ready/);
  await seen(loaded);
  await press();
  expectEnd(t, await end(), 143);
  t.notRegex(machine.output(), /AE_AML_LOOP_TIMEOUT/);
});

test.serial('an interrupt storm on the line of ACPI is masked, and the button works', async (t) => {
  const table = await compile('storm');
  const port = ['-chardev', 'null,id=nowhere', '-device'];
  const { end, press, seen } = await startWithButton('none', {
    append: 'log=debug',
    extraArguments: [
      ...['-acpitable', `file=${table}`],
      ...[...port, 'isa-serial,iobase=0x2e8,irq=9,chardev=nowhere'],
    ],
  });
  await seen(/ready/);
  await seen(/interrupt line 9 does not stop firing \(nobody wants it\): it is masked/);
  await seen(/ACPI: byte code loaded/);
  await press();
  expectEnd(t, await end(), 143);
});

test.serial(
  'byte code that does not let the machine be switched off is not waited for',
  async (t) => {
    const table = await compile('prepare');
    const { end, press, seen } = await startWithButton('none', {
      append: 'log=debug',
      extraArguments: ['-acpitable', `file=${table}`],
    });
    await seen(/ready/);
    await seen(/ACPI: byte code loaded/);
    await press();
    expectEnd(t, await end(), 143, [/does not let the machine be switched off in time/]);
  },
);
