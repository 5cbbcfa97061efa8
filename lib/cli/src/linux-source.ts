// Linux' sources, out of Debian's package, without root.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { runCommand, ToolError } from './command.ts';
import type { StepReport } from './progress.ts';

/** Packages that hold the sources, the one that is tested first: Debian 12 has both, Debian 13 the other. */
export const linuxSourcePackages = ['linux-source-6.1', 'linux-source-6.12'] as const;

/** Sources of Linux. */
export interface LinuxSource {
  /** Debian's package, such as linux-source-6.1. */
  readonly name: string;
  /** Version of the package, such as 6.1.176-1. */
  readonly version: string;
  /** Where the sources are. */
  readonly folder: string;
}

/**
 * Downloads and unpacks sources of Linux (about 140 MB to download).
 * @param workFolder an empty folder for the package and, in a folder of its name, the sources
 * @param parts folders that are wanted, relative to the sources; none: everything, which takes 1.4 GB
 * @param use what they are for, and what to do without them: for messages
 * @throws ToolError when apt cannot download the package, with the remedy
 */
export async function fetchLinuxSource(
  workFolder: string,
  parts: readonly string[],
  use: { readonly what: string; readonly remedy: string },
  report: Pick<StepReport, 'detail'>,
): Promise<LinuxSource> {
  const { what, remedy } = use;
  const { name, version } = await findPackage(remedy);
  report.detail(`downloading Debian's ${name} for ${what}`);
  await runCommand('apt-get', ['download', '--quiet', name], { cwd: workFolder, remedy });
  report.detail(`unpacking ${what} out of ${name}`);
  const archive = (await readdir(workFolder)).find((file) => file.endsWith('.deb'));
  if (archive === undefined) throw new ToolError(`apt-get left no file for ${name}.`);
  // The package holds one large archive: nothing that is not wanted is written.
  const script =
    'set -o pipefail; archive=$1 name=$2; shift 2; dpkg-deb --fsys-tarfile "$archive" | ' +
    'tar --extract --to-stdout --wildcards "*/$name.tar.xz" | ' +
    'tar --extract --xz "$@"';
  const members = parts.map((part) => `${name}/${part}`);
  const words = ['-c', script, 'unpack', archive, name, ...members];
  await runCommand('bash', words, { cwd: workFolder });
  return { name, version, folder: path.join(workFolder, name) };
}

/** The first of the packages that apt can download. */
async function findPackage(remedy: string): Promise<{ name: string; version: string }> {
  for (const name of linuxSourcePackages) {
    const policy = await runCommand('apt-cache', ['policy', name], { remedy });
    const version = /^\s*Candidate: (?!\(none\))(\S+)/m.exec(policy)?.[1];
    if (version !== undefined) return { name, version };
  }
  throw new ToolError(`apt knows neither ${linuxSourcePackages.join(' nor ')}. ${remedy}`);
}
