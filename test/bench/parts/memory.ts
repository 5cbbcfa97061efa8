// How little memory is enough to serve, and what an idle machine takes of the host.
import { setTimeout as sleep } from 'node:timers/promises';
import { ToolError } from '../../../lib/cli/src/command.ts';
import { step } from '../../../lib/cli/src/progress.ts';
import { smallestMemory } from '../support/memory.ts';
import { residentMegabytes } from '../support/processor-time.ts';
import type { Measure } from '../support/recorder.ts';
import { type Stage, titles } from '../support/subjects.ts';
import { type Bench, type Part, takeTurns, withStages } from './part.ts';

const base = { part: 'memory', group: '', unit: 'MiB', better: 'less' } as const;
const idle: Measure = { ...base, title: 'resident memory of the process, idle' };
const smallest: Measure = { ...base, title: 'smallest memory that serves' };

/** How long a server has nothing to do before it counts as idle, in ms. */
const settling = 3000;
/** Answers that a machine has to give. */
const requests = 100;
/** A machine that has not answered by then has too little memory to get anywhere, in ms. */
const patience = 45_000;

async function serves(stage: Stage, bench: Bench, megabytes: number): Promise<boolean> {
  const machine = { app: 'hello', processors: 1, memoryMegabytes: megabytes } as const;
  const subject = await stage.start({ ...machine, against: bench.options.against });
  try {
    const late = sleep(patience, 'late', { ref: false });
    const answer = await Promise.race([subject.firstAnswer().catch(() => 'late'), late]);
    if (answer === 'late') return false;
    return (await subject.load('serve', { requests })) === requests;
  } catch {
    return false;
  } finally {
    await subject.end();
  }
}

async function searchSmallest(stages: readonly Stage[], bench: Bench): Promise<void> {
  const { memory, memoryStep, rounds } = bench.options;
  for (const stage of stages) {
    if (stage.system === 'host') continue;
    const title = `Searching the smallest memory, ${titles[stage.system]}`;
    const found = await step(title, (report) =>
      smallestMemory({
        largest: memory,
        step: memoryStep,
        tries: Math.min(2, rounds),
        boot: (megabytes) => {
          report.detail(`${megabytes} MiB`);
          return serves(stage, bench, megabytes);
        },
      }),
    );
    if (found.smallest === undefined) {
      throw new ToolError(`${titles[stage.system]} did not serve with ${memory} MiB.`);
    }
    bench.recorder.record(smallest, stage.system, found.smallest);
  }
}

export const memory: Part = {
  name: 'memory',
  description: 'the smallest memory that serves, and what an idle machine takes of the host',
  without: [],
  async run(bench) {
    const { options, recorder } = bench;
    const { against, rounds } = options;
    const machine = { app: 'hello', processors: 1, memoryMegabytes: options.memory } as const;
    await withStages(bench.systems, async (stages) => {
      const turns = { from: 1, to: rounds };
      await takeTurns('Measuring idle machines', stages, turns, async (stage) => {
        const subject = await stage.start({ ...machine, against });
        try {
          await subject.firstAnswer();
          await sleep(settling);
          recorder.record(idle, stage.system, await residentMegabytes(subject.pid));
        } finally {
          await subject.end();
        }
      });
      await searchSmallest(stages, bench);
    });
  },
};
