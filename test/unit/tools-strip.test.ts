import { execFile } from 'node:child_process';
import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { ElfError, ElfFile } from '../../lib/base/src/elf.ts';
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

test('what is no ELF file is refused, and leaves no copy', async (t) => {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'text');
  await writeFile(file, 'not an ELF file, '.repeat(10));
  const copy = path.join(folder, 'copy');
  await t.throwsAsync(stripElf(file, copy), { instanceOf: ElfError, message: /not an ELF file/ });
  await t.throwsAsync(stat(copy), { code: 'ENOENT' });
});
