// Collects what is measured, by measure and system.
import { type Summary, summarise } from './statistics.ts';
import { type SystemName, systemNames } from './subjects.ts';

/** What a goal asks of the ratio, ours divided by the slim peer's: at most, or at least that. */
export type Goal = { readonly atMost: number } | { readonly atLeast: number };

/** Something that is measured. */
export interface Measure {
  /** What it is part of, such as `http`. */
  readonly part: string;
  /** Under which conditions, such as `2 processors`; empty when there is one kind only. */
  readonly group: string;
  /** What it is, such as `hello, 16 connections`. */
  readonly title: string;
  /** Of its figures, such as `requests/s`. */
  readonly unit: string;
  readonly better: 'more' | 'less';
  readonly goal?: Goal;
}

/** What was found of a measure. */
export interface Row {
  readonly measure: Measure;
  readonly systems: Partial<Readonly<Record<SystemName, Summary>>>;
  /** Ours divided by each peer's, round by round. */
  readonly ratios: Partial<Readonly<Record<SystemName, Summary>>>;
  /** Whether the goal is reached; undefined without one, or without the slim peer. */
  readonly reached?: boolean;
}

/** The system that goals are about. */
const goalPeer: SystemName = 'slim';

/** Says whether a ratio reaches a goal. */
export function reaches(ratio: number, goal: Goal): boolean {
  return 'atMost' in goal ? ratio <= goal.atMost : ratio >= goal.atLeast;
}

function rowOf(measure: Measure, samples: ReadonlyMap<SystemName, readonly number[]>): Row {
  const systems: Partial<Record<SystemName, Summary>> = {};
  const ratios: Partial<Record<SystemName, Summary>> = {};
  const ours = samples.get('ours') ?? [];
  // In the order of the names, whichever was measured first.
  for (const system of systemNames) {
    const found = samples.get(system);
    if (found === undefined) continue;
    systems[system] = summarise(found);
    // Where somebody measured zero there is no ratio.
    const pairs = found.slice(0, ours.length).map((peer, round) => (ours[round] ?? NaN) / peer);
    if (system !== 'ours' && pairs.length > 0 && pairs.every(Number.isFinite)) {
      ratios[system] = summarise(pairs);
    }
  }
  const ratio = ratios[goalPeer];
  if (!measure.goal || !ratio) return { measure, systems, ratios };
  return { measure, systems, ratios, reached: reaches(ratio.median, measure.goal) };
}

/** Samples of all measures, in the order in which they first came. */
export class Recorder {
  readonly #entries = new Map<
    string,
    { readonly measure: Measure; readonly samples: Map<SystemName, number[]> }
  >();

  /**
   * Takes a sample. A system's samples of one measure come round by round.
   * @throws RangeError when it is no number: something was not measured
   */
  record(measure: Measure, system: SystemName, value: number): void {
    const { part, group, title, unit } = measure;
    if (!Number.isFinite(value)) {
      throw new RangeError(`${part}, ${title}: ${system} gave ${value} ${unit}.`);
    }
    const key = JSON.stringify([part, group, title, unit]);
    const entry = this.#entries.get(key) ?? { measure, samples: new Map() };
    this.#entries.set(key, entry);
    entry.samples.set(system, [...(entry.samples.get(system) ?? []), value]);
  }

  /** What was found so far. */
  rows(): Row[] {
    return [...this.#entries.values()].map(({ measure, samples }) => rowOf(measure, samples));
  }
}
