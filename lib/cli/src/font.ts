// The font of framebuffers and of the kernel's panic screen: Terminus, taken once out of Debian's package
// console-setup-linux into the user's cache, without root. Its licence is in another package of the same source.
import {
  access,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { runCommand, ToolError } from './command.ts';
import { cacheFolder } from './paths.ts';
import type { StepReport } from './progress.ts';

const packages = ['console-setup-linux', 'keyboard-configuration'];
/** 8 by 16 pixels, 512 characters: Latin, Greek, Cyrillic, lines and blocks. */
const fontFile = 'usr/share/consolefonts/Uni2-Terminus16.psf.gz';
const licenceFile = 'usr/share/doc/keyboard-configuration/copyright';

const remedy =
  `The font for screens comes from Debian's packages ${packages.join(' and ')} (about 3 MB, once). Check ` +
  "this machine's network and its apt sources, run `apt-get update` (as root), and try again. On a " +
  'machine without network, copy the folder ~/.cache/runtimejs/font from another one.';

/** A font in the format of Linux's console (PSF), and the text of its licence. */
export interface FontFiles {
  readonly font: string;
  readonly licence: string;
}

/**
 * Gives the font, and fetches it when it is not in the cache.
 * @param report says what takes long
 * @returns paths
 * @throws ToolError when apt cannot download the packages, with the remedy
 */
export async function fetchFont(report: Pick<StepReport, 'detail'>): Promise<FontFiles> {
  const caches = path.join(cacheFolder, 'font');
  const folder = path.join(caches, 'terminus');
  const files = { font: path.join(folder, 'font.psf'), licence: path.join(folder, 'copyright') };
  const isThere = await Promise.all([access(files.font), access(files.licence)]).then(
    () => true,
    () => false,
  );
  if (isThere) return files;
  await mkdir(caches, { recursive: true });
  const workFolder = await mkdtemp(path.join(caches, 'download-'));
  try {
    report.detail(`downloading Debian's ${packages[0]} for its font`);
    await runCommand('apt-get', ['download', '--quiet', ...packages], { cwd: workFolder, remedy });
    const archives = (await readdir(workFolder)).filter((file) => file.endsWith('.deb'));
    for (const archive of archives) {
      await runCommand('dpkg-deb', ['--extract', archive, 'content'], { cwd: workFolder });
    }
    const content = path.join(workFolder, 'content');
    const made = path.join(workFolder, 'terminus');
    await mkdir(made);
    const packed = await readFile(path.join(content, fontFile)).catch(() => {
      throw new ToolError(`${packages[0]} holds no ${fontFile}. ${remedy}`);
    });
    await writeFile(path.join(made, 'font.psf'), gunzipSync(packed));
    await copyFile(path.join(content, licenceFile), path.join(made, 'copyright'));
    await rm(folder, { recursive: true, force: true });
    await rename(made, folder);
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
  return files;
}
