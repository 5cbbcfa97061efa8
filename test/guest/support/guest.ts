// What guest tests share: bundling an app, booting it, and running the same bundle on this host.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { readCpio } from '../../../lib/base/src/cpio.ts';
import { buildInitrd, type InitrdOptions } from '../../../lib/cli/src/bundle.ts';
import { type BootOptions, type BootResult, bootMachine } from '../../../lib/cli/src/machine.ts';
import { buildFolder, inRepository, nodeBinary } from '../../../lib/cli/src/paths.ts';
import { bundleSystem } from '../../../lib/system/bundle.ts';

/** Where guest tests keep what they build. */
export const guestFolder = path.join(buildFolder, 'test', 'guest');

/** Long enough for a busy machine without KVM; a machine that takes longer hangs. */
const bootLimit = 300_000;

/**
 * Bundles an app of test/guest and gives the path of its initrd.
 *
 * @param name its own name below build/test/guest
 * @param entry path of the entry module below test/guest
 * @param options further options of the bundler
 */
export async function guestInitrd(
  name: string,
  entry: string,
  options: Partial<InitrdOptions> = {},
): Promise<string> {
  const outFile = path.join(guestFolder, name, 'initrd');
  system ??= makeSystem();
  await buildInitrd({
    system: await system,
    ...options,
    entry: inRepository('test/guest', entry),
    outFile,
  });
  return outFile;
}

let system: Promise<string> | undefined;

/** Bundles the system isolate's program, once per process. */
async function makeSystem(): Promise<string> {
  const own = path.join(guestFolder, `system-${process.pid}`, 'system.js');
  await bundleSystem(own);
  const shared = path.join(guestFolder, 'system.js');
  // What is the same is left alone: initrds that were made with it stay current.
  const isCurrent = existsSync(shared) && readFileSync(shared).equals(readFileSync(own));
  if (!isCurrent) renameSync(own, shared); // other test processes may be reading it
  rmSync(path.dirname(own), { recursive: true });
  return shared;
}

/**
 * Boots an initrd and waits for the machine's end.
 *
 * @param initrd path of the archive, or null for none
 * @param options the machine
 */
export async function boot(initrd: string | null, options: BootOptions = {}): Promise<BootResult> {
  return bootMachine({ timeoutMilliseconds: bootLimit, ...options, initrd });
}

/** How a program ended on this host. */
export interface HostResult {
  readonly output: string;
  readonly errors: string;
  readonly code: number;
}

/**
 * Runs the app of an initrd on this Linux host, with the same Node binary.
 *
 * @param initrd path of the archive
 * @param parameters the app's own arguments
 */
export async function runOnHost(
  initrd: string,
  parameters: readonly string[] = [],
): Promise<HostResult> {
  const root = unpackInitrd(initrd);
  const result = await execa(nodeBinary, ['--enable-source-maps', 'main.mjs', ...parameters], {
    cwd: path.join(root, 'app'),
    stdin: 'ignore',
    reject: false,
    stripFinalNewline: false,
    maxBuffer: 1 << 30,
    timeout: bootLimit,
    // Where npm and this terminal add variables, the guest has none.
    extendEnv: false,
    env: { PATH: '/bin', HOME: '/tmp' },
  });
  return { output: result.stdout, errors: result.stderr, code: result.exitCode ?? -1 };
}

/**
 * Unpacks an initrd beside itself.
 * @returns the folder
 */
export function unpackInitrd(initrd: string): string {
  const root = path.join(path.dirname(initrd), 'unpacked');
  rmSync(root, { recursive: true, force: true });
  for (const entry of readCpio(readFileSync(initrd))) {
    const target = path.join(root, entry.path);
    if (entry.kind === 'directory') mkdirSync(target, { recursive: true });
    else if (entry.kind === 'file') writeFileSync(target, entry.data, { mode: entry.mode });
  }
  return root;
}

/** The end of a machine's output, for a failed test. */
export function tail({ output, code, reason, timedOut }: BootResult): string {
  const end = output.length > 6000 ? `…${output.slice(-6000)}` : output;
  const how = timedOut ? 'it was still running at the time limit' : `code ${code}, ${reason}`;
  return `${end}\n(${how})`;
}
