/** Runtimes that are taken apart. */
import { mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { PackError } from '../../lib/base/src/pack.ts';
import { splitRuntime } from '../../lib/base/src/split.ts';
import { kernelElf, runtimeImage } from '../../lib/cli/src/paths.ts';

const folder = await mkdtemp(path.join(tmpdir(), 'runtimejs-split-'));
test.after.always(() => rm(folder, { recursive: true, force: true }));

test.serial('kernel and base are files that go together, made once', async (t) => {
  const old = path.join(folder, 'base-0123456789abcdef');
  await writeFile(old, '');
  await utimes(old, 0, 0);
  const apart = await splitRuntime(runtimeImage, folder);
  t.is(apart.baseSize % (2 << 20), 0);
  const base = await stat(apart.base);
  t.is(base.size, apart.baseSize);
  t.true((await stat(apart.kernel)).size < 2 << 20);
  t.deepEqual(await splitRuntime(runtimeImage, folder), apart);
  t.is((await stat(apart.base)).ino, base.ino);
  const names = [apart.base, apart.kernel].map((file) => path.basename(file));
  t.deepEqual((await readdir(folder)).sort(), names.sort(), 'what nobody used for long is gone');
});

test.serial('what has no base is refused', async (t) => {
  for (const file of [kernelElf, path.join(folder, (await readdir(folder))[1] ?? '')]) {
    const error = await t.throwsAsync(splitRuntime(file, folder), { instanceOf: PackError });
    t.regex(error?.message ?? '', /no runtime with a base: build one with `npm run build`/);
  }
});
