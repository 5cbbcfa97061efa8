// Running other programs: their output is shown only when they fail.

import { UserError } from '@runtimejs/base/errors.ts';
import { execa } from 'execa';

/** A failure of the set-up, of another program, or of what the user asked for. */
export class ToolError extends UserError {}

/** How a program is run. */
export interface CommandOptions {
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Called with each line that the program prints, as it prints it. */
  readonly onLine?: (line: string) => void;
  /** Lines that say nothing about a failure, and are left out of its message. */
  readonly noise?: RegExp;
  /** What to do about a failure, for the message. */
  readonly remedy?: string;
}

/**
 * Runs a program to its end.
 * @param command the program, found on the PATH
 * @param parameters its arguments
 * @param options see there
 * @returns what it printed on standard output
 * @throws ToolError with everything the program printed, when it fails or is not installed
 */
export async function runCommand(
  command: string,
  parameters: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const child = execa(command, parameters, {
    all: true,
    reject: false,
    stdin: 'ignore',
    ...(options.cwd ? { cwd: options.cwd } : {}),
    ...(options.environment ? { env: options.environment } : {}),
  });
  if (options.onLine) {
    for await (const line of child.iterable({ from: 'all' })) options.onLine(String(line));
  }
  const result = await child;
  if (result.failed) {
    const how =
      result.code === 'ENOENT'
        ? 'it is not installed'
        : result.signal
          ? `it was ended by ${result.signal}`
          : `exit code ${result.exitCode}`;
    const output = result.all.split('\n').filter((line) => !options.noise?.test(line));
    const lines = [`${command} ${parameters.join(' ')}: ${how}.`, ...output, options.remedy];
    throw new ToolError(lines.filter(Boolean).join('\n'));
  }
  return result.stdout;
}
