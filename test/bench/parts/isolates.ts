// Isolates beside Workers of Node, in machines of ours: what each takes, and how fast messages go there and back.
import { type CrowdFigures, measureIsolates, measureWorkers } from '../support/isolates.ts';
import type { Measure } from '../support/recorder.ts';
import { summarise } from '../support/statistics.ts';
import { type Part, processorsGroup, takeTurns } from './part.ts';

/** One of them wakes the other. */
const processors = 2;
/** Workers take much of it. */
const memory = 2048;
/** As many as fit. */
const mostWorkers = 40;

const kinds = [
  { what: 'isolate', measure: measureIsolates },
  { what: 'Worker', measure: measureWorkers },
] as const;

/** What the figures of a boot say. */
const measures: readonly {
  readonly title: (what: string) => string;
  readonly unit: string;
  readonly pick: (figures: CrowdFigures) => number;
}[] = [
  {
    title: (what) => `start of ${articled(what)}`,
    unit: 'ms',
    pick: ({ starts }) => summarise(starts).median,
  },
  {
    title: (what) => `memory of ${articled(what)}`,
    unit: 'KiB',
    pick: ({ bytes }) => bytes / 1024,
  },
  {
    title: (what) => `a byte to ${articled(what)} and back`,
    unit: 'µs',
    pick: ({ trips }) => trips[0],
  },
  {
    title: (what) => `a KiB to ${articled(what)} and back`,
    unit: 'µs',
    pick: ({ trips }) => trips[1],
  },
  {
    title: (what) => `16 MiB that move to ${articled(what)} and back`,
    unit: 'µs',
    pick: ({ trips }) => trips[2],
  },
];

function articled(what: string): string {
  return what === 'isolate' ? `an ${what}` : `a ${what}`;
}

export const isolates: Part = {
  name: 'isolates',
  description: 'isolates and Workers of Node: time to start, memory, messages there and back',
  without: ['bare', 'slim', 'cloud', 'host', 'other'],
  async run(bench) {
    const { recorder, options } = bench;
    const workers = Math.min(Math.ceil(options.isolates / 5), mostWorkers);
    const counts = { isolates: options.isolates, workers };
    const turns = { from: 1, to: options.rounds };
    const items = bench.systems.flatMap((system) => kinds.map((kind) => ({ system, ...kind })));
    const title = `Starting ${counts.isolates} isolates, and ${counts.workers} Workers`;
    await takeTurns(title, items, turns, async ({ system, what, measure }) => {
      const figures = await measure({ ...counts, memory, processors });
      for (const { title: titleOf, unit, pick } of measures) {
        const found: Measure = {
          part: 'isolates',
          group: processorsGroup(processors),
          title: titleOf(what),
          unit,
          better: 'less',
        };
        recorder.record(found, system, pick(figures));
      }
    });
  },
};
