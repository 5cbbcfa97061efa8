// Machines that have Node and its libraries in persistent memory, which the host's machines share.
import { copyFile, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { type SplitRuntime, splitRuntime } from '../../lib/base/src/split.ts';
import type { BootOptions, BootResult } from '../../lib/cli/src/machine.ts';
import { runtimeImage } from '../../lib/cli/src/paths.ts';
import { makeWarmInitrd } from '../../lib/cli/src/warm/warm-image.ts';
import { expectEnd } from './support/endings.ts';
import { boot, guestInitrd } from './support/guest.ts';

const folder = await mkdtemp(path.join(tmpdir(), 'runtimejs-shared-base-'));
test.after.always(() => rm(folder, { recursive: true, force: true }));

async function bootGarbage(options: BootOptions): Promise<BootResult> {
  return boot(await guestInitrd('garbage', 'apps/garbage.ts'), options);
}

test.serial('they need that much less memory', async (t) => {
  const options = { sharesBase: true, append: 'log=info', memoryMegabytes: 72 };
  const result = await bootGarbage(options);
  expectEnd(t, result, 0, [/^120000 objects are left\r?$/m, /started by PVH, 71 MiB of memory/]);
});

test.serial('also on the chipset Q35, with two processors, and with much memory', async (t) => {
  const result = await bootGarbage({
    sharesBase: true,
    processors: 2,
    memoryMegabytes: 4500,
    extraArguments: ['-machine', 'q35'],
  });
  expectEnd(t, result, 0, [/^120000 objects are left\r?$/m]);
});

test.serial('a warm image goes on with it', async (t) => {
  const initrd = await guestInitrd('warm', 'apps/warm.ts');
  const outFile = path.join(folder, 'warm');
  const memoryMegabytes = 320;
  await makeWarmInitrd({
    runtime: runtimeImage,
    initrd,
    commandLine: '',
    memoryMegabytes,
    outFile,
  });
  const result = await boot(outFile, { sharesBase: true, memoryMegabytes, append: 'log=info' });
  expectEnd(t, result, 0, [/the process goes on from the image's frozen state/, /^warm \{/m]);
});

/** Boots a kernel of its own with whatever is in its NVDIMM. */
function bootApart(
  { kernel, base, baseSize }: SplitRuntime,
  hasBase: boolean,
): Promise<BootResult> {
  const file = `mem-path=${base},size=${baseSize}`;
  const persistent = [
    ...['-machine', 'pc,nvdimm=on', '-m', '512,slots=1,maxmem=2G'],
    ...['-object', `memory-backend-file,id=base,share=on,readonly=on,${file}`],
    ...['-device', 'nvdimm,memdev=base,unarmed=on'],
  ];
  return bootGarbage({ runtime: kernel, extraArguments: hasBase ? persistent : [] });
}

test.serial('a kernel without its base says what to do', async (t) => {
  const apart = await splitRuntime(runtimeImage, folder);
  const without = await bootApart(apart, false);
  t.not(without.code, 0);
  t.regex(without.output, /the machine has no NVDIMM with it: start the whole runtime image/);

  const base = path.join(folder, 'other');
  await copyFile(apart.base, base);
  const file = await open(base, 'r+');
  // What follows the base is all of its last 2 MiB but for zeros.
  const end = Buffer.alloc(2 << 20);
  await file.read(end, 0, end.length, apart.baseSize - end.length);
  const mark = end.indexOf('RJSBASE1');
  await file.write(
    Buffer.from([~(end[mark + 8] ?? 0)]),
    0,
    1,
    apart.baseSize - end.length + mark + 8,
  );
  await file.close();
  const other = await bootApart({ ...apart, base }, true);
  t.not(other.code, 0);
  t.regex(other.output, /no NVDIMM of the machine holds this kernel's base: use the file/);
});
