// Torments the scheduler, futexes, signals, timers and the address space on several CPUs at once:
// `npm run torture -- --seconds 600`. What goes wrong ends it with a line that names the activity.
import { pathToFileURL } from 'node:url';
import { Command } from 'commander';
import { bootMachine } from '../../lib/cli/src/machine.ts';
import { parseWhole, runProgram } from '../bench/support/program.ts';
import { checkedRuntime } from './support/checked.ts';
import { guestInitrd, runOnHost, tail } from './support/guest.ts';
import { buildNativeAddon } from './support/native.ts';
import { systemMachine } from './support/systems.ts';

/** How to run the torture. */
export interface TortureOptions {
  readonly seconds: number;
  readonly processors: number;
  /** What random decisions come from; threads still meet as they will. */
  readonly seed: number;
  /** An activity that makes no step for so many seconds hangs. */
  readonly stall: number;
  /** One activity alone. */
  readonly only?: string;
  /** A kernel other than dist/runtime. */
  readonly runtime?: string;
  /** With a kernel that panics when it takes locks in a wrong order. */
  readonly lockChecks?: boolean;
  /** On this Linux instead: the torture itself has to be right. */
  readonly host?: boolean;
  /** On Debian's cloud kernel in the same machine. */
  readonly peer?: boolean;
  /** Called with the console's output as it comes. */
  readonly onOutput?: (text: string) => void;
}

/** How a run ended. */
export interface TortureResult {
  readonly passed: boolean;
  /** Steps by activity, when it passed. */
  readonly steps: Readonly<Record<string, number>>;
  /** The console's end. */
  readonly report: string;
}

const app = { name: 'torture', entry: 'apps/torture.ts' } as const;

/** Booting, and ending after the last report, on a busy machine. */
const spareSeconds = 240;

/** Boots the torture and waits for its end. */
export async function runTorture(options: TortureOptions): Promise<TortureResult> {
  const { seconds, processors, seed, stall, only = '', onOutput } = options;
  await buildNativeAddon('torture');
  const words = [String(seconds), String(seed), String(stall), only];
  let output: string;
  let report: string;
  if (options.host) {
    const result = await runOnHost(await guestInitrd(app.name, app.entry), words);
    output = result.output;
    report = output + result.errors;
  } else {
    const machine = await systemMachine(
      { ...app, environment: { TORTURE: words.join(',') }, processors, memoryMegabytes: 1024 },
      options.peer === true ? 'cloud' : 'ours',
    );
    const runtime = options.lockChecks ? await checkedRuntime() : options.runtime;
    const result = await bootMachine({
      ...machine,
      timeoutMilliseconds: (seconds + stall + spareSeconds) * 1000,
      ...(runtime ? { runtime } : {}),
      ...(onOutput ? { onOutput } : {}),
    });
    output = result.output;
    report = tail(result);
  }
  const steps = Object.fromEntries(
    [...output.matchAll(/^torture: ([a-z-]+) (\d+)\r?$/gm)].map(([, name, count]) => [
      name,
      Number(count),
    ]),
  );
  return { passed: /^torture: passed\r?$/m.test(output), steps, report };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const program = new Command()
    .name('npm run torture --')
    .description('torment scheduler, futexes, signals, timers and address space on several CPUs')
    .option('--seconds <number>', 'how long', parseWhole, 60)
    .option('--processors <number>', 'processors of the machine', parseWhole, 4)
    .option(
      '--seed <number>',
      'seed of the random decisions, by default another each time',
      parseWhole,
    )
    .option('--stall <seconds>', 'an activity without a step for so long hangs', parseWhole, 60)
    .option('--only <activity>', 'one activity alone')
    .option('--runtime <file>', 'another kernel than dist/runtime')
    .option('--lock-checks', 'with a kernel that panics when it takes locks in a wrong order')
    .option('--peer', "on Debian's cloud kernel in the same machine instead")
    .option('--host', 'on this Linux instead, to try the torture itself')
    .action(async (options: Omit<TortureOptions, 'seed'> & { readonly seed?: number }) => {
      const seed = options.seed ?? Date.now() % 1_000_000;
      console.log(
        `${options.seconds} s, ${options.host ? 'on this Linux' : `${options.processors} CPUs`}, ` +
          `seed ${seed}`,
      );
      const { passed, steps, report } = await runTorture({
        ...options,
        seed,
        onOutput: (text) => process.stdout.write(text),
      });
      if (options.host || !passed) console.log(report);
      console.log(passed ? `passed: ${JSON.stringify(steps)}` : `FAILED, with seed ${seed}`);
      process.exitCode = passed ? 0 : 1;
    });
  await runProgram(program);
}
