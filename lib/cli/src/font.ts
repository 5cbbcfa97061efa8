// The font of framebuffers and of the kernel's panic screen: Terminus (SIL Open Font License 1.1), taken once
// out of Debian's package console-setup-linux into the user's cache, without root.
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { runCommand, ToolError } from './command.ts';
import { cacheFolder } from './paths.ts';
import type { StepReport } from './progress.ts';

const packageName = 'console-setup-linux';
/** 8 by 16 pixels, 512 characters: Latin, Greek, Cyrillic, lines and blocks. */
const fontFile = 'usr/share/consolefonts/Uni2-Terminus16.psf.gz';

const remedy =
  `The font for screens comes from Debian's package ${packageName} (about 2 MB, once). Check this ` +
  "machine's network and its apt sources, run `apt-get update` (as root), and try again. On a machine " +
  'without network, copy the folder ~/.cache/runtimejs/font from another one.';

/**
 * Gives the font, and fetches it when it is not in the cache.
 * @param report says what takes long
 * @returns path of a font in the format of Linux's console (PSF)
 * @throws ToolError when apt cannot download the package, with the remedy
 */
export async function fetchFont(report: Pick<StepReport, 'detail'>): Promise<string> {
  const folder = path.join(cacheFolder, 'font');
  const font = path.join(folder, 'Uni2-Terminus16.psf');
  const isThere = await access(font).then(
    () => true,
    () => false,
  );
  if (isThere) return font;
  await mkdir(folder, { recursive: true });
  const workFolder = await mkdtemp(path.join(folder, 'download-'));
  try {
    report.detail(`downloading Debian's ${packageName} for its font`);
    await runCommand('apt-get', ['download', '--quiet', packageName], { cwd: workFolder, remedy });
    const archive = (await readdir(workFolder)).find((file) => file.endsWith('.deb'));
    if (archive === undefined) throw new ToolError(`apt-get left no file for ${packageName}.`);
    await runCommand('dpkg-deb', ['--extract', archive, 'content'], { cwd: workFolder });
    const packed = await readFile(path.join(workFolder, 'content', fontFile)).catch(() => {
      throw new ToolError(`${packageName} holds no ${fontFile}. ${remedy}`);
    });
    const partial = path.join(workFolder, 'font.psf');
    await writeFile(partial, gunzipSync(packed));
    await rename(partial, font);
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
  return font;
}
