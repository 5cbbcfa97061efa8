// What the tests of the tools share.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';
import { CpioWriter } from '../../lib/base/src/cpio.ts';

/** Makes a folder that is removed after the test. */
export async function temporaryFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'runtimejs-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Contents of files by their paths in an image. */
export type Files = Readonly<Record<string, string>>;

/** Makes an initrd of files, without what is in every one. @returns its path */
export async function archive(folder: string, name: string, files: Files): Promise<string> {
  const file = path.join(folder, name);
  const writer = await CpioWriter.create(file);
  for (const [target, content] of Object.entries(files)) await writer.addFile(target, content);
  await writer.finish();
  return file;
}

const source = `
  .section .text
  .globl _ZN6memory6Frames8allocateEm, helper
  .type _ZN6memory6Frames8allocateEm, @function
  .type helper, @function
_start: nop
_ZN6memory6Frames8allocateEm: ret
helper: ret
  .section .data
  .globl counter
  .type counter, @object
counter: .quad 1
  .section .runtime.base, "aw"
base: .quad 0, 0, 0
  .section .bss
  .skip 10000
  .section .debug_info
  .skip 5000
`;

const linkerScript = `
PHDRS { text PT_LOAD FLAGS(5); data PT_LOAD FLAGS(6); base PT_LOAD FLAGS(4); }
SECTIONS {
  . = 0;
  .text : AT(ADDR(.text) + 0x200000) { *(.text) } :text
  .data ALIGN(4096) : AT(ADDR(.data) + 0x200000) { *(.data) } :data
  .runtime.base ALIGN(16) : AT(ADDR(.runtime.base) + 0x200000) { KEEP(*(.runtime.base)) } :data
  .bss ALIGN(4096) : AT(ADDR(.bss) + 0x200000) { *(.bss) } :data
}
`;

/** How the kernel of makeKernel() is to be wrong. */
export interface KernelFaults {
  readonly withoutReservedHeader?: boolean;
  readonly withoutDescriptor?: boolean;
  readonly stripped?: boolean;
}

/**
 * Links a file that is laid out as the kernel is: linked at 0, loaded at 2 MiB, with an empty last
 * PT_LOAD and the section .runtime.base.
 */
export async function makeKernel(folder: string, faults: KernelFaults = {}): Promise<string> {
  const inFolder = (name: string) => path.join(folder, name);
  const kernel = inFolder('kernel.elf');
  let script = linkerScript;
  if (faults.withoutReservedHeader) script = script.replace('base PT_LOAD FLAGS(4);', '');
  let assembly = source;
  if (faults.withoutDescriptor) assembly = assembly.replace('.section .runtime.base, "aw"', '');
  await writeFile(inFolder('kernel.S'), assembly);
  await writeFile(inFolder('kernel.ld'), script);
  await execa('as', ['-o', inFolder('kernel.o'), inFolder('kernel.S')]);
  await execa('ld', [
    ...['-n', '-T', inFolder('kernel.ld'), '-o', kernel, '--no-warn-rwx-segments'],
    ...['-z', 'max-page-size=4096', ...(faults.stripped ? ['-s'] : []), inFolder('kernel.o')],
  ]);
  return kernel;
}
