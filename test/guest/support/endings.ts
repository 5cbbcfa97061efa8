// Boots small apps and checks how their machines end.
import type { ExecutionContext } from 'ava';
import type { InitrdOptions } from '../../../lib/cli/src/bundle.ts';
import type { BootOptions, BootResult } from '../../../lib/cli/src/machine.ts';
import { boot, guestInitrd, tail } from './guest.ts';

/** A small app of test/guest. */
export interface App extends Partial<InitrdOptions> {
  /** Name of its build directory. */
  readonly name: string;
  /** Path of its entry module below test/guest. */
  readonly entry: string;
}

/** Bundles an app, unless it is current, and boots it. */
export async function bootApp(app: App, options: BootOptions = {}): Promise<BootResult> {
  const { name, entry, ...bundling } = app;
  return boot(await guestInitrd(name, entry, bundling), options);
}

/**
 * Checks an end: by itself, with the code, with the output, and without a kernel panic.
 *
 * @param t the test
 * @param result how the machine ended
 * @param code the exit code that has to reach the host
 * @param patterns what has to be on the console
 */
export function expectEnd(
  t: ExecutionContext,
  result: BootResult,
  code: number,
  patterns: readonly RegExp[] = [],
): void {
  const missing = patterns.filter((pattern) => !pattern.test(result.output));
  const panicked = /kernel panic/.test(result.output);
  if (result.timedOut || result.code !== code || missing.length > 0 || panicked)
    t.log(tail(result));
  t.false(result.timedOut, 'the machine hangs');
  t.is(result.code, code);
  t.deepEqual(missing, [], 'not on the console');
  t.false(panicked, 'the kernel panicked');
}

/** The value of a line "platform: NAME JSON". */
export function reported(output: string, name: string): unknown {
  const text = new RegExp(`platform: ${name} (\\S.*?)\\r?$`, 'm').exec(output)?.[1];
  return text === undefined ? undefined : JSON.parse(text);
}
