// What the Linux peers' root file systems hold: the very Node and libraries of our image, the very bundle of our
// initrd, and an init that does nothing but run them.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type CpioEntry, readCpio } from '../../../lib/base/src/cpio.ts';
import { ElfFile } from '../../../lib/base/src/elf.ts';
import { resolveLibraries } from '../../../lib/base/src/libraries.ts';
import { digestInputs } from '../../../lib/base/src/stamp.ts';
import { runCommand, ToolError } from '../../../lib/cli/src/command.ts';
import { nodeBinary } from '../../../lib/cli/src/paths.ts';

const initSource = path.join(import.meta.dirname, 'init.c');

/** Folders that have to be there, for the kernel's file systems and the app. */
export const peerFolders = ['app', 'dev', 'proc', 'sys', 'tmp'] as const;

/** What a peer boots beside its kernel. */
export interface PeerSource {
  /** Our image; its last segment is the base with Node. */
  readonly runtime: string;
  /** Our initrd, with the app. */
  readonly initrd: string;
}

/**
 * Digests everything that a root file system is made from.
 * @param source where Node and the app come from
 * @param further more files
 */
export function digestPeer(source: PeerSource, further: readonly string[]): Promise<string> {
  const { runtime, initrd } = source;
  return digestInputs([runtime, initrd, initSource, import.meta.filename, ...further]);
}

/**
 * Compiles the peers' first process.
 * @param folder where to
 * @returns path of the program
 * @throws ToolError when there is no C compiler
 */
export async function compileInit(folder: string): Promise<string> {
  const init = path.join(folder, 'init');
  await runCommand('gcc', ['-static', '-Os', '-s', '-Wall', '-Wextra', '-o', init, initSource], {
    remedy: 'Install a C compiler with its static C library: apt-get install gcc libc6-dev',
  });
  return init;
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

/**
 * Reads the files of Node and the app.
 * @throws ToolError when our image holds no Node
 */
export async function peerFiles({ runtime, initrd }: PeerSource): Promise<CpioEntry[]> {
  // Only what Node needs: of our base the shim, its parts and the addons' libraries stay out.
  const libraries = await resolveLibraries([nodeBinary]);
  const wanted = new Set(['bin/node', ...libraries.map(({ imagePath }) => imagePath)]);
  const isWanted = (name: string) => wanted.has(name) || name.startsWith('etc/');
  const base = readCpio(readBase(runtime)).filter(({ path: name }) => isWanted(name));
  const app = readCpio(await readFile(initrd)).filter(({ path: name }) => name.startsWith('app/'));
  return [...base, ...app].filter(({ kind }) => kind === 'file');
}
