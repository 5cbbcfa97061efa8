// Machines whose power button tests press.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  type BootOptions,
  type BootResult,
  type RunningMachine,
  startMachine,
} from '../../../lib/cli/src/machine.ts';
import { controlArguments, controlMachine } from '../../../lib/cli/src/qmp.ts';
import { printed } from './console.ts';
import { guestInitrd } from './guest.ts';

/** Longer than anything takes on a busy machine without KVM. */
const patience = 240_000;

/** A machine with a power button. */
export interface ButtonMachine {
  readonly machine: RunningMachine;
  /** Resolves when the pattern is on the console; fails when the machine ends before. */
  seen(pattern: RegExp): Promise<void>;
  /** Presses the power button (QEMU's system_powerdown). */
  press(): Promise<void>;
  /** How it ended. */
  end(): Promise<BootResult>;
}

/**
 * Boots apps/power.ts, or another initrd.
 * @param what the app's argument
 * @param options the machine
 */
export async function startWithButton(
  what: string,
  options: BootOptions = {},
): Promise<ButtonMachine> {
  const initrd = options.initrd ?? (await guestInitrd('power', 'apps/power.ts'));
  const folder = mkdtempSync(path.join(tmpdir(), 'runtimejs-power-'));
  const socket = path.join(folder, 'qmp');
  const machine = await startMachine({
    timeoutMilliseconds: patience,
    ...options,
    initrd,
    append: `log=info ${options.append ?? ''} -- ${what}`,
    extraArguments: [...controlArguments(socket), ...(options.extraArguments ?? [])],
  });
  const end = machine.end.finally(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    machine,
    end: () => end,
    press: async () => {
      await controlMachine(socket, 'system_powerdown');
    },
    seen: (pattern) => printed(machine, pattern),
  };
}
