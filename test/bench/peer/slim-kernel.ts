// The slim peer's kernel: Linux out of Debian's package of its sources with what a virtual machine on virtio needs
// (slim.config), built once into the user's cache.
import { createHash } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { runCommand, ToolError } from '../../../lib/cli/src/command.ts';
import { fetchLinuxSource } from '../../../lib/cli/src/linux-source.ts';
import type { StepReport } from '../../../lib/cli/src/progress.ts';
import { peerCache } from './kernel.ts';

const configuration = path.join(import.meta.dirname, 'slim.config');
const remedy =
  "The slim peer's kernel is built from Debian's package linux-source-6.1 (about 140 MB, once). Check this " +
  "machine's network and its apt sources, run `apt-get update` (as root), and try again; or leave this peer out " +
  'with --peers.';
const buildRemedy =
  'Its build needs bc, bison, flex, gcc, libelf-dev and make; `npm run bench` installs them.';

/** The slim peer's kernel. */
export interface SlimKernel {
  /** Path of the kernel, an ELF file that starts through PVH. */
  readonly file: string;
  /** What it was built from, such as `linux-source-6.1 6.1.176-1`. */
  readonly source: string;
}

/**
 * Gives the slim peer's kernel, and builds it when it is not in the cache: about five minutes on two processors.
 * @param report says what takes long
 * @throws ToolError when it cannot be built, with the remedy
 */
export async function fetchSlimKernel(report: Pick<StepReport, 'detail'>): Promise<SlimKernel> {
  const wanted = await readFile(configuration, 'utf8');
  const settings = settingsOf(wanted).join('\n');
  const digest = createHash('sha256').update(settings).digest('hex').slice(0, 12);
  const folder = path.join(peerCache, `slim-${digest}`);
  const file = path.join(folder, 'vmlinux');
  const sourceFile = path.join(folder, 'source');
  const present = await readFile(sourceFile, 'utf8').catch(() => undefined);
  if (present !== undefined) return { file, source: present };

  await mkdir(peerCache, { recursive: true });
  const workFolder = await mkdtemp(path.join(peerCache, 'slim-work-'));
  try {
    const use = { what: "the slim peer's kernel", remedy };
    const { name, version, folder: tree } = await fetchLinuxSource(workFolder, [], use, report);
    report.detail('configuring it');
    await configure(tree, wanted);
    await make(tree, ['vmlinux'], report);
    const made = path.join(workFolder, 'made');
    await mkdir(made);
    const kernel = path.join(tree, 'vmlinux');
    await runCommand('strip', ['--strip-all', '-o', path.join(made, 'vmlinux'), kernel]);
    await writeFile(path.join(made, 'source'), `${name} ${version}`);
    // Another run may have been quicker: what it made is as good.
    await rm(folder, { recursive: true, force: true });
    await rename(made, folder);
    return { file, source: `${name} ${version}` };
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
}

/** Runs Linux' build, nicely: it takes minutes of all processors. */
async function make(
  tree: string,
  targets: readonly string[],
  report?: Pick<StepReport, 'detail'>,
): Promise<void> {
  const jobs = `-j${availableParallelism()}`;
  let compiled = 0;
  await runCommand('nice', ['make', '-C', tree, jobs, ...targets], {
    remedy: buildRemedy,
    onLine: (line) => {
      if (/^\s+CC\s/.test(line)) report?.detail(`compiling: ${++compiled} files`);
    },
  });
}

/** Configures the sources, and refuses a configuration that lost a line of ours. */
async function configure(tree: string, wanted: string): Promise<void> {
  const file = path.join(tree, '.config');
  await make(tree, ['tinyconfig']);
  await appendFile(file, wanted);
  await make(tree, ['olddefconfig']);
  const lost = lostLines(wanted, await readFile(file, 'utf8'));
  if (lost.length > 0) {
    throw new ToolError(
      `These sources of Linux do not take what ${configuration} asks for: ${lost.join('; ')}. Does an option ` +
        'have another name there, or a new dependency?',
    );
  }
}

/** The settings of a configuration: lines that are neither empty nor other comments. */
function settingsOf(configuration: string): string[] {
  return configuration
    .split('\n')
    .filter((line) => /^(CONFIG_\w+=.*|# CONFIG_\w+ is not set)$/.test(line));
}

/**
 * Compares a configuration with what was asked for.
 * @param wanted lines of Linux' configurations
 * @param found the configuration that came out
 * @returns settings that did not hold; an option that is absent counts as not set
 */
export function lostLines(wanted: string, found: string): string[] {
  const held = settingsOf(found);
  const names = new Set(held.map((line) => /CONFIG_\w+/.exec(line)?.[0]));
  return settingsOf(wanted).filter((line) => {
    if (held.includes(line)) return false;
    return !line.startsWith('#') || names.has(/CONFIG_\w+/.exec(line)?.[0]);
  });
}
