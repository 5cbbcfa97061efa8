import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';

/** Records one line of a case's result. Values must be the same on every machine and in every run. */
export type Log = (...values: readonly unknown[]) => void;

/** One thing that has to behave the same on Linux and on our kernel. */
export type Case = (log: Log) => Promise<void> | void;

/** Cases that share a virtual machine. */
export interface Group {
  readonly name: string;
  readonly cases: Readonly<Record<string, Case>>;
}

/** Time that one case may take, in milliseconds: generous, as translated code is ten times slower. */
const caseLimit = 120_000;

/** Every line of a report starts with it, so that it can be told from the kernel's own lines. */
export const reportPrefix = '| ';

/**
 * Runs every case of a group and reports each on standard output: `run NAME`, the lines that it
 * recorded, then `ok NAME` or `not ok NAME: reason`.
 *
 * @returns how many cases failed
 */
export async function runGroup(group: Group): Promise<number> {
  let failed = 0;
  for (const [name, test] of Object.entries(group.cases)) {
    const lines: string[] = [];
    print(`run ${name}`);
    const reason = await failureOf(test, (...values) => lines.push(values.map(render).join(' ')));
    for (const line of lines) print(`  ${line}`);
    if (reason !== undefined) failed++;
    print(reason === undefined ? `ok ${name}` : `not ok ${name}: ${reason}`);
  }
  return failed;
}

async function failureOf(test: Case, log: Log): Promise<string | undefined> {
  const { promise: expired, resolve: expire } = Promise.withResolvers<string>();
  const timer = setTimeout(expire, caseLimit, 'timed out');
  try {
    return await Promise.race([expired, Promise.resolve(test(log)).then(() => undefined)]);
  } catch (error) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return text.replaceAll('\n', ' ');
  } finally {
    clearTimeout(timer);
  }
}

function print(line: string): void {
  process.stdout.write(`${reportPrefix}${line}\n`);
}

/** One value on one line, without control characters. */
function render(value: unknown): string {
  const options = { breakLength: Number.POSITIVE_INFINITY, compact: 100, depth: 6 };
  const text = typeof value === 'string' ? value : inspect(value, options);
  return text.replace(controlCharacters, (character) =>
    character === '\n' ? '\\n' : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced.
const controlCharacters = /[\x00-\x1f\x7f]/g;

/** Runs a function with the path of a new directory below /tmp, which is removed afterwards. */
export async function inTemporaryFolder(
  use: (folder: string) => Promise<void> | void,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'parity-'));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A short hash that stands for data too long to print. */
export function digest(data: NodeJS.ArrayBufferView | string): string {
  return createHash('sha256').update(data).digest('hex').slice(0, 16);
}

/** Bytes that look random and are the same in every run. */
export function patternBytes(size: number, seed = 1): Buffer<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(size / 4));
  let state = seed >>> 0 || 1;
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13; // xorshift32
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  return Buffer.from(words.buffer, 0, size);
}

/** The code, or failing that the name, of the error that a function ends with. */
export async function errorOf(action: () => unknown): Promise<string> {
  try {
    await action();
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code ?? (error as Error).name);
  }
  return 'no error';
}
