// The slim peer's disk: an ext4 file system that it only reads, so that many machines can share it.
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeUnlessCurrent } from '../../../lib/base/src/stamp.ts';
import { runCommand } from '../../../lib/cli/src/command.ts';
import { compileInit, digestPeer, type PeerSource, peerFiles, peerFolders } from './files.ts';

const blockSize = 4096;
/** Room for init, inodes, extents and folders beside the files' data, in blocks. */
const spareBlocks = 1024;
/** Folders, init, and what ext4 keeps for itself. */
const spareInodes = 64;
/** What a file system that is never written to can do without: each would be read or checked at the boot. */
const leftOut = '^has_journal,^metadata_csum,^resize_inode';

/**
 * Makes the slim peer's disk, unless it is current.
 * @param source where Node and the app come from
 * @param folder where to make it
 * @returns its path
 * @throws ToolError when there is no C compiler, or no mke2fs
 */
export async function makeSlimDisk(source: PeerSource, folder: string): Promise<string> {
  const disk = path.join(folder, 'disk.ext4');
  const digest = await digestPeer(source, [import.meta.filename]);
  await makeUnlessCurrent(disk, digest, () => writeDisk(source, folder, disk));
  return disk;
}

async function writeDisk(source: PeerSource, folder: string, disk: string): Promise<void> {
  const tree = await mkdtemp(path.join(folder, 'tree-'));
  try {
    await compileInit(tree);
    for (const name of peerFolders) await mkdir(path.join(tree, name));
    let blocks = spareBlocks;
    const files = await peerFiles(source);
    for (const { path: name, data, mode } of files) {
      const file = path.join(tree, name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, data, { mode });
      blocks += Math.ceil(data.length / blockSize) + 1;
    }
    // What init writes goes to the file system in memory that it mounts there.
    const resolver = path.join(tree, 'etc/resolv.conf');
    await rm(resolver, { force: true });
    await mkdir(path.dirname(resolver), { recursive: true });
    await symlink('/tmp/resolv.conf', resolver);

    const partial = `${disk}.partial`;
    await rm(partial, { force: true });
    const format = ['-q', '-t', 'ext4', '-b', String(blockSize), '-m', '0', '-O', leftOut];
    const inodes = ['-N', String(files.length + spareInodes)];
    // Debian keeps it where the PATH of other users than root does not lead.
    const environment = { PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
    await runCommand('mke2fs', [...format, ...inodes, '-d', tree, partial, String(blocks)], {
      environment,
      remedy: 'mke2fs is in the Debian package e2fsprogs.',
    });
    await rename(partial, disk);
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}
