// Requests per second of a bare app while one of its isolates misbehaves, beside those without:
// `npm run bench:beside`.
//
// One machine. What misbehaves ends and is started again all the time. Each round has a run without it and one of each
// kind; a figure is the median over rounds of the ratio to the round's run without.
import path from 'node:path';
import { Command } from 'commander';
import { execa } from 'execa';
import { buildInitrd } from '../../lib/cli/src/bundle.ts';
import { startMachine } from '../../lib/cli/src/machine.ts';
import { buildFolder, inRepository } from '../../lib/cli/src/paths.ts';
import { step } from '../../lib/cli/src/progress.ts';
import { printed } from '../guest/support/console.ts';
import { freePort } from '../guest/support/free-port.ts';
import { runWrk } from './load/wrk.ts';
import { describeHost, load } from './support/host.ts';
import { parseWhole, runProgram } from './support/program.ts';
import { summarise } from './support/statistics.ts';

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUp: number;
  readonly processors: number;
}

const kinds = ['heap', 'loop', 'recursion', 'flood', 'full'] as const;
const machineLimit = 1_800_000;

async function main({ rounds, seconds, warmUp, processors }: Options): Promise<void> {
  const before = load();
  const outFile = path.join(buildFolder, 'bench', 'beside', 'initrd');
  await buildInitrd({ entry: inRepository('test/bench/apps/isolates/beside.ts'), outFile });
  const port = await freePort();
  const machine = await startMachine({
    initrd: outFile,
    memoryMegabytes: 512,
    processors,
    append: 'log=info',
    timeoutMilliseconds: machineLimit,
    network: { forward: [{ protocol: 'tcp', address: '127.0.0.1', host: port, guest: 8080 }] },
  });
  const base = `http://127.0.0.1:${port}`;
  const run = async (program: string, parameters: readonly string[]): Promise<string> =>
    (await execa(program, parameters)).stdout;
  const measure = async (kind: string, length = seconds): Promise<[number, number, number]> => {
    await fetch(`${base}/misbehave?kind=${kind}`);
    const measured = await runWrk({ run }, { url: `${base}/`, connections: 16, seconds: length });
    const restarts = await fetch(`${base}/misbehave?kind=none`);
    return [measured.requestsPerSecond, measured.errors, Number(await restarts.text())];
  };
  try {
    await printed(machine, /Listening on port 8080:[\s\S]*10\.0\.2\.15/);
    await step('warming up', () => measure('none', warmUp));
    const ratios = new Map<string, number[]>(kinds.map((kind) => [kind, []]));
    const alone: number[] = [];
    let errors = 0;
    const restarts = new Map<string, number>();
    for (let round = 1; round <= rounds; round++) {
      const [none, lost] = await step(`round ${round}: none`, () => measure('none'));
      alone.push(none);
      errors += lost;
      for (const kind of kinds) {
        const [rate, failed, count] = await step(`round ${round}: ${kind}`, () => measure(kind));
        ratios.get(kind)?.push(rate / none);
        errors += failed;
        restarts.set(kind, (restarts.get(kind) ?? 0) + count);
      }
    }
    console.log(`alone: ${summarise(alone).median.toFixed(0)} requests per second`);
    for (const [kind, values] of ratios) {
      const { median, min, max } = summarise(values);
      const range = `${min.toFixed(2)} to ${max.toFixed(2)}`;
      console.log(
        `  beside ${kind}: ${median.toFixed(2)} (${range}), ${restarts.get(kind)} restarts`,
      );
    }
    console.log(`${errors} requests failed`);
    const { processor, processors: count, emulator } = await describeHost();
    console.log(`${processor}, ${count} processors, ${emulator}, load ${before} to ${load()}`);
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
    .action(main),
);
