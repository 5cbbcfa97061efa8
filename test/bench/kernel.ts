// What the kernel's basic services cost beside Linux in the same machine, and what a second processor brings:
// `npm run bench:kernel`.
//
// Boots of both systems alternate, so that other load meets both alike. Of a figure's samples in a boot the best
// tenth counts, as the rest waited for the host; a figure is the median of that over the boots.
//
// The gain of a second processor is given twice: by the clock, the best round of each, and by processor time: what the
// one virtual processor used, divided by what the busier of the two did. On a host with idle processors both agree.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { ToolError } from '../../lib/cli/src/command.ts';
import { startMachine } from '../../lib/cli/src/machine.ts';
import { buildFolder } from '../../lib/cli/src/paths.ts';
import { step } from '../../lib/cli/src/progress.ts';
import { buildNativeAddon } from '../guest/support/native.ts';
import { systemMachine } from '../guest/support/network.ts';
import { describeHost, load } from './support/host.ts';
import {
  parseSystem,
  parseWhole,
  runProgram,
  type SystemName,
  systemNames,
  systems,
} from './support/program.ts';
import { type Summary, summarise } from './support/statistics.ts';
import { namedThreads, virtualProcessorTimes } from './support/virtual-processors.ts';

interface Options {
  readonly rounds: number;
  readonly processors: number;
  readonly memory: number;
  readonly workers: number;
  readonly figures: boolean;
  readonly system?: SystemName;
  readonly runtime?: string;
  readonly append?: string;
}

/** What Workers took: by the clock, and the processor time of each virtual processor. */
interface WorkersRun {
  readonly milliseconds: number;
  readonly processorTimes: readonly number[];
}

type Report =
  | { readonly event: 'figures'; readonly figures: Readonly<Record<string, readonly number[]>> }
  | { readonly event: 'begin' }
  | { readonly event: 'end'; readonly milliseconds: number };

const machineLimit = 600_000;
/** Best samples of a boot that count. */
const bestPart = 0.1;

/** Boots the app and hands its reports on as they come. */
async function run(
  name: SystemName,
  processors: number,
  workers: number,
  options: Options,
  onReport: (report: Report, pid: number) => void,
): Promise<void> {
  const machine = await systemMachine(
    {
      name: 'bench-kernel',
      entry: '../bench/apps/kernel.ts',
      environment: workers > 0 ? { WORKERS: String(workers) } : {},
      memoryMegabytes: options.memory,
      processors,
      extraArguments: namedThreads,
    },
    name === 'peer',
  );
  let text = '';
  const running = await startMachine({
    ...machine,
    ...(options.runtime && name === 'ours' ? { runtime: options.runtime } : {}),
    ...(options.append && name === 'ours'
      ? { append: `${options.append} ${machine.append ?? ''}` }
      : {}),
    timeoutMilliseconds: machineLimit,
    onOutput: (piece) => {
      text += piece;
      for (;;) {
        const end = text.indexOf('\n');
        if (end < 0) return;
        const line = /^bench: (\{.*\})/.exec(text.slice(0, end))?.[1];
        text = text.slice(end + 1);
        if (line && running.pid) onReport(JSON.parse(line) as Report, running.pid);
      }
    },
  });
  const { code, output, timedOut } = await running.end;
  if (code !== 0) {
    const how = timedOut ? 'did not end' : `ended with code ${code}`;
    throw new ToolError(`${systemNames[name]} ${how}. Its console:\n${output.slice(-3000)}`);
  }
}

/** Nanoseconds by figure: the mean of the best samples. */
async function measureFigures(name: SystemName, options: Options): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  await run(name, options.processors, 0, options, (report) => {
    if (report.event !== 'figures') return;
    for (const [figure, samples] of Object.entries(report.figures)) {
      const best = samples.toSorted((a, b) => a - b).slice(0, Math.ceil(samples.length * bestPart));
      found.set(figure, best.reduce((sum, sample) => sum + sample, 0) / best.length);
    }
  });
  return found;
}

async function measureWorkers(
  name: SystemName,
  processors: number,
  options: Options,
): Promise<WorkersRun> {
  let before: number[] = [];
  let result: WorkersRun | undefined;
  await run(name, processors, options.workers, options, (report, pid) => {
    if (report.event === 'begin') before = virtualProcessorTimes(pid);
    if (report.event !== 'end') return;
    const processorTimes = virtualProcessorTimes(pid).map((time, i) => time - (before[i] ?? 0));
    result = { milliseconds: report.milliseconds, processorTimes };
  });
  if (!result) throw new ToolError(`${systemNames[name]}: the Workers did not end.`);
  return result;
}

const nanoseconds = ({ median, min, max }: Summary) =>
  `${median.toFixed(0)} (${min.toFixed(0)} to ${max.toFixed(0)})`;

function renderTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A figure's rows: ours, the peer's and the ratio. */
function renderFigures(
  all: Record<SystemName, Map<string, number>[]>,
  chosen: readonly SystemName[],
): string {
  const names = [...(all[chosen[0]!][0]?.keys() ?? [])];
  const rows = names.map((figure) => {
    const summaries = chosen.map((name) =>
      summarise(all[name].map((one) => one.get(figure) ?? NaN)),
    );
    const [ours, peer] = summaries;
    const ratio = peer && ours ? (ours.median / peer.median).toFixed(2) : '';
    return [figure, ...summaries.map(nanoseconds), ratio];
  });
  return renderTable([['ns', ...chosen.map((name) => systemNames[name]), 'ratio'], ...rows]);
}

function renderWorkers(
  all: Record<SystemName, Record<1 | 2, WorkersRun[]>>,
  chosen: readonly SystemName[],
): string {
  const rows = chosen.map((name) => {
    const clock = (count: 1 | 2) => Math.min(...all[name][count].map((one) => one.milliseconds));
    const busiest = (count: 1 | 2) =>
      summarise(all[name][count].map(({ processorTimes }) => Math.max(...processorTimes))).median;
    return [
      systemNames[name],
      ...[clock(1).toFixed(0), clock(2).toFixed(0), (clock(1) / clock(2)).toFixed(2)],
      ...[busiest(1).toFixed(0), busiest(2).toFixed(0), (busiest(1) / busiest(2)).toFixed(2)],
    ];
  });
  const heading = ['Workers', 'best, -smp 1, ms', '-smp 2', 'gain'];
  return renderTable([[...heading, 'processor time, -smp 1, ms', 'busier of 2', 'gain'], ...rows]);
}

async function main(options: Options): Promise<void> {
  await buildNativeAddon('microbench');
  const chosen = options.system ? [options.system] : systems;
  const before = load();
  const figures: Record<SystemName, Map<string, number>[]> = { ours: [], peer: [] };
  const workers: Record<SystemName, Record<1 | 2, WorkersRun[]>> = {
    ours: { 1: [], 2: [] },
    peer: { 1: [], 2: [] },
  };
  for (let round = 1; round <= options.rounds; round++) {
    for (const name of options.figures ? chosen : []) {
      const title = `${systemNames[name]}, round ${round}`;
      figures[name].push(await step(title, () => measureFigures(name, options)));
    }
    for (const name of options.workers > 0 ? chosen : []) {
      for (const count of [1, 2] as const) {
        const title = `${systemNames[name]}, ${options.workers} Workers, -smp ${count}, round ${round}`;
        workers[name][count].push(await step(title, () => measureWorkers(name, count, options)));
      }
    }
  }
  const host = await describeHost();
  const loads = { before, after: load() };
  const folder = path.join(buildFolder, 'bench');
  await mkdir(folder, { recursive: true });
  const found = { date: new Date().toISOString(), host, options, load: loads, workers };
  const entries = Object.entries(figures).map(([name, maps]) => [
    name,
    maps.map(Object.fromEntries),
  ]);
  const report = { ...found, figures: Object.fromEntries(entries) };
  await writeFile(path.join(folder, 'kernel.json'), `${JSON.stringify(report, null, 2)}\n`);
  if (options.figures) console.log(`\n${renderFigures(figures, chosen)}`);
  if (options.workers > 0) console.log(`\n${renderWorkers(workers, chosen)}`);
  console.log(
    `\nMedians of ${options.rounds} alternating boots (least to greatest), of the best tenth of the samples of ` +
      `each; -smp ${options.processors}, ${options.memory} MiB. Load average ${before.toFixed(1)} before, ` +
      `${loads.after.toFixed(1)} after.\n${host.emulator}, ${host.processors} processors ` +
      `(${host.processor}), ${host.system}.`,
  );
}

const program = new Command()
  .name('npm run bench:kernel --')
  .description(
    'measure context switches, wake-ups, page faults, calls, threads and Workers, ours and Linux',
  )
  .option('--rounds <number>', 'boots of each system', parseWhole, 5)
  .option('--processors <number>', 'processors for the microbenchmarks', parseWhole, 2)
  .option('--workers <number>', 'Workers that compute, with one and two processors', parseWhole, 2)
  .option('--memory <MiB>', 'memory of the machine', parseWhole, 768)
  .option('--system <name>', 'measure only ours, or only the peer', parseSystem)
  .option('--runtime <file>', 'another kernel than dist/runtime')
  .option('--append <words>', "options for our kernel's command line, such as idle=halt")
  .option('--no-workers', 'leave the Workers out')
  .option('--no-figures', 'leave all but the Workers out')
  .action((options: Omit<Options, 'workers'> & { readonly workers: number | false }) =>
    main({ ...options, workers: options.workers || 0 }),
  );

await runProgram(program);
