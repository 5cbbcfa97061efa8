// bootMachine() and packRuntime() against a kernel of a few instructions: what the tools promise holds
// whatever our own kernel does.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { packRuntime } from '../../lib/base/src/pack.ts';
import { abnormalEnd, bootMachine } from '../../lib/cli/src/machine.ts';
import { temporaryFolder } from '../unit/tools-fixtures.ts';

// Prints the first bytes of the base through the descriptor that the packer filled in.
const printBase = `
  mov base, %esi
  mov $6, %ecx
  mov $0x3f8, %dx
1: lodsb
  outb %al, %dx
  loop 1b
`;

/** Writes a string to a port, byte by byte. */
const print = (port: string, label: string) => `
  mov $${label}, %esi
  mov $${label}_end - ${label}, %ecx
  mov $${port}, %dx
1: lodsb
  outb %al, %dx
  loop 1b
`;

// ACPI: sleep type 0 with the enable bit, in the PM1a control register of QEMU's "pc" machine.
const powerOff = `
  mov $0x604, %dx
  mov $0x2000, %ax
  outw %ax, %dx
`;

const report = '{"code":7,"reason":"exit"}';

/** Assembles a kernel that starts through PVH, in 32-bit protected mode. */
async function makeGuest(t: ExecutionContext, body: string): Promise<string> {
  const folder = await temporaryFolder(t);
  const inFolder = (name: string) => path.join(folder, name);
  await writeFile(
    inFolder('guest.S'),
    `
  .code32
  .section .text
  .globl _start
_start:
  ${body}
halt: cli
  hlt
  jmp halt
status: .ascii "${report.replaceAll('"', '\\"')}\\n"
status_end:
greeting: .ascii "gr\\303\\274n\\n"
greeting_end:
  .section .note.pvh, "a", @note
  .long 4, 4, 18
  .asciz "Xen"
  .long _start
  .section .runtime.base, "aw"
base: .quad 0, 0, 0
`,
  );
  await writeFile(
    inFolder('guest.ld'),
    `
PHDRS { text PT_LOAD FLAGS(7); note PT_NOTE FLAGS(4); base PT_LOAD FLAGS(4); }
SECTIONS {
  . = 0x200000;
  .text : { *(.text) } :text
  .note.pvh : { KEEP(*(.note.pvh)) } :text :note
  .runtime.base : { KEEP(*(.runtime.base)) } :text
}
`,
  );
  await execa('as', ['-o', inFolder('guest.o'), inFolder('guest.S')]);
  await execa('ld', [
    ...['-T', inFolder('guest.ld'), '--no-warn-rwx-segments', '-z', 'max-page-size=4096'],
    ...['-o', inFolder('guest.elf'), inFolder('guest.o')],
  ]);
  await writeFile(inFolder('base'), Buffer.alloc(8192, '070701'));
  await packRuntime(inFolder('guest.elf'), inFolder('base'), inFolder('runtime'));
  return inFolder('runtime');
}

test('output, code and reason come back, and the base is where the kernel is told', async (t) => {
  const body = printBase + print('0x3f8', 'greeting') + print('0xe9', 'status') + powerOff;
  const runtime = await makeGuest(t, body);
  let streamed = '';
  const result = await bootMachine({
    runtime,
    initrd: null,
    memoryMegabytes: 64,
    onOutput: (text) => {
      streamed += text;
    },
  });
  t.deepEqual(result, { output: '070701grün\n', code: 7, reason: 'exit', timedOut: false });
  t.is(streamed, result.output);
});

test('a machine that powers off without a report ended abnormally', async (t) => {
  const runtime = await makeGuest(t, powerOff);
  const result = await bootMachine({ runtime, initrd: null, memoryMegabytes: 64 });
  t.is(result.code, abnormalEnd);
  t.false(result.timedOut);
  t.regex(result.reason ?? '', /no report from the kernel; QEMU exited with code 0/);
});

test('a machine that hangs is ended, and its output is kept', async (t) => {
  const runtime = await makeGuest(t, print('0x3f8', 'greeting'));
  const result = await bootMachine({
    runtime,
    initrd: null,
    memoryMegabytes: 64,
    timeoutMilliseconds: 5_000,
  });
  t.true(result.timedOut);
  t.is(result.code, abnormalEnd);
  t.is(result.output, 'grün\n');
});

test("QEMU's own complaint is the reason when it does not start", async (t) => {
  const runtime = await makeGuest(t, powerOff);
  const result = await bootMachine({
    runtime,
    initrd: null,
    extraArguments: ['-device', 'no-such-device'],
  });
  t.is(result.code, abnormalEnd);
  t.regex(result.reason ?? '', /no-such-device/);
});
