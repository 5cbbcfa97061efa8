import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { ElfError, ElfFile, segmentFlag, segmentType } from '../../lib/base/src/elf.ts';
import {
  addonLibraries,
  MissingLibraryError,
  resolveLibraries,
} from '../../lib/base/src/libraries.ts';
import { nodeBinary } from '../../lib/cli/src/paths.ts';
import { makeKernel, temporaryFolder } from './tools-fixtures.ts';

test('segments, sections and functions of a linked file', async (t) => {
  using elf = new ElfFile(await makeKernel(await temporaryFolder(t)));
  t.deepEqual(
    elf.segments.map(({ type, flags }) => [type, flags]),
    [
      [segmentType.load, segmentFlag.read | segmentFlag.execute],
      [segmentType.load, segmentFlag.read | segmentFlag.write],
      [segmentType.load, segmentFlag.read],
    ],
  );
  t.is(elf.segments[0]?.physicalAddress, 0x200000);
  t.is(elf.segments[1]?.memorySize, (elf.segments[1]?.fileSize ?? 0) + 4096 - 40 + 10000);
  t.is(elf.section('.runtime.base')?.size, 24);
  t.is(elf.section('.nothing'), undefined);
  t.deepEqual(
    elf
      .functions()
      .map(({ name, address }) => [name, address])
      .sort(),
    [
      ['_ZN6memory6Frames8allocateEm', 1],
      ['helper', 2],
    ],
  );
});

test('needs and interpreter of the stock Node', (t) => {
  using elf = new ElfFile(nodeBinary);
  t.is(elf.interpreter, '/lib64/ld-linux-x86-64.so.2');
  t.true(elf.needed.includes('libc.so.6'));
  t.true(elf.needed.includes('libstdc++.so.6'));
});

test('libraries of the stock Node, each once, the dynamic linker where Node names it', async (t) => {
  const libraries = await resolveLibraries([nodeBinary]);
  const paths = libraries.map(({ imagePath }) => imagePath);
  t.true(paths.includes('lib64/ld-linux-x86-64.so.2'));
  t.true(paths.includes('lib/x86_64-linux-gnu/libgcc_s.so.1'));
  t.is(new Set(paths).size, paths.length);
  t.deepEqual(paths, [...paths].sort());
});

test('libraries that only addons need are there too, with what they need', async (t) => {
  const libraries = await resolveLibraries([], undefined, addonLibraries);
  const names = libraries.map(({ name }) => name);
  t.deepEqual(
    [...addonLibraries].filter((name) => !names.includes(name)),
    [],
  );
  t.true(names.includes('libc.so.6'));
});

test('a library that is not there is named with its Debian package', async (t) => {
  await t.throwsAsync(resolveLibraries([nodeBinary], ['/nowhere']), {
    instanceOf: MissingLibraryError,
    message:
      /^lib\w+\+*\.so.*, needed by .*\/node, is in none of \/nowhere\. .*apt-get install lib/,
  });
});

test('what is no ELF for x86-64, or is cut off, is refused by name', async (t) => {
  const folder = await temporaryFolder(t);
  const kernel = await readFile(await makeKernel(folder));
  const refuse = async (content: Uint8Array | string, message: RegExp) => {
    const file = path.join(folder, 'odd');
    await writeFile(file, content);
    t.throws(() => new ElfFile(file), { instanceOf: ElfError, message });
  };
  await refuse('#!/bin/sh\n'.repeat(10), /odd is not an ELF file/);
  await refuse('', /odd is truncated/);
  await refuse(kernel.subarray(0, 100), /odd is truncated/);
  const foreign = Buffer.from(kernel);
  foreign.writeUInt16LE(183, 18);
  await refuse(foreign, /not an ELF file for x86-64/);
});
