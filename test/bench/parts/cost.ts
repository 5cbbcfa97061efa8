// What a request costs the guest: instructions, and the time that the machines' processors ran. On a busy host these
// hold where the time that passed says nothing.
import { detectAccelerator } from '../../../lib/cli/src/machine.ts';
import { step } from '../../../lib/cli/src/progress.ts';
import { InstructionCounter } from '../support/instructions.ts';
import { namedThreads, processorTime, virtualProcessorTimes } from '../support/processor-time.ts';
import type { Measure } from '../support/recorder.ts';
import type { Subject, SystemName } from '../support/subjects.ts';
import { type Bench, type Part, processorsGroup, takeTurns, withSubjects } from './part.ts';

/** What a machine has used so far. */
interface Used {
  readonly instructions: number;
  /** Milliseconds. */
  readonly guest: number;
  readonly all: number;
}

/** The part of the windows that the first figures of V8's compilers would spoil. */
const warmUps = 3;

const titles = {
  instructions: ['instructions of a request', 'instructions'],
  guest: ['virtual processors for a request', 'us'],
  all: ['whole emulator for a request', 'us'],
} as const;

function measureOf(key: keyof typeof titles, connections: number, processors: number): Measure {
  const [title, unit] = titles[key];
  const group = processorsGroup(processors);
  return {
    part: 'cost',
    group,
    title: `${title}, ${connections} connections`,
    unit,
    better: 'less',
  };
}

async function readUsed(subject: Subject, counter: InstructionCounter | undefined): Promise<Used> {
  return {
    instructions: (await counter?.read()) ?? Number.NaN,
    guest: virtualProcessorTimes(subject.pid).reduce((sum, time) => sum + time, 0),
    all: processorTime(subject.pid) ?? Number.NaN,
  };
}

async function measureMachines(bench: Bench, processors: number): Promise<void> {
  const { options, recorder } = bench;
  const { connections: connectionCounts, memory, rounds, seconds, warmUp } = options;
  // The plugin is one of QEMU's translator.
  const canCount = (await detectAccelerator()) === 'tcg';
  const counters = new Map<SystemName, InstructionCounter>();
  for (const system of canCount ? bench.systems : []) {
    const name = `${system}-${processors}`;
    counters.set(
      system,
      await step('Compiling the counter', () => InstructionCounter.create(name)),
    );
  }
  const machineOf = (system: SystemName) => ({
    app: 'hello' as const,
    processors,
    memoryMegabytes: memory,
    extraArguments: [...namedThreads, ...(counters.get(system)?.arguments ?? [])],
  });
  await withSubjects(bench, machineOf, async (subjects) => {
    for (const connections of connectionCounts) {
      const title = `Cost of a request, ${connections} connections, ${processorsGroup(processors)}`;
      const turns = { from: 1 - warmUps, to: rounds };
      await takeTurns(title, subjects, turns, async (subject, round) => {
        const counter = counters.get(subject.system);
        const before = await readUsed(subject, counter);
        const load = await subject.wrk('/', { connections, seconds: round < 1 ? warmUp : seconds });
        const after = await readUsed(subject, counter);
        if (round < 1) return;
        const record = (key: keyof typeof titles, scale: number) => {
          const value = ((after[key] - before[key]) * scale) / load.requests;
          recorder.record(measureOf(key, connections, processors), subject.system, value);
        };
        if (counter) record('instructions', 1);
        record('guest', 1000);
        record('all', 1000);
      });
    }
  });
}

export const cost: Part = {
  name: 'cost',
  description: 'instructions and processor time of a request, which a busy host does not change',
  without: ['host'],
  async run(bench) {
    for (const processors of bench.options.processors) await measureMachines(bench, processors);
  },
};
