// What the parts of `npm run bench` have in common.
import { step } from '../../../lib/cli/src/progress.ts';
import type { Recorder } from '../support/recorder.ts';
import {
  Stage,
  type Subject,
  type SubjectOptions,
  type SystemName,
  titles,
} from '../support/subjects.ts';

/** How to measure: from the command line. */
export interface BenchOptions {
  /** How often each system is measured. */
  readonly rounds: number;
  /** Seconds of load before the first round. */
  readonly warmUp: number;
  /** Seconds of load that count, for each figure and round. */
  readonly seconds: number;
  /** Processors of the machines: what loads them is repeated with each number. */
  readonly processors: readonly number[];
  /** Connections of the hello over HTTP. */
  readonly connections: readonly number[];
  /** Memory of the machines, in MiB. */
  readonly memory: number;
  /** Sizes of bulk streams, in MB (10^6 bytes). */
  readonly megabytes: number;
  /** The most machines that are started at once. */
  readonly machines: number;
  /** Isolates in a machine, and five times as many as Workers. */
  readonly isolates: number;
  /** Steps of the search for the least memory, in MiB. */
  readonly memoryStep: number;
  /** The runtime of the system `other`. */
  readonly against?: string | undefined;
}

/** What a part works with. */
export interface Bench {
  readonly options: BenchOptions;
  /** Ours and the chosen peers that this part can measure, in the order in which they take turns. */
  readonly systems: readonly SystemName[];
  readonly recorder: Recorder;
}

/** A part of the benchmark. */
export interface Part {
  readonly name: string;
  /** One line for --help. */
  readonly description: string;
  /** Systems that it cannot measure. */
  readonly without: readonly SystemName[];
  /** Measures, and hands what it finds to the recorder. */
  run(bench: Bench): Promise<void>;
}

/** Words for a number of processors. */
export function processorsGroup(count: number): string {
  return count === 1 ? '1 processor' : `${count} processors`;
}

/** Makes the networks of all systems, and removes them in the end. */
export async function withStages<Result>(
  systems: readonly SystemName[],
  work: (stages: readonly Stage[]) => Promise<Result>,
): Promise<Result> {
  const stages: Stage[] = [];
  try {
    for (const system of systems) stages.push(await Stage.create(system));
    return await work(stages);
  } finally {
    for (const stage of stages) await stage.remove();
  }
}

/** Starts all systems, waits until each answers, and ends them afterwards. */
export async function withSubjects<Result>(
  bench: Bench,
  options: SubjectOptions | ((system: SystemName) => SubjectOptions),
  work: (subjects: readonly Subject[]) => Promise<Result>,
): Promise<Result> {
  return withStages(bench.systems, async (stages) => {
    const subjects: Subject[] = [];
    try {
      for (const stage of stages) {
        await step(`Booting ${titles[stage.system]}`, async () => {
          const given = typeof options === 'function' ? options(stage.system) : options;
          const subject = await stage.start({ ...given, against: bench.options.against });
          subjects.push(subject);
          await subject.firstAnswer();
        });
      }
      return await work(subjects);
    } finally {
      for (const subject of subjects) await subject.end();
    }
  });
}

/**
 * Lets the systems take turns: A B A B.
 * @param title of what is measured
 * @param rounds how often each has its turn; those that are not positive are the warm-up
 * @param work one turn
 */
export async function takeTurns<Item extends { readonly system: SystemName }>(
  title: string,
  items: readonly Item[],
  rounds: { readonly from: number; readonly to: number },
  work: (item: Item, round: number) => Promise<void>,
): Promise<void> {
  await step(title, async (report) => {
    for (let round = rounds.from; round <= rounds.to; round++) {
      for (const item of items) {
        const which = round < 1 ? 'warm-up' : `round ${round} of ${rounds.to}`;
        report.detail(`${which}, ${titles[item.system]}`);
        await work(item, round);
      }
    }
  });
}
