// Native addons run in the image when they are made for Linux on x86-64 with glibc. Others must not get there
// unnoticed: the app would fail at the first call.
import { closeSync, openSync, readSync } from 'node:fs';
import { ElfFile } from '@runtimejs/base/elf.ts';
import { BundleError } from './errors.ts';
import { displayPath, insideNodeModules } from './project.ts';

const machines: Readonly<Record<number, string>> = {
  3: 'Linux on 32-bit x86',
  40: 'Linux on 32-bit ARM',
  183: 'Linux on ARM64',
  243: 'Linux on RISC-V',
};

/**
 * Tells what a native addon is made for.
 * @param file path of the addon
 * @returns undefined when it runs in the image
 */
export function foreignPlatform(file: string): string | undefined {
  const head = Buffer.alloc(64);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, head, 0, head.length, 0);
  } finally {
    closeSync(descriptor);
  }
  if (head.readUInt32BE(0) === 0x7f454c46) {
    const machine = head.readUInt16LE(18);
    if (machine !== 62) return machines[machine] ?? 'another processor';
    using elf = new ElfFile(file);
    return elf.needed.some((name) => name.startsWith('libc.musl')) ? 'Linux with musl' : undefined;
  }
  if ([0xcffaedfe, 0xcafebabe, 0xcefaedfe].includes(head.readUInt32BE(0))) return 'macOS';
  if (head.toString('latin1', 0, 2) === 'MZ') return 'Windows';
  return 'no platform that is known';
}

/**
 * Sorts out native addons for other platforms, which packages may bring beside the right one.
 * @param files paths of what is copied
 * @returns the files to leave out
 * @throws BundleError when a package has no addon that runs in the image
 */
export function foreignAddons(files: Iterable<string>): Set<string> {
  const packages = new Map<string, { good: number; readonly foreign: [string, string][] }>();
  for (const file of files) {
    if (!file.endsWith('.node')) continue;
    const name = packageOf(file);
    const entry = packages.get(name) ?? { good: 0, foreign: [] };
    packages.set(name, entry);
    const platform = foreignPlatform(file);
    if (platform === undefined) entry.good += 1;
    else entry.foreign.push([file, platform]);
  }
  const left = new Set<string>();
  for (const [name, { good, foreign }] of packages) {
    const [file, platform] = foreign[0] ?? [];
    if (good === 0 && file !== undefined) {
      throw new BundleError(
        `${displayPath(file)} is a native addon for ${platform}, and the image runs Linux's for x86-64 with ` +
          `glibc.\nInstall the right one: npm install --os=linux --cpu=x64 --libc=glibc ${name}`,
      );
    }
    for (const [other] of foreign) left.add(other);
  }
  return left;
}

/** Name of the package that a file is in; packages of binaries for one platform stand for themselves. */
function packageOf(file: string): string {
  const { rest } = insideNodeModules(file) ?? { rest: file };
  const parts = rest.split('/node_modules/').at(-1)?.split('/') ?? [];
  return parts.slice(0, parts[0]?.startsWith('@') ? 2 : 1).join('/');
}
