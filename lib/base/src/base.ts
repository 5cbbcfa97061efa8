// The base: everything that an image holds besides the kernel and the app, as a cpio archive. It is the
// same for every app of a version.
//
//   bin/node                      the stock Node, stripped; on a 2 MiB boundary, so that the kernel can
//                                 map it with huge pages
//   lib64, lib/x86_64-linux-gnu   the dynamic linker and the shared libraries that Node and native
//                                 addons from npm need, stripped
//   lib/runtime                   shim.so, kernel.node, preload.cjs
//   system/kernel.symbols         names for the kernel's backtraces
//   system/font.psf               the font for framebuffers
//   etc                           what glibc, c-ares and Node read
//   app dev proc sys tmp          empty: mount points, and the place of the app
import { access, mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { CpioWriter } from './cpio.ts';
import { keepInterruptFlag } from './interrupt-flag.ts';
import { libraryFolders, resolveLibraries, type SharedLibrary } from './libraries.ts';
import { digestInputs, makeUnlessCurrent } from './stamp.ts';
import { stripElf } from './strip.ts';
import { kernelSymbols } from './symbols.ts';

/** Parts of glibc that Node does without and prebuilt native addons from npm link with. */
const addonLibraries = ['librt.so.1', 'libutil.so.1', 'libresolv.so.2', 'libanl.so.1'];

const nodeAlignment = 2 * 1024 * 1024;

/** What a base is made from. Paths are absolute. */
export interface BaseInputs {
  /** The stock Node binary. */
  readonly node: string;
  /** The kernel with its symbol table; the base gets the symbols only. */
  readonly kernel: string;
  /** A file with the kernel's symbols as kernelSymbols() makes them; by default made here, with binutils. */
  readonly symbols?: string;
  /** Parts of lib/runtime by the name they get there; those not built yet are left out, with a note. */
  readonly parts: Readonly<Record<string, string>>;
  /**
   * The shared libraries, each with its place in the image; by default those of this machine, found by
   * what Node and the parts need.
   */
  readonly libraries?: readonly SharedLibrary[];
  /** The font for framebuffers, in the format of Linux's console. */
  readonly font: string;
  /** Version of Runtime.JS, for /etc/os-release. */
  readonly version: string;
  /** Folder for stripped copies, kept between builds. */
  readonly cacheFolder: string;
  /** The archive to make. */
  readonly output: string;
  /** Called with a sentence for each part that is left out. */
  readonly onNote?: (sentence: string) => void;
}

const emptyFolders = ['app', 'dev', 'proc', 'sys', 'tmp'];

/** The files of /etc. */
function systemFiles(version: string): Readonly<Record<string, string>> {
  return {
    'etc/group': 'root:x:0:\n',
    'etc/hostname': 'runtimejs\n',
    'etc/hosts': '127.0.0.1\tlocalhost runtimejs\n::1\tlocalhost ip6-localhost\n',
    'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
    'etc/os-release': [
      'NAME="Runtime.JS"',
      'ID=runtimejs',
      `VERSION_ID="${version}"`,
      `PRETTY_NAME="Runtime.JS ${version}"`,
      '',
    ].join('\n'),
    'etc/passwd': 'root:x:0:0:root:/tmp:/bin/node\n',
    'etc/resolv.conf': '# No name server: networking is not configured.\n',
  };
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/** Strips a binary into the cache and gives the path of the copy. */
export async function stripped(file: string, cacheFolder: string): Promise<string> {
  const copy = path.join(cacheFolder, path.basename(file));
  await makeUnlessCurrent(
    copy,
    await digestInputs([file], ['segments only', 'interrupt flag']),
    async () => {
      await mkdir(cacheFolder, { recursive: true });
      await stripElf(file, copy);
      await keepInterruptFlag(copy);
    },
  );
  return copy;
}

/**
 * Makes the base, unless nothing changed since it was made.
 * @param inputs what it is made from
 * @returns whether it was made
 * @throws MissingLibraryError when the machine lacks a library that Node needs
 * @throws SymbolError when the kernel has no symbols
 */
export async function assembleBase(inputs: BaseInputs): Promise<boolean> {
  const parts: [name: string, file: string][] = [];
  for (const [name, file] of Object.entries(inputs.parts).sort()) {
    if (await exists(file)) parts.push([name, file]);
    else inputs.onNote?.(`The base is without lib/runtime/${name}: ${file} is not built.`);
  }
  const programs = [inputs.node, ...parts.map(([, file]) => file)].filter((file) =>
    /(^|\/)node$|\.so$|\.node$/.test(file),
  );
  const libraries =
    inputs.libraries ?? (await resolveLibraries(programs, libraryFolders, addonLibraries));

  const digest = await digestInputs(
    [
      inputs.node,
      inputs.kernel,
      ...(inputs.symbols === undefined ? [] : [inputs.symbols]),
      inputs.font,
      ...parts.map(([, file]) => file),
      ...libraries.map(({ file }) => file),
      ...ownSources(),
    ],
    [inputs.version, ...parts.map(([name]) => name)],
  );
  return makeUnlessCurrent(inputs.output, digest, async () => {
    const files = systemFiles(inputs.version);
    const partial = `${inputs.output}.partial`;
    await mkdir(path.dirname(inputs.output), { recursive: true });
    const archive = await CpioWriter.create(partial);
    try {
      for (const folder of emptyFolders) await archive.addDirectory(folder);
      for (const [name, content] of Object.entries(files)) await archive.addFile(name, content);
      const symbols =
        inputs.symbols === undefined
          ? await kernelSymbols(inputs.kernel)
          : { file: inputs.symbols };
      await archive.addFile('system/kernel.symbols', symbols);
      await archive.addFile('system/font.psf', { file: inputs.font });
      for (const [name, file] of parts) {
        const source = /\.(so|node)$/.test(name) ? await stripped(file, inputs.cacheFolder) : file;
        await archive.addFile(`lib/runtime/${name}`, { file: source }, { mode: 0o755 });
      }
      for (const { file, imagePath } of libraries) {
        const source = await stripped(file, inputs.cacheFolder);
        await archive.addFile(imagePath, { file: source }, { mode: 0o755 });
      }
      const node = await stripped(inputs.node, inputs.cacheFolder);
      await archive.addFile('bin/node', { file: node }, { mode: 0o755, alignment: nodeAlignment });
      await archive.finish();
    } catch (error) {
      await archive.abandon();
      throw error;
    }
    await rename(partial, inputs.output);
  });
}

/** The tools' own sources: when they change, so may the base. */
function ownSources(): string[] {
  return ['base', 'cpio', 'interrupt-flag', 'libraries', 'strip', 'symbols'].map((name) =>
    path.join(import.meta.dirname, name + path.extname(import.meta.filename)),
  );
}
