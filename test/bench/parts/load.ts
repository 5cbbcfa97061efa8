// Parts that load systems that run: all are booted, warmed up, and then take turns under load.
import type { Measure } from '../support/recorder.ts';
import type { Subject, SystemName } from '../support/subjects.ts';
import { type Bench, processorsGroup, takeTurns, withSubjects } from './part.ts';

/** A figure of a load. */
export type Figure = Pick<Measure, 'unit' | 'better'> & {
  /** Added to the load's title, such as `p99`. */
  readonly suffix?: string;
  /** Goals hold with one processor, as the requirement has it. */
  readonly goal?: NonNullable<Measure['goal']>;
};

/** A load, and what is measured of it. */
export interface LoadKind<Key extends string = string> {
  readonly title: string;
  readonly figures: Readonly<Record<Key, Figure>>;
  /** Systems that do not know it. */
  readonly without?: readonly SystemName[];
  /**
   * Loads a system.
   * @param seconds how long
   * @returns a value for each figure
   */
  run(subject: Subject, seconds: number): Promise<Readonly<Record<NoInfer<Key>, number>>>;
}

/** Tells the compiler that the figures and the values of a load have the same keys. */
export function loadKind<Key extends string>(kind: LoadKind<Key>): LoadKind {
  return kind;
}

function measureOf(part: string, count: number, kind: LoadKind, figure: Figure): Measure {
  const { suffix, unit, better, goal } = figure;
  return {
    part,
    group: processorsGroup(count),
    title: suffix === undefined ? kind.title : `${kind.title}, ${suffix}`,
    unit,
    better,
    ...(goal && count === 1 ? { goal } : {}),
  };
}

/** Measures loads with each number of processors. */
export async function measureLoads(
  bench: Bench,
  part: string,
  kinds: readonly LoadKind[],
  processors: readonly number[] = bench.options.processors,
): Promise<void> {
  const { rounds, seconds, warmUp, memory } = bench.options;
  for (const count of processors) {
    const machine = { app: 'servers', processors: count, memoryMegabytes: memory } as const;
    await withSubjects(bench, machine, async (all) => {
      for (const kind of kinds) {
        const subjects = all.filter(({ system }) => !kind.without?.includes(system));
        const title = `${kind.title}, ${processorsGroup(count)}`;
        await takeTurns(title, subjects, { from: 0, to: rounds }, async (subject, round) => {
          const found = await kind.run(subject, round < 1 ? warmUp : seconds);
          if (round < 1) return;
          for (const [key, figure] of Object.entries(kind.figures)) {
            const measure = measureOf(part, count, kind, figure);
            bench.recorder.record(measure, subject.system, found[key] ?? Number.NaN);
          }
        });
      }
    });
  }
}
