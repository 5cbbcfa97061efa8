// What the app does by itself: JavaScript that computes, files of the image, messages between threads.
import { kernels } from '../apps/kernels.ts';
import { geometricMean } from '../support/statistics.ts';
import { bareSystems } from '../support/subjects.ts';
import { type LoadKind, loadKind, measureLoads } from './load.ts';
import type { Part } from './part.ts';

/** Seconds for each figure of a task: they are steadier than figures of a load. */
const part = 0.3;

const computing: LoadKind = {
  title: 'computing',
  figures: {
    mean: {
      suffix: 'geometric mean',
      unit: 'runs/s',
      better: 'more',
      goal: { atLeast: 0.98 },
    },
    ...Object.fromEntries(
      Object.keys(kernels).map((name) => [name, { suffix: name, unit: 'runs/s', better: 'more' }]),
    ),
  },
  async run(subject, seconds) {
    const found = await subject.task('compute', seconds * part);
    return { ...found, mean: geometricMean(Object.values(found)) };
  },
};

const files = loadKind({
  title: 'files of the image',
  figures: {
    megabytes: { suffix: 'one of 8 MiB', unit: 'MB/s', better: 'more' },
    files: { suffix: '200 of 4 KiB', unit: 'files/s', better: 'more' },
  },
  run: (subject, seconds) => subject.task('files', seconds * part),
});

const messages = loadKind({
  title: 'messages to a Worker and back',
  figures: {
    roundTrips: { suffix: 'one at a time', unit: 'round trips/s', better: 'more' },
    messages: { suffix: '64 under way', unit: 'round trips/s', better: 'more' },
    megabytes: { suffix: 'blocks of 64 KiB', unit: 'MB/s', better: 'more' },
  },
  run: (subject, seconds) => subject.task('messages', seconds * part),
});

export const cpu: Part = {
  name: 'cpu',
  description: 'JavaScript that only computes: integers, floats, objects, text, collections, bytes',
  without: bareSystems,
  run: (bench) => measureLoads(bench, 'cpu', [computing], [1]),
};

export const fileReads: Part = {
  name: 'files',
  description: 'files of the image, read again and again',
  without: bareSystems,
  run: (bench) => measureLoads(bench, 'files', [files], [1]),
};

export const workers: Part = {
  name: 'workers',
  description: 'messages between threads',
  without: bareSystems,
  run: (bench) => measureLoads(bench, 'workers', [messages]),
};
