// The peer's initramfs: the very Node and libraries of our image, the very bundle of our initrd, and
// an init that does nothing but run them.
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import { CpioWriter, readCpio } from '../../../lib/base/src/cpio.ts';
import { ElfFile } from '../../../lib/base/src/elf.ts';
import { resolveLibraries } from '../../../lib/base/src/libraries.ts';
import { digestInputs, makeUnlessCurrent } from '../../../lib/base/src/stamp.ts';
import { runCommand, ToolError } from '../../../lib/cli/src/command.ts';
import { nodeBinary } from '../../../lib/cli/src/paths.ts';

/** How an initramfs is stored. Linux unpacks a compressed one while it boots. */
export type Compression = 'none' | 'gzip';

/** An initramfs. */
export interface Initramfs {
  readonly compression: Compression;
  readonly file: string;
}

/**
 * Makes the peer's initramfs, uncompressed and compressed, unless they are current.
 * @param runtime our image; its last segment is the base with Node
 * @param initrd our initrd, with the app
 * @param folder where to make it
 * @param modules kernel modules that its init loads, in this order
 * @returns both forms
 * @throws ToolError when there is no C compiler
 */
export async function makeInitramfs(
  runtime: string,
  initrd: string,
  folder: string,
  modules: readonly string[] = [],
): Promise<Initramfs[]> {
  const plain = path.join(folder, 'initramfs.cpio');
  const compressed = `${plain}.gz`;
  const initSource = path.join(import.meta.dirname, 'init.c');
  const digest = await digestInputs([
    ...[runtime, initrd, initSource, import.meta.filename],
    ...modules,
  ]);
  await makeUnlessCurrent(plain, digest, async () => {
    const init = path.join(folder, 'init');
    await runCommand('gcc', ['-static', '-Os', '-s', '-Wall', '-Wextra', '-o', init, initSource], {
      remedy: 'Install a C compiler with its static C library: apt-get install gcc libc6-dev',
    });
    await writeArchive(runtime, initrd, init, modules, plain);
  });
  await makeUnlessCurrent(compressed, digest, async () => {
    const gzip = createGzip({ level: constants.Z_BEST_COMPRESSION });
    const partial = `${compressed}.partial`;
    await pipeline(createReadStream(plain), gzip, createWriteStream(partial));
    await rename(partial, compressed);
  });
  return [
    { compression: 'none', file: plain },
    { compression: 'gzip', file: compressed },
  ];
}

/** The base cpio inside our image: the last segment (see lib/base/src/pack.ts). */
function readBase(runtime: string): Buffer {
  using elf = new ElfFile(runtime);
  const segment = elf.segments.at(-1);
  if (!segment || segment.fileSize === 0) {
    throw new ToolError(`${runtime} carries no base. Run \`npm run build\`.`);
  }
  return elf.read(segment.offset, segment.fileSize);
}

async function writeArchive(
  runtime: string,
  initrd: string,
  init: string,
  modules: readonly string[],
  output: string,
): Promise<void> {
  // Only what Node needs: of our base the shim, its parts and the addons' libraries stay out.
  const libraries = await resolveLibraries([nodeBinary]);
  const wanted = new Set(['bin/node', ...libraries.map(({ imagePath }) => imagePath)]);
  const isWanted = (name: string) => wanted.has(name) || name.startsWith('etc/');
  const base = readCpio(readBase(runtime)).filter(({ path: name }) => isWanted(name));
  const app = readCpio(await readFile(initrd)).filter(({ path: name }) => name.startsWith('app/'));

  const partial = `${output}.partial`;
  const archive = await CpioWriter.create(partial);
  try {
    for (const name of ['app', 'dev', 'proc', 'sys', 'tmp']) await archive.addDirectory(name);
    await archive.addFile('init', { file: init }, { mode: 0o755 });
    if (modules.length > 0) await archive.addDirectory('modules');
    for (const [index, file] of modules.entries()) {
      const name = `${String(index).padStart(2, '0')}-${path.basename(file)}`;
      await archive.addFile(`modules/${name}`, { file });
    }
    for (const { path: name, kind, data, mode } of [...base, ...app]) {
      if (kind === 'file') await archive.addFile(name, data, { mode });
    }
    await archive.finish();
  } catch (error) {
    await archive.abandon();
    throw error;
  }
  await rename(partial, output);
}
