/** What a command of the shell is, and what it works with. */

import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

/** Terminal of a person, for commands that fill the screen. */
export interface CommandTerminal {
  readonly columns: number;
  readonly rows: number;
  /** Gives input and output to a command alone, until it is done. */
  takeOver(use: (input: Readable, output: Writable) => Promise<void>): Promise<void>;
}

/** What the shell keeps from command to command. */
export interface ShellState {
  /** The working directory; the machine has one process, so it is not the process' own. */
  directory: string;
  readonly variables: Map<string, string>;
  readonly commands: ReadonlyMap<string, Command>;
  readonly history: readonly string[];
  /** Set by `exit`. */
  exitCode: number | undefined;
}

/** What one run of a command works with. */
export interface CommandContext {
  readonly name: string;
  readonly input: Readable;
  readonly output: Writable;
  readonly errors: Writable;
  readonly shell: ShellState;
  /** Aborted by Ctrl-C, and when whoever reads the output has gone. */
  readonly signal: AbortSignal;
  /** The terminal, when output goes there. */
  readonly terminal: CommandTerminal | undefined;
  /** Makes a path of an argument: relative to the shell's directory. */
  resolve(file: string): string;
  /** Writes to the output, and waits while it is full. */
  print(text: string | Uint8Array): Promise<void>;
  /** Says what is wrong, with the command's name in front. */
  complain(problem: string): void;
}

/** A command. */
export interface Command {
  readonly name: string;
  /** What it does, in a few words, for `help`. */
  readonly summary: string;
  /** How it is used, without its name: `[-l] [FILE...]`. */
  readonly usage: string;
  /** @returns how it ended: 0 is success. What it throws is shown, and counts as 1. */
  run(context: CommandContext, parameters: readonly string[]): Promise<number>;
}

/** The command was used in a way that it does not know. */
export class UsageProblem extends Error {}

/** How commands that were interrupted end: 128 and the number of SIGINT. */
export const interrupted = 130;

/**
 * Reads options; what is unknown is a UsageProblem.
 * @param options as parseArgs() of node:util has them
 */
export function readOptions<Options extends ParseArgsOptionsConfig>(
  parameters: readonly string[],
  options: Options,
) {
  try {
    return parseArgs({ args: [...parameters], options, allowPositionals: true });
  } catch (error) {
    throw new UsageProblem((error as Error).message.split('. ')[0]);
  }
}

/** Makes a context. */
export function createContext(
  parts: Omit<CommandContext, 'resolve' | 'print' | 'complain'>,
): CommandContext {
  const { name, output, errors, shell, signal } = parts;
  return {
    ...parts,
    resolve: (file) => path.resolve(shell.directory, file),
    print: (text) =>
      new Promise((resolve, reject) => {
        if (signal.aborted || output.destroyed) {
          reject(new InterruptedProblem());
          return;
        }
        const abort = (): void => reject(new InterruptedProblem());
        signal.addEventListener('abort', abort, { once: true });
        output.write(text, (error) => {
          signal.removeEventListener('abort', abort);
          if (error) reject(error);
          else resolve();
        });
      }),
    complain: (problem) => {
      errors.write(`${name}: ${problem}\n`);
    },
  };
}

/** Thrown by what is done for a command that was interrupted. */
export class InterruptedProblem extends Error {}

/** Rows with their columns below each other. @param right which columns are numbers */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  }
  return rows
    .map((row) =>
      row
        .map((cell, at) =>
          right.includes(at) ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

/** Bytes for people: `1.5 MiB`. */
export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** What went wrong with a file, in words: `notes: there is no such file`. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, path: file, cause } = error as NodeJS.ErrnoException & { cause?: unknown };
  const words: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file or directory',
    EEXIST: 'it exists already',
    EISDIR: 'it is a directory',
    ENOTDIR: 'a part of the path is no directory',
    ENOTEMPTY: 'the directory is not empty',
    EACCES: 'that is not allowed',
    EPERM: 'that is not allowed',
    EROFS: 'the file system is read-only (boot with root=rw to change that)',
    ENOSPC: 'there is no space left',
    ECONNREFUSED: 'nothing listens there',
    ENOTFOUND: 'there is no such name',
    EAI_AGAIN: 'the name server does not answer',
    EHOSTUNREACH: 'the host cannot be reached',
    ENETUNREACH: 'there is no route there',
    ETIMEDOUT: 'it does not answer',
  };
  if (code === undefined && cause instanceof Error) return describeError(cause);
  const text = (code === undefined ? undefined : words[code]) ?? error.message;
  return file === undefined ? text : `${file}: ${text}`;
}
