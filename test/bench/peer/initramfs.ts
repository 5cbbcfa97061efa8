// The cloud peer's initramfs.
import { rename } from 'node:fs/promises';
import path from 'node:path';
import { CpioWriter } from '../../../lib/base/src/cpio.ts';
import { makeUnlessCurrent } from '../../../lib/base/src/stamp.ts';
import { compileInit, digestPeer, type PeerSource, peerFiles, peerFolders } from './files.ts';

/**
 * Makes the cloud peer's initramfs, unless it is current. It is not compressed: Linux would unpack it while it
 * boots, which takes longer than to load it whole.
 * @param source where Node and the app come from
 * @param folder where to make it
 * @param modules kernel modules that its init loads, in this order
 * @returns its path
 * @throws ToolError when there is no C compiler
 */
export async function makeInitramfs(
  source: PeerSource,
  folder: string,
  modules: readonly string[] = [],
): Promise<string> {
  const file = path.join(folder, 'initramfs.cpio');
  const digest = await digestPeer(source, [import.meta.filename, ...modules]);
  await makeUnlessCurrent(file, digest, async () => {
    await writeArchive(source, await compileInit(folder), modules, file);
  });
  return file;
}

async function writeArchive(
  source: PeerSource,
  init: string,
  modules: readonly string[],
  output: string,
): Promise<void> {
  const files = await peerFiles(source);
  const partial = `${output}.partial`;
  const archive = await CpioWriter.create(partial);
  try {
    for (const name of peerFolders) await archive.addDirectory(name);
    await archive.addFile('init', { file: init }, { mode: 0o755 });
    if (modules.length > 0) await archive.addDirectory('modules');
    for (const [index, file] of modules.entries()) {
      const name = `${String(index).padStart(2, '0')}-${path.basename(file)}`;
      await archive.addFile(`modules/${name}`, { file });
    }
    for (const { path: name, data, mode } of files) await archive.addFile(name, data, { mode });
    await archive.finish();
  } catch (error) {
    await archive.abandon();
    throw error;
  }
  await rename(partial, output);
}
