// Ctrl-C for a virtual machine on this terminal: the first presses its power button, which the kernel turns
// into SIGTERM for the app; the second ends QEMU.
import { controlMachine } from './qmp.ts';

const controlC = 0x03;

/** A program that runs the machine. */
interface Emulator {
  readonly stdin: { write(bytes: Uint8Array): unknown } | null;
  kill(signal: 'SIGTERM' | 'SIGKILL'): unknown;
}

/**
 * Passes the terminal's input to the machine, and its interrupts in their own way. Signals that end this
 * process end the machine, too, as it is in a process group of its own.
 * @param emulator QEMU, whose standard input is a pipe when this process has a terminal
 * @param control path of QEMU's control socket
 * @returns `stop`, to be called when the machine has ended: returns whether it was interrupted
 */
export function interruptMachine(emulator: Emulator, control: string): { stop(): boolean } {
  const { stdin } = process;
  let count = 0;
  const interrupt = () => {
    count += 1;
    if (count > 1) {
      emulator.kill('SIGTERM');
      return;
    }
    process.stderr.write(
      '\nThe app is asked to end (SIGTERM). Ctrl-C again ends the machine at once.\n',
    );
    // A machine without a control socket yet, or without a power button, is not worth waiting for.
    controlMachine(control, 'system_powerdown').catch(() => emulator.kill('SIGTERM'));
  };
  const end = () => emulator.kill('SIGTERM');
  const input = (bytes: Buffer) => {
    const rest = bytes.filter((byte) => byte !== controlC);
    if (rest.length > 0) emulator.stdin?.write(rest);
    for (let i = rest.length; i < bytes.length; i++) interrupt();
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
      return count > 0;
    },
  };
}
