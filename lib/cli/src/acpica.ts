// ACPICA's sources for the kernel: taken once out of Debian's package of Linux' sources into the user's
// cache, without root. ACPICA is licensed BSD-3-Clause OR GPL-2.0; nothing else of Linux is kept.
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { runCommand, ToolError } from './command.ts';
import { cacheFolder } from './paths.ts';
import type { StepReport } from './progress.ts';

/** Packages that hold the sources, the one that is tested first: Debian 12 has both, Debian 13 the other. */
const packages = ['linux-source-6.1', 'linux-source-6.12'];
/** The folders of ACPICA below those of Linux. */
const parts = ['drivers/acpi/acpica', 'include/acpi'];

const remedy =
  "ACPICA, the kernel's ACPI interpreter, comes from Debian's package linux-source-6.1 (about 140 MB, " +
  "once). Check this machine's network and its apt sources, run `apt-get update` (as root), and try " +
  'again. On a machine without network, copy the folder ~/.cache/runtimejs/acpica from another one.';

/**
 * Gives the folder with ACPICA's sources, and fetches them when they are not in the cache.
 * @param report says what takes long
 * @returns the folder, with drivers/acpi/acpica and include/acpi in it
 * @throws ToolError when apt cannot download the package, with the remedy
 */
export async function fetchAcpica(report: Pick<StepReport, 'detail'>): Promise<string> {
  const caches = path.join(cacheFolder, 'acpica');
  const folders = packages.map((name) => path.join(caches, name));
  for (const folder of folders) if (await isComplete(folder)) return folder;

  const name = await findPackage();
  const folder = path.join(caches, name);
  await mkdir(caches, { recursive: true });
  const workFolder = await mkdtemp(path.join(caches, 'download-'));
  try {
    report.detail(`downloading Debian's ${name} for ACPICA`);
    await runCommand('apt-get', ['download', '--quiet', name], { cwd: workFolder, remedy });
    report.detail(`unpacking ACPICA out of ${name}`);
    await unpack(workFolder, name);
    await rm(folder, { recursive: true, force: true });
    await rename(path.join(workFolder, name), folder);
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
  if (!(await isComplete(folder))) throw new ToolError(`${name} holds no ACPICA. ${remedy}`);
  return folder;
}

/** The first of the packages that apt can download. */
async function findPackage(): Promise<string> {
  for (const name of packages) {
    const policy = await runCommand('apt-cache', ['policy', name], { remedy });
    if (/^\s*Candidate: (?!\(none\))/m.test(policy)) return name;
  }
  throw new ToolError(`apt knows neither ${packages.join(' nor ')}. ${remedy}`);
}

/** Unpacks ACPICA's folders into `<workFolder>/<name>`. */
async function unpack(workFolder: string, name: string): Promise<void> {
  const archive = (await readdir(workFolder)).find((file) => file.endsWith('.deb'));
  if (archive === undefined) throw new ToolError(`apt-get left no file for ${name}.`);
  // The package holds one large archive, of which only two folders are wanted: nothing else is written.
  const script =
    'set -o pipefail; dpkg-deb --fsys-tarfile "$1" | ' +
    'tar --extract --to-stdout --wildcards "*/$2.tar.xz" | ' +
    'tar --extract --xz "$2/$3" "$2/$4"';
  await runCommand('bash', ['-c', script, 'unpack', archive, name, ...parts], { cwd: workFolder });
}

async function isComplete(folder: string): Promise<boolean> {
  const files = [`${parts[0]}/accommon.h`, `${parts[0]}/utxfinit.c`, `${parts[1]}/acpixf.h`];
  const found = await Promise.all(
    files.map((file) =>
      access(path.join(folder, file)).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.every(Boolean);
}
