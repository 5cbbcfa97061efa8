/**
 * A small shell over the kernel's own facts, for looking inside a machine that runs.
 *
 * ```ts
 * import { serveShell } from '@runtimejs/shell';
 * serveShell(); // on the console that the kernel's option shell= names, if it is given; the app goes on
 * ```
 */
import { existsSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty, ReadStream, WriteStream } from 'node:tty';
import { describeError } from './command.ts';
import { runSession } from './session.ts';

export { Interpreter } from './interpreter.ts';
export { runSession } from './session.ts';

const greeting = 'Runtime.JS shell. help lists the commands.\n';
/** Between two tries after the terminal has gone, in milliseconds. */
const pause = 1000;
/** How long a terminal may take to appear, which it does after the app's main module is loaded; milliseconds. */
const appearanceLimit = 10_000;
const appearancePeriod = 20;

/** Runs the shell on the app's own console until `exit`. @returns its exit code */
export function runShell(): Promise<number> {
  return runSession(process.stdin, process.stdout, process.stdout.isTTY ? greeting : '');
}

/** A shell that runs beside the app. */
export interface ShellServer {
  /** Ends it. */
  close(): void;
}

/**
 * Runs a shell on a terminal of its own, beside the app, for as long as the app runs: after `exit` it begins anew.
 * Whoever reaches the terminal may do anything with the machine. When there is no such terminal, standard error says so.
 * @param device the terminal's file, such as /dev/ttyS1 or /dev/hvc1; by default what the kernel's option
 * `shell=ttyS1` names, and without that option there is no shell
 * @returns undefined when none was asked for
 */
export function serveShell(device: string | undefined = wantedTerminal()): ShellServer | undefined {
  if (device === undefined) return undefined;
  let isClosed = false;
  let current: OpenTerminal | undefined;
  const close = (): void => {
    isClosed = true;
    current?.input.destroy();
    current?.output.destroy();
  };
  const serve = async (): Promise<void> => {
    await appears(device);
    while (!isClosed) {
      current ??= openTerminal(device);
      const { input, output } = current;
      let hasFailed = false;
      try {
        await runSession(input, output, greeting);
      } catch (error) {
        hasFailed = true;
        console.error(`The shell on ${device} ended: ${describeError(error)}`);
      }
      if (input.destroyed || input.readableEnded) current = undefined;
      if (hasFailed || current === undefined) await sleep(pause, undefined, { ref: false });
    }
  };
  void serve().catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    console.error(`There is no shell on ${device}: ${reason}`);
  });
  return { close };
}

/** Waits for a terminal's file, which may not be there yet while the app starts. */
async function appears(device: string): Promise<void> {
  const end = performance.now() + appearanceLimit;
  while (!existsSync(device) && performance.now() < end) {
    await sleep(appearancePeriod, undefined, { ref: false });
  }
}

/** What the kernel's command line names; undefined when it names nothing. */
function wantedTerminal(): string | undefined {
  const words = readFileSync('/proc/cmdline', 'utf8').split(/\s+/);
  const wanted = words.findLast((word) => word.startsWith('shell='))?.slice('shell='.length);
  if (wanted === undefined || wanted === '') return undefined;
  return wanted.startsWith('/') ? wanted : `/dev/${wanted}`;
}

interface OpenTerminal {
  readonly input: ReadStream;
  readonly output: WriteStream;
}

function openTerminal(device: string): OpenTerminal {
  let descriptor: number;
  try {
    descriptor = openSync(device, 'r+');
  } catch (error) {
    throw new Error(
      `the terminal cannot be opened (${describeError(error)}); ` +
        'name a second serial port or a port of a virtio console that the machine has.',
      { cause: error },
    );
  }
  if (!isatty(descriptor)) throw new Error('it is no terminal, and a shell needs one.');
  const input = new ReadStream(descriptor);
  // The app may end although a shell waits for somebody to type.
  input.unref();
  return { input, output: new WriteStream(openSync(device, 'r+')) };
}
