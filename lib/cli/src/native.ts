// The native part: the kernel and the shim by CMake, the Node addons by cmake-js.
import { access, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { digestInputs, makeUnlessCurrent } from '@runtimejs/base/stamp.ts';
import { fetchAcpica } from './acpica.ts';
import { runCommand } from './command.ts';
import {
  addonBuildFolder,
  inRepository,
  nativeBuildFolder,
  nodeBinary,
  nodePackage,
  repository,
} from './paths.ts';
import type { StepReport } from './progress.ts';

/** A Node addon: a folder with a package.json and a CMakeLists.txt of its own. */
export interface Addon {
  /** Name of its target, and of the file: `<name>.node`. */
  readonly name: string;
  /** Its folder, relative to the repository. */
  readonly folder: string;
}

/** The addon through which an app asks the kernel. */
export const kernelAddon: Addon = { name: 'kernel', folder: 'lib/kernel' };

/** Ninja's progress, such as "[12/80] Building ...". */
const ninjaProgress = /^\[\d+\/\d+\] /;

/**
 * @param addon one of the addons
 * @returns path of the file that cmake-js makes
 */
export function addonFile(addon: Addon): string {
  return path.join(addonBuildFolder, addon.name, 'Release', `${addon.name}.node`);
}

/**
 * Configures CMake when needed and builds the kernel and the shim.
 * @param report shows Ninja's progress
 * @throws ToolError with the compiler's output
 */
export async function buildNative(report: StepReport): Promise<void> {
  const configured = path.join(nativeBuildFolder, 'build.ninja');
  // Ninja runs CMake again by itself when a CMakeLists.txt changed. A part that appears is not seen.
  const parts = ['kernel', 'loader', 'shim'].map((part) =>
    inRepository('native', part, 'CMakeLists.txt'),
  );
  const present = await Promise.all(parts.map(isThere));
  const acpica = await fetchAcpica(report);
  const settings = [repository, acpica, ...present.map(String)];
  await makeUnlessCurrent(configured, await digestInputs([], settings), async () => {
    report.detail('configuring');
    await runCommand('cmake', [
      ...['-S', repository, '-B', nativeBuildFolder, '-G', 'Ninja'],
      '-DCMAKE_BUILD_TYPE=RelWithDebInfo',
      `-DACPICA_SOURCE=${acpica}`,
    ]);
  });
  await runCommand('cmake', ['--build', nativeBuildFolder, '-j', String(availableParallelism())], {
    onLine: report.detail,
    noise: ninjaProgress,
  });
}

/**
 * Builds an addon with cmake-js against the headers of the pinned Node, without downloads.
 * @param addon what to build
 * @param report shows progress
 * @returns whether there is such an addon
 * @throws ToolError with the compiler's output
 */
export async function buildAddon(addon: Addon, report: StepReport): Promise<boolean> {
  const folder = inRepository(addon.folder);
  if (!(await isThere(path.join(folder, 'CMakeLists.txt')))) return false;
  const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');
  const output = path.join(addonBuildFolder, addon.name);
  const environment = { npm_config_nodedir: nodePackage };
  if (await isThere(path.join(output, 'build.ninja'))) {
    await runCommand('cmake', ['--build', output, '-j', String(availableParallelism())], {
      onLine: report.detail,
      noise: ninjaProgress,
      environment,
    });
  } else {
    // A configuration that failed halfway would be taken for a finished one.
    await rm(output, { recursive: true, force: true });
    await runCommand(nodeBinary, [cmakeJs, 'build', '-d', folder, '-O', output], {
      onLine: report.detail,
      noise: ninjaProgress,
      environment,
    });
  }
  return true;
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
