// Somebody who types at a pseudo-terminal, which util-linux' `script` makes.
import { stripVTControlCharacters } from 'node:util';
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';

/** What is run on the terminal. */
export interface TerminalProgram {
  /** A line for a shell. */
  readonly command: string;
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** It is ended after this time. By default two minutes: a busy machine takes its time. */
  readonly milliseconds?: number;
}

/**
 * Runs a program on a pseudo-terminal of 100 by 30 and presses keys, each when a text has been shown after the
 * text before.
 * @param t the test, which fails when the program does not end
 * @param program see there
 * @param presses the text, and the keys
 * @returns its exit code and everything that was shown, without control sequences
 */
export async function onTerminal(
  t: ExecutionContext,
  { command, cwd, environment = {}, milliseconds = 120_000 }: TerminalProgram,
  presses: readonly (readonly [shown: string, keys: string])[],
): Promise<{ readonly code: number | undefined; readonly shown: string }> {
  const line = `stty cols 100 rows 30 && ${command}`;
  const child = execa('script', ['-q', '-e', '-c', line, '/dev/null'], {
    ...{ stdin: 'pipe', reject: false, timeout: milliseconds, env: environment },
    ...(cwd === undefined ? {} : { cwd }),
  });
  let bytes = '';
  let seen = 0;
  const waiting = [...presses];
  const text = () => stripVTControlCharacters(bytes).replaceAll('\r\n', '\n');
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (piece: string) => {
    bytes += piece;
    const shown = text();
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const at = shown.indexOf(next[0], seen);
      if (at < 0) return;
      seen = at + next[0].length;
      waiting.shift();
      child.stdin.write(next[1]);
    }
  });
  const { exitCode, timedOut } = await child;
  t.false(timedOut, `waits for ${waiting[0]?.[0]}: ${text()}`);
  return { code: exitCode, shown: text() };
}
