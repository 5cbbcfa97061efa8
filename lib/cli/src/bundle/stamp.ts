import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** What an initrd was made from, kept beside it as a hidden JSON file. */
interface Stamp {
  /** Options and versions, which change the output without any input changing. */
  readonly key: string;
  readonly inputs: Readonly<Record<string, InputState>>;
}

interface InputState {
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
  readonly sha256: string;
}

function stampFile(outFile: string): string {
  return join(dirname(outFile), `.${basename(outFile)}.json`);
}

/**
 * Tells whether an initrd is there and was made from the inputs as they are now. A file whose time
 * changed but whose content did not, as after a checkout, counts as unchanged.
 *
 * @param outFile the initrd
 * @param key options and versions as text
 * @returns the inputs when it is current
 */
export function currentInputs(outFile: string, key: string): readonly string[] | undefined {
  if (!existsSync(outFile)) return undefined;
  let stamp: Stamp;
  try {
    stamp = JSON.parse(readFileSync(stampFile(outFile), 'utf8')) as Stamp;
  } catch {
    return undefined; // Never made, or made by a version that wrote it differently.
  }
  if (stamp.key !== key) return undefined;
  const isUnchanged = Object.entries(stamp.inputs).every(([file, state]) => {
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats === undefined || stats.size !== state.size) return false;
    return stats.mtimeMs === state.modified || hash(file) === state.sha256;
  });
  return isUnchanged ? Object.keys(stamp.inputs) : undefined;
}

/**
 * Records what an initrd was made from.
 *
 * @param outFile the initrd
 * @param key options and versions as text
 * @param inputs every file that was read
 */
export function writeStamp(outFile: string, key: string, inputs: Iterable<string>): void {
  const states: Record<string, InputState> = {};
  for (const file of [...new Set(inputs)].sort()) {
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats === undefined || !stats.isFile()) continue;
    states[file] = { size: stats.size, modified: stats.mtimeMs, sha256: hash(file) };
  }
  writeFileSync(stampFile(outFile), `${JSON.stringify({ key, inputs: states }, null, 1)}\n`);
}

function hash(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
