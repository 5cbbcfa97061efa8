// The cloud peer's kernel: what Debian's package linux-image-cloud-amd64 stands for today, downloaded once
// into the user's cache, without root.
import { access, glob, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { runCommand, ToolError } from '../../../lib/cli/src/command.ts';
import { cacheFolder } from '../../../lib/cli/src/paths.ts';

/** The package that always depends on the current kernel. */
const metaPackage = 'linux-image-cloud-amd64';

/** Modules for a virtio network device, in the order in which they have to be loaded. */
const networkModules = [
  'virtio_ring',
  'virtio',
  'virtio_pci_legacy_dev',
  'virtio_pci_modern_dev',
  'virtio_pci',
  'failover',
  'net_failover',
  'virtio_net',
];

/** A Linux kernel that is ready to boot. */
export interface DebianKernel {
  /** Path of its bzImage. */
  readonly file: string;
  /** Paths of the modules that its network device needs, in the order of loading. */
  readonly networkModules: readonly string[];
  /** Debian package, such as linux-image-6.1.0-56-cloud-amd64. */
  readonly package: string;
  /** Version of the package. */
  readonly version: string;
}

/** Where peers are kept between runs. */
export const peerCache: string = path.join(cacheFolder, 'peers');

/**
 * Asks apt which kernel is the current one.
 * @throws ToolError when apt does not know, or there is no apt
 */
async function currentKernel(): Promise<Pick<DebianKernel, 'package' | 'version'>> {
  const remedy =
    `The peer is the kernel of Debian's package ${metaPackage}. Run this on Debian 12 or newer, ` +
    'after `apt-get update` (as root).';
  const text = await runCommand('apt-cache', ['show', '--no-all-versions', metaPackage], {
    remedy,
  });
  const match = /^Depends:.*?(linux-image-\S+-cloud-amd64)(?: \(= ([^)\s]+)\))?/m.exec(text);
  const version = match?.[2] ?? /^Version: (\S+)/m.exec(text)?.[1];
  if (!match?.[1] || !version) {
    throw new ToolError(`apt names no kernel that ${metaPackage} depends on:\n${text}\n${remedy}`);
  }
  return { package: match[1], version };
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/**
 * Gives the current cloud kernel, and downloads it when it is not in the cache.
 * @returns the kernel
 * @throws ToolError when apt does not know it or it cannot be fetched
 */
export async function fetchKernel(): Promise<DebianKernel> {
  const current = await currentKernel();
  const folder = path.join(peerCache, `${current.package}_${current.version}`);
  const file = path.join(folder, 'vmlinuz');
  const modules = networkModules.map((name) => path.join(folder, `${name}.ko`));
  const present = await Promise.all([file, ...modules].map(isThere));
  if (!present.every(Boolean)) {
    await mkdir(peerCache, { recursive: true });
    const workFolder = await mkdtemp(path.join(peerCache, 'download-'));
    try {
      await download(`${current.package}=${current.version}`, workFolder);
      await mkdir(folder, { recursive: true });
      for (const module of modules) {
        await rename(await findBelow(workFolder, path.basename(module)), module);
      }
      await rename(await findBelow(workFolder, 'vmlinuz-*'), file);
    } finally {
      await rm(workFolder, { recursive: true, force: true });
    }
  }
  return { file, networkModules: modules, ...current };
}

/** Downloads a kernel's package into a folder and unpacks it there. */
async function download(specification: string, workFolder: string): Promise<void> {
  await runCommand('apt-get', ['download', '--quiet', specification], {
    cwd: workFolder,
    remedy:
      "Check this machine's network and its apt sources, run `apt-get update` (as root), and try " +
      'again.',
  });
  const archive = (await readdir(workFolder)).find((name) => name.endsWith('.deb'));
  if (archive === undefined) throw new ToolError(`apt-get left no file for ${specification}.`);
  await runCommand('dpkg-deb', ['-x', archive, 'tree'], { cwd: workFolder });
}

/** Finds the one file of that name in an unpacked package. */
async function findBelow(workFolder: string, pattern: string): Promise<string> {
  for await (const file of glob(`tree/**/${pattern}`, { cwd: workFolder })) {
    return path.join(workFolder, file);
  }
  throw new ToolError(`Debian's kernel package holds no ${pattern}.`);
}
