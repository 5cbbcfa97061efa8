// Waiting for what a machine prints.
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningMachine } from '../../../lib/cli/src/machine.ts';

/** How often the output is looked at, in milliseconds. */
const interval = 50;

/**
 * Waits until a machine has printed something. The machine's own time limit bounds the wait.
 * @throws with the output when the machine ends before
 */
export async function printed(machine: RunningMachine, pattern: RegExp): Promise<void> {
  let hasEnded = false;
  const end = machine.end.finally(() => {
    hasEnded = true;
  });
  while (!pattern.test(machine.output())) {
    if (hasEnded) {
      const { reason, timedOut } = await end;
      const how = timedOut ? 'it was still running at its time limit' : reason;
      throw new Error(`The machine ended (${how}) without ${pattern}:\n${machine.output()}`);
    }
    await sleep(interval);
  }
}
