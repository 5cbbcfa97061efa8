// What an isolate takes beside a Worker of Node in the same kind of machine: time to start, memory, and messages:
// `npm run bench:isolates`.
//
// Isolates and Workers are started one after the other and stay; each says that it runs. Memory is what the machine
// has less afterwards, by their number. Messages go there and back one at a time. Boots of both alternate; a figure is
// the median over boots.
import path from 'node:path';
import { Command } from 'commander';
import { buildInitrd } from '../../lib/cli/src/bundle.ts';
import { ToolError } from '../../lib/cli/src/command.ts';
import { type BootOptions, bootMachine, startMachine } from '../../lib/cli/src/machine.ts';
import { buildFolder, inRepository } from '../../lib/cli/src/paths.ts';
import { step } from '../../lib/cli/src/progress.ts';
import { bundleSystem } from '../../lib/system/bundle.ts';
import { printed } from '../guest/support/console.ts';
import { freePort } from '../guest/support/free-port.ts';
import { describeHost, load } from './support/host.ts';
import { parseWhole, runProgram } from './support/program.ts';
import { summarise } from './support/statistics.ts';

interface Options {
  readonly rounds: number;
  readonly isolates: number;
  readonly workers: number;
  readonly memory: number;
  readonly processors: number;
}

/** What one boot found. */
interface Figures {
  /** Milliseconds of each start. */
  readonly starts: readonly number[];
  /** Bytes of memory of each. */
  readonly bytes: number;
  /** Microseconds there and back: a byte, a KiB, and 16 MiB that move. */
  readonly trips: readonly [number, number, number];
}

const folder = path.join(buildFolder, 'bench', 'isolates');
const machineLimit = 3_600_000;
const entries = { isolates: 'isolates/main.ts', Workers: 'workers.ts' } as const;
type Kind = keyof typeof entries;

/** Boots the bare app, which measures when it is asked. */
async function measureIsolates(options: Options): Promise<Figures> {
  const port = await freePort();
  const machine = await startMachine({
    initrd: await bundle('isolates'),
    ...machineOf(options),
    append: `log=info env.COUNT=${options.isolates}`,
    network: { forward: [{ protocol: 'tcp', address: '127.0.0.1', host: port, guest: 8080 }] },
  });
  try {
    await printed(machine, /Listening on port 8080:[\s\S]*10\.0\.2\.15/);
    await fetch(`http://127.0.0.1:${port}/`);
    await printed(machine, /^bench: .*\n/m);
    return figuresIn(machine.output());
  } finally {
    machine.kill();
  }
}

/** Boots the app in Node, which measures at once. */
async function measureWorkers(options: Options): Promise<Figures> {
  const { output, code, timedOut } = await bootMachine({
    initrd: await bundle('Workers'),
    ...machineOf(options),
    append: `env.COUNT=${options.workers}`,
  });
  if (code !== 0) {
    const how = timedOut ? 'did not end' : `ended with code ${code}`;
    throw new ToolError(`The machine with Workers ${how}. Its console:\n${output.slice(-3000)}`);
  }
  return figuresIn(output);
}

/** What an app has printed. @throws ToolError when it has failed */
function figuresIn(output: string): Figures {
  const found = /^bench: (\{.*\})/m.exec(output)?.[1];
  if (found === undefined) {
    throw new ToolError(`The app found nothing. Its console:\n${output.slice(-3000)}`);
  }
  return JSON.parse(found) as Figures;
}

async function bundle(kind: Kind): Promise<string> {
  const outFile = path.join(folder, kind, 'initrd');
  const system = path.join(folder, 'system.js');
  await bundleSystem(system);
  await buildInitrd({ entry: inRepository('test/bench/apps', entries[kind]), system, outFile });
  return outFile;
}

function machineOf({ memory, processors }: Options): BootOptions {
  return { memoryMegabytes: memory, processors, timeoutMilliseconds: machineLimit };
}

function render(kind: Kind, all: readonly Figures[]): string {
  const figure = (pick: (of: Figures) => number, digits: number): string => {
    const { median, min, max } = summarise(all.map(pick));
    return `${median.toFixed(digits)} (${min.toFixed(digits)} to ${max.toFixed(digits)})`;
  };
  const medianStart = ({ starts }: Figures): number => summarise(starts).median;
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
  const all: Record<Kind, Figures[]> = { isolates: [], Workers: [] };
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
