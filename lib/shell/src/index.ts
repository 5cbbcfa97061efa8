/**
 * A small shell over the kernel's own facts, for looking inside a machine that runs.
 *
 * ```ts
 * import { serveShell } from '@runtimejs/shell';
 * serveShell(); // on the console that the kernel's option shell= names, if it is given; the app goes on
 * ```
 */
import { openSync, readFileSync } from 'node:fs';
import { isatty, ReadStream, WriteStream } from 'node:tty';
import { describeError } from './command.ts';
import { runSession } from './session.ts';

export { Interpreter } from './interpreter.ts';
export { runSession } from './session.ts';

const greeting = 'Runtime.JS shell. help lists the commands.\n';
/** Between two tries after the terminal has gone, in milliseconds. */
const pause = 1000;

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
 * Whoever reaches the terminal may do anything with the machine.
 * @param device the terminal's file, such as /dev/ttyS1 or /dev/hvc1; by default what the kernel's option
 * `shell=ttyS1` names, and without that option there is no shell
 * @returns undefined when none was asked for
 * @throws Error when there is no such terminal
 */
export function serveShell(device: string | undefined = wantedTerminal()): ShellServer | undefined {
  if (device === undefined) return undefined;
  let isClosed = false;
  let current = openTerminal(device);
  const serve = async (): Promise<void> => {
    while (!isClosed) {
      try {
        await runSession(current.input, current.output, greeting);
      } catch (error) {
        console.error(`The shell on ${device} ended: ${describeError(error)}`);
      }
      if (isClosed) return;
      if (current.input.destroyed || current.input.readableEnded) {
        await new Promise((resolve) => setTimeout(resolve, pause).unref());
        current = openTerminal(device);
      }
    }
  };
  void serve().catch((error: unknown) => {
    console.error(`There is no shell on ${device} any more: ${describeError(error)}`);
  });
  return {
    close: () => {
      isClosed = true;
      current.input.destroy();
      current.output.destroy();
    },
  };
}

/** What the kernel's command line names; undefined when it names nothing. */
function wantedTerminal(): string | undefined {
  const words = readFileSync('/proc/cmdline', 'utf8').split(/\s+/);
  const wanted = words.findLast((word) => word.startsWith('shell='))?.slice('shell='.length);
  if (wanted === undefined || wanted === '') return undefined;
  return wanted.startsWith('/') ? wanted : `/dev/${wanted}`;
}

function openTerminal(device: string): {
  readonly input: ReadStream;
  readonly output: WriteStream;
} {
  let descriptor: number;
  try {
    descriptor = openSync(device, 'r+');
  } catch (error) {
    throw new Error(
      `There is no terminal ${device} for a shell (${describeError(error)}): ` +
        'name a second serial port or a port of a virtio console that the machine has.',
      { cause: error },
    );
  }
  if (!isatty(descriptor)) throw new Error(`${device} is no terminal: a shell needs one.`);
  const input = new ReadStream(descriptor);
  // The app may end although a shell waits for somebody to type.
  input.unref();
  return { input, output: new WriteStream(openSync(device, 'r+')) };
}
