// Makes warm images: the app's machine is booted once while the image is built, and its process is frozen before the
// app's own code runs. Machines that boot the image go on from there. See docs/warm-images.md.
import { closeSync, openSync, readSync } from 'node:fs';
import { copyFile, mkdtemp, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CpioWriter, readCpio } from '@runtimejs/base/cpio.ts';
import { digestInputs, makeUnlessCurrent } from '@runtimejs/base/stamp.ts';
import { contentFile, type InitrdContent, readContent } from '../bundle.ts';
import { ToolError } from '../command.ts';
import { bootMachine } from '../machine.ts';
import { version } from '../version.ts';
import { collectState, type FrozenState, pageBytes, parsePlace } from './state.ts';

/**
 * The processor on which a process is frozen: one of 2013, because machines that boot the image need all that it
 * has. Nothing in a cloud is older.
 */
const processor = 'Haswell-noTSX';
const builtinsPath = '/etc/runtime/builtins';
const statePath = '/system/warm/state';
const pagesPath = '/system/warm/pages';
/** An emulated machine on a busy host takes a while. */
const mostMilliseconds = 300_000;

/** What is to be frozen. */
export interface WarmImageOptions {
  /** Kernel and base. */
  readonly runtime: string;
  /** The app's initrd. */
  readonly initrd: string;
  /** The kernel's command line that the config asks for. */
  readonly commandLine: string;
  /** Memory of the machine in MiB: machines that boot the image need as much. */
  readonly memoryMegabytes: number;
  /** Where the warm initrd goes. */
  readonly outFile: string;
}

/**
 * Makes an initrd that carries the state of a process, unless the one that is there is current.
 * @throws ToolError when the process cannot be frozen, with what the machine says
 */
export async function makeWarmInitrd(options: WarmImageOptions): Promise<void> {
  const { runtime, initrd, outFile } = options;
  const settings = [version, processor, options.commandLine, String(options.memoryMegabytes)];
  const digest = await digestInputs([runtime, initrd, import.meta.filename], settings);
  await makeUnlessCurrent(outFile, digest, async () => {
    const folder = await mkdtemp(`${outFile}.`);
    try {
      const prepared = path.join(folder, 'initrd');
      const builtins = builtinsOf(await readFile(initrd));
      await writeArchives(initrd, prepared, { [builtinsPath]: builtins });
      const { state, pages } = await freeze({ ...options, initrd: prepared }, folder);
      const warm = path.join(folder, 'warm');
      const files = { [statePath]: state, [pagesPath]: pages };
      await writeArchives(prepared, warm, files);
      await rename(warm, outFile);
      await noteContent(options, { ...files, [builtinsPath]: Buffer.from(builtins) });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

/**
 * Refuses what would wait for a network that no machine has while it is frozen.
 * @param options of Node
 * @param variables of the app
 * @throws ToolError when Node's inspector is to listen
 */
export function refuseInspector(
  options: readonly string[],
  variables: Readonly<Record<string, string>>,
): void {
  const words = [...options, ...(variables.NODE_OPTIONS ?? '').split(/\s+/)];
  const word = words.find((each) => each.startsWith('--inspect'));
  if (word === undefined) return;
  throw new ToolError(
    `No warm image can be made with ${word}: the inspector listens before the process is frozen. ` +
      'Leave it out, or build without --warm.',
  );
}

/** Boots the machine that is frozen, and takes the state out of its memory. */
async function freeze(options: WarmImageOptions, folder: string): Promise<FrozenState> {
  const { runtime, initrd, commandLine, memoryMegabytes } = options;
  const memory = path.join(folder, 'memory');
  const backend = `memory-backend-file,id=memory,size=${memoryMegabytes}M,mem-path=${memory},share=on`;
  const { code, reason, output, timedOut } = await bootMachine({
    runtime,
    initrd,
    memoryMegabytes,
    append: `${commandLine} warm=freeze`.trim(),
    extraArguments: [
      ...['-object', backend, '-machine', 'memory-backend=memory'],
      ...['-cpu', processor],
    ],
    timeoutMilliseconds: mostMilliseconds,
  });
  const place = code === 0 ? parsePlace(reason) : undefined;
  if (place === undefined) {
    const why = timedOut ? 'it did not get there in time' : (reason ?? 'no reason given');
    const said = output.trim() === '' ? '' : `\nThe machine said:\n${output.trimEnd()}`;
    throw new ToolError(`No warm image can be made of this app: ${why}.${said}`);
  }
  const file = openSync(memory, 'r');
  try {
    return collectState(place, (address, bytes) => {
      const piece = Buffer.alloc(bytes);
      const count = readSync(file, piece, 0, bytes, address);
      if (count !== bytes) throw new ToolError('The memory of the frozen machine was cut short.');
      return piece;
    });
  } finally {
    closeSync(file);
  }
}

/** The modules of Node that the app starts with, one per line: they are loaded before the process is frozen. */
export function builtinsOf(initrd: Uint8Array): string {
  const names = new Set<string>();
  for (const { path: name, data } of readCpio(initrd)) {
    if (!/^app\/[^/]*\.mjs$/.test(name)) continue;
    const text = Buffer.from(data).toString('utf8');
    for (const pattern of [
      /getBuiltinModule\(["'](?:node:)?([\w/]+)["']\)/g,
      /\bfrom\s*["']node:([\w/]+)["']/g,
    ]) {
      for (const [, found] of text.matchAll(pattern)) names.add(found as string);
    }
  }
  return [...names]
    .sort()
    .map((name) => `${name}\n`)
    .join('');
}

/** Writes an archive and behind it another one: the kernel reads both. */
async function writeArchives(
  first: string,
  outFile: string,
  files: Readonly<Record<string, Uint8Array | string>>,
): Promise<void> {
  const second = `${outFile}.added`;
  const writer = await CpioWriter.create(second);
  try {
    for (const [name, content] of Object.entries(files))
      await writer.addFile(name, content, { alignment: pageBytes });
    await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
  await copyFile(first, outFile);
  const target = await open(outFile, 'r+');
  try {
    const { size } = await stat(first);
    const at = Math.ceil(size / pageBytes) * pageBytes;
    await target.truncate(at);
    await target.write(await readFile(second), 0, undefined, at);
  } finally {
    await target.close();
    await rm(second, { force: true });
  }
}

/** For the report of what an image holds. */
async function noteContent(
  { initrd, outFile }: WarmImageOptions,
  files: Readonly<Record<string, Buffer>>,
): Promise<void> {
  const content = readContent(initrd);
  const added = Object.entries(files).map(([name, data]) => [name, data.length] as const);
  const warm: InitrdContent = {
    ...content,
    files: { ...content.files, ...Object.fromEntries(added) },
  };
  await writeFile(contentFile(outFile), JSON.stringify(warm));
}
