// Builds the kernel code that runs on the host, and loads it. Test files call `loadKernelCode`;
// `node test/unit/native/build.ts` builds alone.
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { execa } from 'execa';
import { type Addon, buildAddon } from '../../../lib/cli/src/native.ts';
import { addonBuildFolder, nodeBinary } from '../../../lib/cli/src/paths.ts';

/** All folders' addons: one CMake project, configured once, then kept current by Ninja. */
const kernelTests: Addon = { name: 'kernel-tests', folder: 'test/unit/native' };

/**
 * Builds what is out of date. Test files run in processes of their own at the same time, so the
 * build runs under flock(1): the first one builds, the others wait and find nothing to do.
 * @throws Error with the compiler's output
 */
async function buildUnderLock(): Promise<void> {
  await mkdir(addonBuildFolder, { recursive: true });
  const lock = path.join(addonBuildFolder, `${kernelTests.name}.lock`);
  const result = await execa('flock', [lock, nodeBinary, import.meta.filename], {
    reject: false,
    all: true,
  });
  if (result.exitCode !== 0) throw new Error(`The kernel's tests do not build.\n${result.all}`);
}

/**
 * Builds and loads the addon of a folder in test/unit.
 * @param folder its name, e.g. "kernel_fs"
 * @returns what its register function made
 * @throws Error when it does not compile
 */
export async function loadKernelCode<T>(folder: string): Promise<T> {
  await buildUnderLock();
  const file = path.join(addonBuildFolder, kernelTests.name, 'Release', `${folder}.node`);
  return createRequire(import.meta.url)(file) as T;
}

if (process.argv[1] === import.meta.filename) {
  await buildAddon(kernelTests, { detail: () => {}, note: () => {} });
}
