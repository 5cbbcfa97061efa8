// The native parts, built beforehand: what an app developer's machine needs to assemble `runtime` without
// a compiler. Node itself is not among them; it comes from its own npm package.
//
//   kernel.elf, kernel.symbols    the kernel with its debug information, and names for its backtraces
//   lib/runtime                   shim.so, kernel.node, preload.cjs, stripped
//   lib64, lib/x86_64-linux-gnu   shared libraries, stripped, at their places in the image
//   loaders                       the boot loaders of disk images
//   host                          libraries for running Node on this machine, should it lack them
//   font.psf                      the font for framebuffers
//   licences                      of the font, and of the Debian packages that the libraries are from
//   parts.json                    what is there, and the version of Node that it goes with
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { assembleBase, stripped } from './base.ts';
import { UserError } from './errors.ts';
import { addonLibraries, libraryFolders, resolveLibraries } from './libraries.ts';
import { packRuntime } from './pack.ts';
import { kernelSymbols } from './symbols.ts';

const manifestName = 'parts.json';
/** Libraries that Node needs and that many distributions leave out. */
const hostLibraries = ['libatomic.so.1'];

/** A Debian package that libraries were taken from. */
export interface LibrarySource {
  readonly package: string;
  readonly version: string;
}

/** What parts.json says. */
export interface PrebuiltManifest {
  /** Version of Runtime.JS. */
  readonly version: string;
  /** Version of Node that the shim was compiled for. */
  readonly node: string;
  /** Files of lib/runtime, by name. */
  readonly parts: readonly string[];
  /** Places of the shared libraries in the image, without a leading slash. */
  readonly libraries: readonly string[];
  readonly sources: readonly LibrarySource[];
}

/** What the parts are made from. Paths are absolute. */
export interface PrebuiltInputs {
  /** The stock Node binary, which says what libraries are needed. */
  readonly node: string;
  readonly nodeVersion: string;
  /** The kernel with its symbol table. */
  readonly kernel: string;
  /** Parts of lib/runtime by the name they get there. */
  readonly parts: Readonly<Record<string, string>>;
  /** Folder with the boot loaders: disk.bin, bios.bin, bootx64.efi. */
  readonly loaders: string;
  /** The font for framebuffers, and the text of its licence. */
  readonly font: { readonly font: string; readonly licence: string };
  readonly version: string;
  /** Folder for stripped copies, kept between builds. */
  readonly cacheFolder: string;
  /** Folder to fill; what is in it is removed first. */
  readonly output: string;
}

/**
 * Collects the parts into a folder, on a Debian machine with binutils.
 * @param inputs what they are made from
 * @throws UserError when a part is not built, or a library or its licence is not on this machine
 */
export async function makePrebuilt(inputs: PrebuiltInputs): Promise<PrebuiltManifest> {
  const { output, cacheFolder } = inputs;
  const programs = Object.values(inputs.parts).filter((file) => /\.(so|node)$/.test(file));
  const libraries = await resolveLibraries(
    [inputs.node, ...programs],
    libraryFolders,
    addonLibraries,
  );
  await rm(output, { recursive: true, force: true });
  const place = async (source: string, name: string) => {
    const target = path.join(output, name);
    await mkdir(path.dirname(target), { recursive: true });
    await copyFile(source, target);
  };
  await place(inputs.kernel, 'kernel.elf');
  for (const name of ['disk.bin', 'bios.bin', 'bootx64.efi']) {
    await place(path.join(inputs.loaders, name), `loaders/${name}`);
  }
  await writeFile(path.join(output, 'kernel.symbols'), await kernelSymbols(inputs.kernel));
  for (const [name, file] of Object.entries(inputs.parts)) {
    const source = programs.includes(file) ? await stripped(file, cacheFolder) : file;
    await place(source, `lib/runtime/${name}`);
  }
  for (const { name, file, imagePath } of libraries) {
    const source = await stripped(file, cacheFolder);
    await place(source, imagePath);
    if (hostLibraries.includes(name)) await place(source, `host/${name}`);
  }
  await place(inputs.font.font, 'font.psf');
  await place(inputs.font.licence, 'licences/terminus-font');
  const sources = await librarySources(libraries.map(({ file }) => file));
  for (const source of sources) {
    await place(`/usr/share/doc/${source.package}/copyright`, `licences/${source.package}`);
  }
  const manifest: PrebuiltManifest = {
    version: inputs.version,
    node: inputs.nodeVersion,
    parts: Object.keys(inputs.parts).sort(),
    libraries: libraries.map(({ imagePath }) => imagePath),
    sources,
  };
  await writeFile(path.join(output, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/** Asks dpkg where files are from, with the versions, for the notes on licences. */
async function librarySources(files: readonly string[]): Promise<LibrarySource[]> {
  const run = promisify(execFile);
  const names = new Set<string>();
  for (const file of files) {
    // dpkg knows files by the path they were installed with, which a merged /usr may hide.
    const paths = [file, file.replace(/^\/usr\//, '/'), `/usr${file}`];
    const { stdout } = await run('dpkg-query', ['-S', ...paths]).catch(
      (error: { stdout?: string }) => ({ stdout: error.stdout ?? '' }),
    );
    const name = /^([^:\s,]+)/.exec(stdout)?.[1];
    if (name === undefined) {
      throw new UserError(
        `${file} is from no Debian package, so its licence is not known. Pack on Debian.`,
      );
    }
    names.add(name);
  }
  const sources: LibrarySource[] = [];
  for (const name of [...names].sort()) {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills this in.
    const { stdout } = await run('dpkg-query', ['-W', '-f=${Version}', name]);
    sources.push({ package: name, version: stdout.trim() });
  }
  return sources;
}

/**
 * Reads what parts a folder holds.
 * @param folder made by makePrebuilt()
 * @returns undefined when there are none, as in a checkout where nothing was packed
 */
export async function readPrebuilt(folder: string): Promise<PrebuiltManifest | undefined> {
  const text = await readFile(path.join(folder, manifestName), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as PrebuiltManifest);
}

/**
 * Assembles `runtime` (kernel and base) from prebuilt parts and a stock Node.
 * @param folder with the parts
 * @param manifest what is in it
 * @param node the stock Node binary, of the version that the manifest names
 * @param output path of the file to make; what is made on the way is beside it
 */
export async function assemblePrebuilt(
  folder: string,
  manifest: PrebuiltManifest,
  node: string,
  output: string,
): Promise<void> {
  const work = `${output}.work`;
  const kernel = path.join(folder, 'kernel.elf');
  const base = path.join(work, 'base.cpio');
  try {
    await assembleBase({
      node,
      kernel,
      symbols: path.join(folder, 'kernel.symbols'),
      font: path.join(folder, 'font.psf'),
      parts: Object.fromEntries(
        manifest.parts.map((name) => [name, path.join(folder, 'lib/runtime', name)]),
      ),
      libraries: manifest.libraries.map((imagePath) => ({
        name: path.basename(imagePath),
        file: path.join(folder, imagePath),
        imagePath,
      })),
      version: manifest.version,
      cacheFolder: path.join(work, 'stripped'),
      output: base,
    });
    await packRuntime(kernel, base, output);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
