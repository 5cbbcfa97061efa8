// Which failures are the user's to mend, and what the system's own errors mean to them.
import { UserError } from '@runtimejs/base/errors.ts';
import { BundleError } from './bundle/errors.ts';

/** Whether an error's message is all that a user needs, without a stack trace. */
export function isTold(error: unknown): error is Error {
  return error instanceof UserError || error instanceof BundleError;
}

const remedies: Readonly<Record<string, string>> = {
  ENOSPC:
    'the disk is full. Free some room there, or name another folder (--output, TMPDIR, XDG_CACHE_HOME)',
  EDQUOT: 'your disk quota is used up. Free some room, or name another folder (--output)',
  ENOTDIR: 'a file is where a folder should be. Name another folder with --output',
  EEXIST: 'a file is where a folder should be. Name another folder with --output',
  EISDIR: 'a folder is where a file should be. Name another folder with --output',
  EROFS: 'that file system is read-only. Name another folder with --output',
  EACCES: 'this user may not. Change the permissions, or name another folder with --output',
  EPERM: 'this user may not. Change the permissions, or name another folder with --output',
};

/**
 * Explains an error to the user.
 * @param error what was thrown
 * @returns text to print, without a stack trace where the cause is not in these tools
 */
export function explain(error: unknown): string {
  if (isTold(error)) return error.message;
  const { code, path, syscall, message, stack } = error as NodeJS.ErrnoException;
  const remedy = code === undefined || syscall === undefined ? undefined : remedies[code];
  if (remedy !== undefined) return `${path ?? syscall ?? message}: ${remedy}.`;
  return `${stack ?? String(error)}\nThis is a fault of these tools: please report it, with the lines above.`;
}
