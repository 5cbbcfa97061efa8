import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { ElfFile, segmentFlag, segmentType } from '../../lib/base/src/elf.ts';
import { PackError, packRuntime } from '../../lib/base/src/pack.ts';
import { digestInputs, makeUnlessCurrent } from '../../lib/base/src/stamp.ts';
import { makeKernel, temporaryFolder } from './tools-fixtures.ts';

test('the base is the last segment, beyond the kernel, and the kernel is told where', async (t) => {
  const folder = await temporaryFolder(t);
  const kernel = await makeKernel(folder);
  const base = path.join(folder, 'base');
  const content = Buffer.alloc(3 * 4096, 'base');
  await writeFile(base, content);
  const output = path.join(folder, 'runtime');
  const placed = await packRuntime(kernel, base, output);

  using before = new ElfFile(kernel);
  using after = new ElfFile(output);
  const segment = after.segments.at(-1);
  t.deepEqual(segment, {
    type: segmentType.load,
    flags: segmentFlag.read,
    offset: placed.fileOffset,
    virtualAddress: placed.physicalAddress - 0x200000,
    physicalAddress: placed.physicalAddress,
    fileSize: content.length,
    memorySize: content.length,
    alignment: 4096,
  });
  t.is(placed.fileOffset % 4096, 0);
  t.is(placed.physicalAddress, 0x400000);
  t.deepEqual(after.read(placed.fileOffset, content.length), content);

  const descriptor = after.read(before.section('.runtime.base')?.offset ?? 0, 16);
  t.is(Number(descriptor.readBigUInt64LE(0)), placed.physicalAddress);
  t.is(Number(descriptor.readBigUInt64LE(8)), content.length);

  t.deepEqual(after.segments.slice(0, -1), before.segments.slice(0, -1));
  t.deepEqual(after.sections, []);
  t.false((await readdir(folder)).includes('runtime.partial'));
});

test('a kernel knows its base by more than its size', async (t) => {
  const folder = await temporaryFolder(t);
  const kernel = await makeKernel(folder);
  const [base, output] = [path.join(folder, 'base'), path.join(folder, 'runtime')];
  const stampOf = async (content: string): Promise<bigint> => {
    await writeFile(base, content);
    await packRuntime(kernel, base, output);
    using before = new ElfFile(kernel);
    using after = new ElfFile(output);
    return after.read(before.section('.runtime.base')?.offset ?? 0, 24).readBigUInt64LE(16);
  };
  const stamp = await stampOf('one base');
  t.not(stamp, 0n);
  t.is(await stampOf('one base'), stamp);
  t.not(await stampOf('two base'), stamp);
});

test('kernels without a place for the base are refused', async (t) => {
  const folder = await temporaryFolder(t);
  const base = path.join(folder, 'base');
  await writeFile(base, 'base');
  const output = path.join(folder, 'runtime');
  await t.throwsAsync(
    packRuntime(await makeKernel(folder, { withoutReservedHeader: true }), base, output),
    { instanceOf: PackError, message: /not the empty PT_LOAD/ },
  );
  await t.throwsAsync(
    packRuntime(await makeKernel(folder, { withoutDescriptor: true }), base, output),
    { instanceOf: PackError, message: /no section \.runtime\.base/ },
  );
});

test('a product is made again when an input changes, and only then', async (t) => {
  const folder = await temporaryFolder(t);
  const input = path.join(folder, 'input');
  const product = path.join(folder, 'product');
  let made = 0;
  const make = async () =>
    makeUnlessCurrent(product, await digestInputs([input, '/nowhere'], ['setting']), async () => {
      made++;
      await writeFile(product, await readFile(input));
    });
  await writeFile(input, 'one');
  t.true(await make());
  t.false(await make());
  await writeFile(input, 'two');
  t.true(await make());
  t.is(await readFile(product, 'utf8'), 'two');
  t.is(made, 2);
});

test('a product that failed is made again', async (t) => {
  const folder = await temporaryFolder(t);
  const product = path.join(folder, 'product');
  const failing = makeUnlessCurrent(product, 'digest', async () => {
    await writeFile(product, 'half');
    throw new Error('out of disk');
  });
  await t.throwsAsync(failing, { message: 'out of disk' });
  t.true(await makeUnlessCurrent(product, 'digest', async () => {}));
});
