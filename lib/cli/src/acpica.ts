// ACPICA's sources for the kernel: taken once out of Debian's package of Linux' sources into the user's
// cache, without root. ACPICA is licensed BSD-3-Clause OR GPL-2.0; nothing else of Linux is kept.
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { ToolError } from './command.ts';
import { fetchLinuxSource, linuxSourcePackages } from './linux-source.ts';
import { cacheFolder } from './paths.ts';
import type { StepReport } from './progress.ts';

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
  const folders = linuxSourcePackages.map((name) => path.join(caches, name));
  for (const folder of folders) if (await isComplete(folder)) return folder;

  await mkdir(caches, { recursive: true });
  const workFolder = await mkdtemp(path.join(caches, 'download-'));
  try {
    const source = await fetchLinuxSource(workFolder, parts, { what: 'ACPICA', remedy }, report);
    const folder = path.join(caches, source.name);
    await rm(folder, { recursive: true, force: true });
    await rename(source.folder, folder);
    if (!(await isComplete(folder))) {
      throw new ToolError(`${source.name} holds no ACPICA. ${remedy}`);
    }
    return folder;
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
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
