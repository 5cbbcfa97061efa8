import { execFile } from 'node:child_process';
import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { ElfError, ElfFile } from '../../lib/base/src/elf.ts';
import { keepInterruptFlag } from '../../lib/base/src/interrupt-flag.ts';
import { stripElf } from '../../lib/base/src/strip.ts';
import { nodeBinary } from '../../lib/cli/src/paths.ts';
import { makeKernel, temporaryFolder } from './tools-fixtures.ts';

test('a stripped program runs, keeps its segments and is smaller', async (t) => {
  const copy = path.join(await temporaryFolder(t), 'node');
  await stripElf(nodeBinary, copy);
  using before = new ElfFile(nodeBinary);
  using after = new ElfFile(copy);
  t.deepEqual(after.segments, before.segments);
  t.deepEqual(after.needed, before.needed);
  t.deepEqual(after.sections, []);
  t.true((await stat(copy)).size < (await stat(nodeBinary)).size);
  const { stdout } = await promisify(execFile)(copy, ['-p', 'process.version']);
  t.is(stdout.trim(), process.version);
});

test('a kernel without its symbols has no functions to name', async (t) => {
  const folder = await temporaryFolder(t);
  const kernel = await makeKernel(folder);
  const copy = path.join(folder, 'stripped');
  await stripElf(kernel, copy);
  using elf = new ElfFile(copy);
  t.deepEqual(elf.functions(), []);
});

test('remainders of floating-point numbers are right without the POPF that would turn interrupts off', async (t) => {
  const copy = path.join(await temporaryFolder(t), 'node');
  await stripElf(nodeBinary, copy);
  const count = await keepInterruptFlag(copy);
  t.true(count > 0, 'this Node has no such place: look whether V8 makes another one now');
  t.is(await keepInterruptFlag(copy), 0);
  const remainders = `const values = [5.5, -7.25, 1e300, 0.1, 3, -0, 5e-324, 2 ** 52 + 0.5];
    const all = values.flatMap((a) => values.map((b) => a % b));
    console.log(JSON.stringify(all.map((value) => (Object.is(value, -0) ? '-0' : String(value)))))`;
  const results = await Promise.all(
    [copy, nodeBinary].map((program) =>
      promisify(execFile)(program, ['--no-opt', '--no-sparkplug', '-e', remainders]),
    ),
  );
  t.is(results[0]?.stdout, results[1]?.stdout);
});

test('what is no ELF file is refused, and leaves no copy', async (t) => {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'text');
  await writeFile(file, 'not an ELF file, '.repeat(10));
  const copy = path.join(folder, 'copy');
  await t.throwsAsync(stripElf(file, copy), { instanceOf: ElfError, message: /not an ELF file/ });
  await t.throwsAsync(stat(copy), { code: 'ENOENT' });
});
