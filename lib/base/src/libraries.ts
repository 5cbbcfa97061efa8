// Shared libraries of the image: found on the Debian host, by following what each file needs.
import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { ElfFile } from './elf.ts';
import { UserError } from './errors.ts';

/** Where Debian keeps libraries for x86-64, in the dynamic linker's order. */
export const libraryFolders: readonly string[] = [
  '/lib/x86_64-linux-gnu',
  '/usr/lib/x86_64-linux-gnu',
  '/lib64',
  '/usr/lib64',
];

/**
 * The rest of glibc's own libraries. Node needs none of them, but native addons from npm, which are
 * prebuilt for Linux, may name any.
 */
export const addonLibraries: readonly string[] = [
  'libanl.so.1',
  'libresolv.so.2',
  'librt.so.1',
  'libutil.so.1',
];

/** Where the image keeps them: the first folder of its own dynamic linker's search path. */
const imageFolder = 'lib/x86_64-linux-gnu';

const debianPackageOf: Readonly<Record<string, string>> = {
  'ld-linux-x86-64.so.2': 'libc6',
  'libanl.so.1': 'libc6',
  'libatomic.so.1': 'libatomic1',
  'libc.so.6': 'libc6',
  'libdl.so.2': 'libc6',
  'libgcc_s.so.1': 'libgcc-s1',
  'libm.so.6': 'libc6',
  'libpthread.so.0': 'libc6',
  'libresolv.so.2': 'libc6',
  'librt.so.1': 'libc6',
  'libstdc++.so.6': 'libstdc++6',
  'libutil.so.1': 'libc6',
};

/** A shared library for the image. */
export interface SharedLibrary {
  /** The name that others need it by. */
  readonly name: string;
  /** File on this machine, links resolved. */
  readonly file: string;
  /** Path in the image, without a leading slash. */
  readonly imagePath: string;
}

/** Thrown when a library is not on this machine; the message names the package to install. */
export class MissingLibraryError extends UserError {}

/**
 * Finds the shared libraries that programs need, and those that these need in turn, and the dynamic
 * linker.
 * @param programs paths of ELF files
 * @param folders where to look for libraries
 * @param alsoWanted names of libraries that are to be there although no program needs them
 * @param extra names of libraries to add that no program names
 * @returns the libraries, sorted by their path in the image
 * @throws MissingLibraryError when one is not found
 */
export async function resolveLibraries(
  programs: readonly string[],
  folders: readonly string[] = libraryFolders,
  extra: readonly string[] = [],
): Promise<SharedLibrary[]> {
  const found = new Map<string, SharedLibrary>();
  const queue = extra.map((name) => ({ name, neededBy: 'prebuilt native addons' }));

  const scan = (file: string) => {
    using elf = new ElfFile(file);
    queue.push(...elf.needed.map((name) => ({ name, neededBy: file })));
    return elf.interpreter;
  };

  for (const program of programs) {
    const interpreter = scan(program);
    if (interpreter === undefined) continue;
    const name = path.basename(interpreter);
    const library = await locate(name, program, [path.dirname(interpreter), ...folders]);
    // The kernel starts the interpreter by the path that the program names.
    found.set(name, { ...library, imagePath: interpreter.replace(/^\/+/, '') });
  }

  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    if (found.has(next.name)) continue;
    const library = await locate(next.name, next.neededBy, folders);
    found.set(next.name, library);
    scan(library.file);
  }
  return [...found.values()].sort((left, right) => (left.imagePath < right.imagePath ? -1 : 1));
}

async function locate(
  name: string,
  neededBy: string,
  folders: readonly string[],
): Promise<SharedLibrary> {
  for (const folder of folders) {
    const file = path.join(folder, name);
    if (existsSync(file)) {
      return { name, file: await realpath(file), imagePath: `${imageFolder}/${name}` };
    }
  }
  const debianPackage = debianPackageOf[name];
  const remedy = debianPackage
    ? `Install the Debian package ${debianPackage}: apt-get install ${debianPackage}`
    : `Find its Debian package with: apt-file search ${name}`;
  throw new MissingLibraryError(
    `${name}, needed by ${neededBy}, is in none of ${folders.join(', ')}. ${remedy}`,
  );
}
