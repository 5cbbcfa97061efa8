// Keys for a virtual machine on this terminal. They all go to the machine, Ctrl-C too: there it is what it is in
// any terminal, SIGINT for the app, or a byte for an app that has the terminal in raw mode, such as a REPL. So
// Ctrl-C ends an app that does nothing about it, wherever it hangs. What does not end so is ended by Ctrl-],
// which never reaches the machine (as with telnet and virsh): it presses the power button, which the kernel
// turns into SIGTERM; pressed again it ends QEMU.
//
// Without a terminal there are no keys: then SIGINT for this process does what Ctrl-] does.
import { controlMachine } from './qmp.ts';

const controlC = 0x03;
const controlBracket = 0x1d;

/** So many times Ctrl-C within so many milliseconds look like somebody who wants to get out. */
const impatientPresses = 3;
const impatientTime = 2000;

/** A program that runs the machine. */
interface Emulator {
  readonly stdin: { write(bytes: Uint8Array): unknown } | null;
  kill(signal: 'SIGTERM' | 'SIGKILL'): unknown;
}

/** Tells from the times of presses when somebody does not get out with Ctrl-C. */
export class Impatience {
  #times: number[] = [];
  #wasTold = false;

  /**
   * Counts a press.
   * @param now milliseconds
   * @returns whether it is time for a hint, once
   */
  press(now: number): boolean {
    this.#times = [...this.#times, now].slice(-impatientPresses);
    const [first = now] = this.#times;
    const isImpatient = this.#times.length === impatientPresses && now - first <= impatientTime;
    if (!isImpatient || this.#wasTold) return false;
    this.#wasTold = true;
    return true;
  }
}

/**
 * Passes the terminal's input to the machine. Signals that end this process end the machine, too, as it is in a
 * process group of its own.
 * @param emulator QEMU, whose standard input is a pipe when this process has a terminal
 * @param control path of QEMU's control socket
 * @returns `stop`, to be called when the machine has ended: returns whether it was interrupted, by a signal, by
 * Ctrl-], or by Ctrl-C as the last key
 */
export function interruptMachine(emulator: Emulator, control: string): { stop(): boolean } {
  const { stdin } = process;
  const impatience = new Impatience();
  let count = 0;
  let wasControlC = false;
  const interrupt = () => {
    count += 1;
    if (count > 1) {
      emulator.kill('SIGTERM');
      return;
    }
    const again = stdin.isTTY ? 'Ctrl-]' : 'A second signal';
    process.stderr.write(
      `\nThe app is asked to end (SIGTERM). ${again} again ends the machine at once.\n`,
    );
    // A machine without a control socket yet, or without a power button, is not worth waiting for.
    controlMachine(control, 'system_powerdown').catch(() => emulator.kill('SIGTERM'));
  };
  const end = () => {
    count += 1;
    emulator.kill('SIGTERM');
  };
  const input = (bytes: Buffer) => {
    const rest = bytes.filter((byte) => byte !== controlBracket);
    if (rest.length > 0) emulator.stdin?.write(rest);
    for (let i = rest.length; i < bytes.length; i++) interrupt();
    wasControlC = bytes.at(-1) === controlC;
    // On a busy host several keys come at once.
    for (const byte of bytes) {
      if (byte === controlC && impatience.press(performance.now()))
        process.stderr.write('\n(Ctrl-C goes to the app. To end the machine, press Ctrl-].)\n');
    }
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', end);
  process.on('SIGHUP', end);
  if (stdin.isTTY) {
    stdin.setRawMode(true);
    stdin.on('data', input);
  }
  return {
    stop: () => {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', end);
      process.off('SIGHUP', end);
      if (stdin.isTTY) {
        stdin.off('data', input);
        stdin.setRawMode(false);
        stdin.pause();
      }
      return count > 0 || wasControlC;
    },
  };
}

/**
 * What the machine should know of this terminal: its size, and what it understands, as options of the kernel's
 * command line. Nothing when there is no terminal: then the app is not to colour its output.
 */
export function terminalOptions(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string[] {
  const { stdin, stdout } = process;
  if (!stdin.isTTY || !stdout.isTTY) return [];
  const variables = ['TERM', 'COLORTERM', 'NO_COLOR', 'FORCE_COLOR'].flatMap((name) => {
    const value = environment[name];
    // What the command line cannot hold, or what has no value, is left out.
    return value === undefined || value === '' || /[\s"]/.test(value)
      ? []
      : [`env.${name}=${value}`];
  });
  const { columns, rows } = stdout;
  return [...(columns > 0 && rows > 0 ? [`terminal=${columns}x${rows}`] : []), ...variables];
}
