// What an isolate takes beside a Worker of Node in the same kind of machine: time to start, memory, and messages:
// `npm run bench:isolates`.
//
// Isolates and Workers are started one after the other and stay; each says that it runs. Memory is what the machine
// has less afterwards, by their number. Messages go there and back one at a time. Boots of both alternate; a figure is
// the median over boots.
import { Command } from 'commander';
import { step } from '../../lib/cli/src/progress.ts';
import { describeHost, load } from './support/host.ts';
import {
  type CrowdFigures,
  type CrowdOptions,
  type Kind,
  measureIsolates,
  measureWorkers,
} from './support/isolates.ts';
import { parseWhole, runProgram } from './support/program.ts';
import { summarise } from './support/statistics.ts';

interface Options extends CrowdOptions {
  readonly rounds: number;
}

function render(kind: Kind, all: readonly CrowdFigures[]): string {
  const figure = (pick: (of: CrowdFigures) => number, digits: number): string => {
    const { median, min, max } = summarise(all.map(pick));
    return `${median.toFixed(digits)} (${min.toFixed(digits)} to ${max.toFixed(digits)})`;
  };
  const medianStart = ({ starts }: CrowdFigures): number => summarise(starts).median;
  return [
    `${kind}, ${all[0]?.starts.length} of them in ${all.length} boots`,
    `  start, ms: ${figure(medianStart, 2)}`,
    `  memory of each, KiB: ${figure(({ bytes }) => bytes / 1024, 0)}`,
    `  there and back, µs: a byte ${figure(({ trips }) => trips[0], 1)}`,
    `    a KiB ${figure(({ trips }) => trips[1], 1)}`,
    `    16 MiB that move ${figure(({ trips }) => trips[2], 1)}`,
  ].join('\n');
}

async function main(options: Options): Promise<void> {
  const before = load();
  const all: Record<Kind, CrowdFigures[]> = { isolates: [], Workers: [] };
  for (let round = 1; round <= options.rounds; round++) {
    all.isolates.push(await step(`isolates, round ${round}`, () => measureIsolates(options)));
    all.Workers.push(await step(`Workers, round ${round}`, () => measureWorkers(options)));
  }
  console.log(render('isolates', all.isolates));
  console.log(render('Workers', all.Workers));
  const { processor, processors, emulator } = await describeHost();
  console.log(`${processor}, ${processors} processors, ${emulator}, load ${before} to ${load()}`);
}

await runProgram(
  new Command('bench:isolates')
    .description('measures isolates beside Workers of Node')
    .option('--rounds <n>', 'boots of each', parseWhole, 3)
    .option('--isolates <n>', 'isolates in a machine', parseWhole, 200)
    .option('--workers <n>', 'Workers in a machine', parseWhole, 40)
    .option('--memory <MiB>', 'of the machine', parseWhole, 2048)
    .option('--processors <n>', 'of the machine', parseWhole, 2)
    .action(main),
);
