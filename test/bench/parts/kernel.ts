// What the kernel's basic services cost, and what a second processor brings to Workers that compute.
//
// Of a figure's samples in a boot the best tenth counts, as the rest waited for the host.
import { ToolError } from '../../../lib/cli/src/command.ts';
import { startMachine } from '../../../lib/cli/src/machine.ts';
import { buildNativeAddon } from '../../guest/support/native.ts';
import { systemMachine } from '../../guest/support/systems.ts';
import { namedThreads, virtualProcessorTimes } from '../support/processor-time.ts';
import type { Measure } from '../support/recorder.ts';
import { bareSystems, type SystemName, titles } from '../support/subjects.ts';
import { type Bench, type Part, processorsGroup, takeTurns } from './part.ts';

type Report =
  | { readonly event: 'figures'; readonly figures: Readonly<Record<string, readonly number[]>> }
  | { readonly event: 'begin' }
  | { readonly event: 'end'; readonly milliseconds: number };

const machineLimit = 600_000;
/** Best samples of a boot that count. */
const bestPart = 0.1;
/** Processors for the microbenchmarks: one of them wakes another. */
const figureProcessors = 2;
const workers = 2;

/** Boots the app and hands its reports on as they come. */
async function run(
  bench: Bench,
  system: SystemName,
  processors: number,
  environment: Readonly<Record<string, string>>,
  onReport: (report: Report, pid: number) => void,
): Promise<void> {
  const { against, memory } = bench.options;
  const machine = await systemMachine(
    {
      name: 'bench-kernel',
      entry: '../bench/apps/kernel.ts',
      environment,
      memoryMegabytes: memory,
      processors,
      extraArguments: namedThreads,
    },
    system === 'slim' || system === 'cloud' ? system : 'ours',
  );
  let text = '';
  const running = await startMachine({
    ...machine,
    ...(system === 'other' && against ? { runtime: against } : {}),
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
    throw new ToolError(`${titles[system]} ${how}. Its console:\n${output.slice(-3000)}`);
  }
}

/** The mean of the best samples. */
export function bestMean(samples: readonly number[]): number {
  const best = samples.toSorted((a, b) => a - b).slice(0, Math.ceil(samples.length * bestPart));
  return best.reduce((sum, sample) => sum + sample, 0) / best.length;
}

async function measureServices(bench: Bench, system: SystemName): Promise<void> {
  const group = processorsGroup(figureProcessors);
  await run(bench, system, figureProcessors, {}, (report) => {
    if (report.event !== 'figures') return;
    for (const [title, samples] of Object.entries(report.figures)) {
      const measure: Measure = { part: 'kernel', group, title, unit: 'ns', better: 'less' };
      bench.recorder.record(measure, system, bestMean(samples));
    }
  });
}

/** What Workers took: by the clock, and the processor time of the busiest virtual processor, in ms. */
interface WorkersRun {
  readonly clock: number;
  readonly busiest: number;
}

async function measureWorkers(
  bench: Bench,
  system: SystemName,
  processors: number,
): Promise<WorkersRun> {
  let before: number[] = [];
  let result: WorkersRun | undefined;
  const environment = { WORKERS: String(workers) };
  await run(bench, system, processors, environment, (report, pid) => {
    if (report.event === 'begin') before = virtualProcessorTimes(pid);
    if (report.event !== 'end') return;
    const used = virtualProcessorTimes(pid).map((time, index) => time - (before[index] ?? 0));
    result = { clock: report.milliseconds, busiest: Math.max(...used) };
  });
  if (!result) throw new ToolError(`${titles[system]}: the Workers did not end.`);
  return result;
}

const gain = { part: 'kernel', group: '', unit: 'times', better: 'more' } as const;
const gainByClock: Measure = {
  ...gain,
  title: `second processor for ${workers} Workers, by the clock`,
};
/** The same as by the clock where the host has idle processors; elsewhere this one holds. */
const gainByProcessor: Measure = {
  ...gain,
  title: `second processor for ${workers} Workers, by processor time`,
};

export const kernel: Part = {
  name: 'kernel',
  description:
    'context switch, wake-up, page fault, system call, thread, and what a second processor brings',
  without: ['host', ...bareSystems],
  async run(bench) {
    await buildNativeAddon('microbench');
    const items = bench.systems.map((system) => ({ system }));
    const turns = { from: 1, to: bench.options.rounds };
    await takeTurns("The kernel's services", items, turns, ({ system }) =>
      measureServices(bench, system),
    );
    await takeTurns('A second processor', items, turns, async ({ system }) => {
      const one = await measureWorkers(bench, system, 1);
      const two = await measureWorkers(bench, system, 2);
      bench.recorder.record(gainByClock, system, one.clock / two.clock);
      bench.recorder.record(gainByProcessor, system, one.busiest / two.busiest);
    });
  },
};
