// From QEMU's start to the first answer, and what the images take.
import { stat } from 'node:fs/promises';
import { processorTime } from '../support/processor-time.ts';
import type { Measure } from '../support/recorder.ts';
import { prepareMachine } from '../support/subjects.ts';
import { type Part, takeTurns, withStages } from './part.ts';

const base = { part: 'boot', group: '', better: 'less' } as const;
const firstAnswer: Measure = {
  ...base,
  title: 'start to first HTTP 200',
  unit: 'ms',
  goal: { atMost: 0.22 },
};
const untilThen: Measure = { ...base, title: 'processor time until then', unit: 'ms' };
const imageSize: Measure = { ...base, title: 'size of the image', unit: 'MB' };

export const boot: Part = {
  name: 'boot',
  description: 'start of QEMU to the first HTTP 200, and the size of the image',
  without: [],
  async run({ options, systems, recorder }) {
    const { against, memory, rounds } = options;
    const machine = { app: 'hello', processors: 1, memoryMegabytes: memory, against } as const;
    for (const system of systems) {
      if (system === 'host') continue;
      const { images } = await prepareMachine(system, machine, {});
      const sizes = await Promise.all(images.map(async (file) => (await stat(file)).size));
      recorder.record(imageSize, system, sizes.reduce((sum, size) => sum + size, 0) / 1e6);
    }
    await withStages(systems, (stages) =>
      takeTurns('Booting', stages, { from: 0, to: rounds }, async (stage, round) => {
        const subject = await stage.start(machine);
        try {
          const milliseconds = await subject.firstAnswer();
          const used = processorTime(subject.pid) ?? Number.NaN;
          if (round < 1) return;
          recorder.record(firstAnswer, stage.system, milliseconds);
          recorder.record(untilThen, stage.system, used);
        } finally {
          await subject.end();
        }
      }),
    );
  },
};
