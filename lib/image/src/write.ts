// Writes an artefact beside its place and moves it there when it is whole: a failure, a full disk and
// Ctrl-C leave the previous one as it was.
import { rmSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, statfs } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '@runtimejs/base/errors.ts';

/** Thrown when an artefact cannot be written; the message says why, and what to do. */
export class WriteError extends UserError {}

/**
 * Writes all bytes at a place of a file.
 * @param file the file
 * @param bytes what to write
 * @param position in bytes from the start of the file
 */
export async function writeAll(
  file: FileHandle,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** Exit codes of a process that a signal ended: 128 + its number, as shells have it. */
const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** What is being written now: the unfinished file, and what it becomes. */
const unfinished = new Map<string, string>();

function interrupt(signal: keyof typeof signals): void {
  for (const output of unfinished.values()) {
    process.stderr.write(
      `\nInterrupted: ${output} was not written; an earlier one is unchanged.\n`,
    );
  }
  process.exit(signals[signal]);
}

/** Runs when the process ends, whoever ended it. */
function removeUnfinished(): void {
  for (const partial of unfinished.keys()) rmSync(partial, { force: true });
}

function begin(partial: string, output: string): void {
  if (unfinished.size === 0) {
    process.on('exit', removeUnfinished);
    for (const signal of Object.keys(signals)) process.on(signal, interrupt);
  }
  unfinished.set(partial, output);
}

function end(partial: string): void {
  unfinished.delete(partial);
  if (unfinished.size > 0) return;
  process.removeListener('exit', removeUnfinished);
  for (const signal of Object.keys(signals)) process.removeListener(signal, interrupt);
}

/**
 * Makes a file.
 * @param output where it goes; folders are made
 * @param fill writes the content
 * @throws WriteError when the disk is full or the folder cannot be written
 */
export async function writeArtefact(
  output: string,
  fill: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const folder = path.dirname(output);
  const partial = path.join(folder, `.${path.basename(output)}.${process.pid}.partial`);
  begin(partial, output);
  try {
    await mkdir(folder, { recursive: true });
    const file = await open(partial, 'wx');
    try {
      await fill(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, output);
  } catch (error) {
    await rm(partial, { force: true }).catch(() => {}); // the failure itself is what counts
    throw await explain(error, output, folder);
  } finally {
    end(partial);
  }
}

async function explain(error: unknown, output: string, folder: string): Promise<unknown> {
  const code = (error as NodeJS.ErrnoException).code;
  const unchanged = 'An earlier one is unchanged.';
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT': {
      const free = await statfs(folder).then(
        ({ bavail, bsize }) => ` (${Math.floor((bavail * bsize) / (1024 * 1024))} MiB are free)`,
        () => '',
      );
      return new WriteError(
        `The disk is full: there is no room for ${output}${free}. Make room, or write elsewhere with --output. ${unchanged}`,
      );
    }
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new WriteError(
        `${folder} cannot be written (${code}). Choose another place with --output. ${unchanged}`,
      );
    case 'EISDIR':
    case 'ENOTDIR':
    case 'EEXIST':
      return new WriteError(
        `${output} cannot be made: a folder or file is in its way (${code}). Choose another place with --output.`,
      );
    default:
      return error;
  }
}
