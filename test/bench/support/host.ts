// What the benchmark ran on: figures mean little without it.
import { readFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { runCommand } from '../../../lib/cli/src/command.ts';
import { emulator } from '../../../lib/cli/src/machine.ts';

/** The machine and its programs. */
export interface Host {
  readonly processor: string;
  readonly processors: number;
  readonly memoryMegabytes: number;
  /** Operating system and kernel. */
  readonly system: string;
  readonly emulator: string;
}

/** Describes this machine. */
export async function describeHost(): Promise<Host> {
  const osRelease = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const name = /^PRETTY_NAME="?(.*?)"?$/m.exec(osRelease)?.[1] ?? 'unknown system';
  const [version = ''] = (await runCommand(emulator, ['--version'])).split('\n');
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    processors: cpus().length,
    memoryMegabytes: Math.round(totalmem() / 2 ** 20),
    system: `${name}, Linux ${release()}`,
    emulator: version,
  };
}

/** The load average over the last minute: how many threads ran or waited for a processor. */
export function load(): number {
  return loadavg()[0] ?? 0;
}
