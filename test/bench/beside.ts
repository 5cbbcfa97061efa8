// Requests per second of a bare app while one of its isolates misbehaves, beside those without:
// `npm run bench:beside`.
//
// One machine. What misbehaves ends and is started again at once, all the time (`--policy storm`), or as supervisors do
// unless they are told otherwise (`usual`), only that they never give up. Each run has one without before and one after
// it; a figure is the median over rounds of the ratio to their mean. Requests are counted in each second, and in each
// second of the virtual processor that was busiest: on a host with other load QEMU gets less for its second thread.
import path from 'node:path';
import { Command, Option } from 'commander';
import { execa } from 'execa';
import { buildInitrd } from '../../lib/cli/src/bundle.ts';
import { startMachine } from '../../lib/cli/src/machine.ts';
import { buildFolder, inRepository } from '../../lib/cli/src/paths.ts';
import { step } from '../../lib/cli/src/progress.ts';
import { printed } from '../guest/support/console.ts';
import { freePort } from '../guest/support/free-port.ts';
import { runWrk } from './load/wrk.ts';
import { describeHost, load } from './support/host.ts';
import { namedThreads, virtualProcessorTimes } from './support/processor-time.ts';
import { parseWhole, runProgram } from './support/program.ts';
import { summarise } from './support/statistics.ts';

const allKinds = ['heap', 'loop', 'recursion', 'flood', 'full'] as const;
type Kind = (typeof allKinds)[number];

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUp: number;
  readonly processors: number;
  readonly policy: 'storm' | 'usual';
  readonly kinds: readonly Kind[];
}

interface Measured {
  /** Requests per second, and per second of the busiest virtual processor. */
  readonly rates: readonly [number, number];
  readonly errors: number;
  readonly restarts: number;
}

const machineLimit = 1_800_000;

async function main(options: Options): Promise<void> {
  const { rounds, seconds, warmUp, processors, policy, kinds } = options;
  const loadBefore = load();
  const outFile = path.join(buildFolder, 'bench', 'beside', 'initrd');
  await buildInitrd({ entry: inRepository('test/bench/apps/isolates/beside.ts'), outFile });
  const port = await freePort();
  const machine = await startMachine({
    initrd: outFile,
    memoryMegabytes: 512,
    processors,
    append: 'log=info',
    extraArguments: namedThreads,
    timeoutMilliseconds: machineLimit,
    network: { forward: [{ protocol: 'tcp', address: '127.0.0.1', host: port, guest: 8080 }] },
  });
  const base = `http://127.0.0.1:${port}`;
  const run = async (program: string, parameters: readonly string[]): Promise<string> =>
    (await execa(program, parameters)).stdout;
  const measure = async (kind: string, length = seconds): Promise<Measured> => {
    await fetch(`${base}/misbehave?kind=${kind}&policy=${policy}`);
    const before = virtualProcessorTimes(machine.pid as number);
    const measured = await runWrk({ run }, { url: `${base}/`, connections: 16, seconds: length });
    const after = virtualProcessorTimes(machine.pid as number);
    const restarts = await fetch(`${base}/misbehave?kind=none`);
    const busiest = Math.max(...after.map((time, index) => time - (before[index] as number)));
    return {
      rates: [measured.requestsPerSecond, measured.requests / (busiest / 1000)],
      errors: measured.errors,
      restarts: Number(await restarts.text()),
    };
  };
  try {
    await printed(machine, /Listening on port 8080:[\s\S]*10\.0\.2\.15/);
    await step('warming up', () => measure('none', warmUp));
    const ratios = new Map(kinds.map((kind) => [kind, [[], []] as [number[], number[]]]));
    const alone: number[] = [];
    let errors = 0;
    const restarts = new Map<string, number>();
    const measureAlone = async (): Promise<Measured['rates']> => {
      const measured = await measure('none');
      alone.push(measured.rates[0]);
      errors += measured.errors;
      return measured.rates;
    };
    let before = await step('alone', measureAlone);
    for (let round = 1; round <= rounds; round++) {
      for (const kind of kinds) {
        await step(`round ${round}: ${kind}`, async () => {
          const measured = await measure(kind);
          const after = await measureAlone();
          for (const index of [0, 1] as const) {
            const ratio = (2 * measured.rates[index]) / (before[index] + after[index]);
            ratios.get(kind)?.[index].push(ratio);
          }
          before = after;
          errors += measured.errors;
          restarts.set(kind, (restarts.get(kind) ?? 0) + measured.restarts);
        });
      }
    }
    console.log(
      `alone: ${summarise(alone).median.toFixed(0)} requests per second; restarts: ${policy}`,
    );
    for (const [kind, values] of ratios) {
      const [inTime, inWork] = values.map((each) => {
        const { median, min, max } = summarise(each);
        return `${median.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})`;
      });
      const text = `${inTime}, by processor time ${inWork}, ${restarts.get(kind)} restarts`;
      console.log(`  beside ${kind}: ${text}`);
    }
    console.log(`${errors} requests failed`);
    const { processor, processors: count, emulator } = await describeHost();
    console.log(`${processor}, ${count} processors, ${emulator}, load ${loadBefore} to ${load()}`);
  } finally {
    machine.kill();
  }
}

await runProgram(
  new Command('bench:beside')
    .description('measures a bare app while its isolates misbehave')
    .option('--rounds <n>', 'rounds', parseWhole, 5)
    .option('--seconds <n>', 'of each run', parseWhole, 5)
    .option(
      '--warm-up <n>',
      'seconds of load before, until V8 has compiled what it will',
      parseWhole,
      60,
    )
    .option('--processors <n>', 'of the machine', parseWhole, 2)
    .addOption(
      new Option('--policy <name>', 'how often it is started again')
        .choices(['storm', 'usual'])
        .default('storm'),
    )
    .addOption(
      new Option('--kinds <names...>', 'what goes wrong').choices(allKinds).default(allKinds),
    )
    .action(main),
);
