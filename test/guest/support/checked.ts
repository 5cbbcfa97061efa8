// A runtime whose kernel checks the order in which locks are taken (native/kernel/sync/lock_order.h).
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fetchAcpica } from '../../../lib/cli/src/acpica.ts';
import { buildOtherRuntime } from '../../../lib/cli/src/build.ts';
import { runCommand } from '../../../lib/cli/src/command.ts';
import { buildFolder, inRepository } from '../../../lib/cli/src/paths.ts';

const quiet = { detail: () => {}, note: () => {} };

let made: Promise<string> | undefined;

/**
 * Builds it, next to dist/runtime, unless it is current.
 * @returns path of the runtime
 */
export function checkedRuntime(): Promise<string> {
  made ??= build();
  return made;
}

async function build(): Promise<string> {
  const folder = path.join(buildFolder, 'checked');
  await runCommand('cmake', [
    ...['-S', inRepository('native/kernel'), '-B', folder, '-G', 'Ninja'],
    ...['-DCMAKE_BUILD_TYPE=RelWithDebInfo', '-DRUNTIME_LOCK_CHECKS=ON'],
    `-DACPICA_SOURCE=${await fetchAcpica(quiet)}`,
  ]);
  await runCommand('cmake', ['--build', folder, '-j', String(availableParallelism())]);
  return buildOtherRuntime(path.join(folder, 'kernel.elf'), folder, quiet);
}
