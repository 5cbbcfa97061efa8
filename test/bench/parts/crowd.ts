// Many machines started at once: how long until all of them answer.
import { setTimeout as sleep } from 'node:timers/promises';
import { ToolError } from '../../../lib/cli/src/command.ts';
import { type RunningMachine, startMachine } from '../../../lib/cli/src/machine.ts';
import { findFreePort, loopback, type PortForward } from '../../../lib/cli/src/network.ts';
import type { SystemMachine } from '../../guest/support/systems.ts';
import { firstAnswer } from '../load/first.ts';
import { ports } from '../load/ports.ts';
import { availableMegabytes, residentMegabytes } from '../support/processor-time.ts';
import type { Measure } from '../support/recorder.ts';
import { endMachine, prepareMachine, type SystemName, titles } from '../support/subjects.ts';
import { type Bench, type Part, takeTurns } from './part.ts';

/** Enough for every system: what a machine has and does not touch costs nothing. */
const machineMegabytes = 256;
/** The part of the available memory that the machines may take. */
const share = 0.7;
/** How long the crowd may take, in seconds. */
const limit = 1800;
const firstPort = 21_000;

/** QEMU's user network: its gateway, and the resolver behind it. */
const userNetwork = { address: '10.0.2.15', gateway: '10.0.2.2', nameserver: '10.0.2.3' } as const;

function prepare(system: SystemName, bench: Bench): Promise<SystemMachine> {
  const { against } = bench.options;
  const options = { app: 'hello', processors: 1, memoryMegabytes: machineMegabytes } as const;
  return prepareMachine(system, { ...options, against }, { linux: userNetwork });
}

function start(machine: SystemMachine, port: number): Promise<RunningMachine> {
  const rule: PortForward = { protocol: 'tcp', address: loopback, host: port, guest: ports.http };
  const network = { forward: [rule] };
  return startMachine({ ...machine, network, timeoutMilliseconds: limit * 1000 });
}

/** QEMU's user network takes connections before the machine does, so there are some at a time. */
const waitFor = (port: number) =>
  firstAnswer({ host: loopback, port, limit, tryEvery: 500, atOnce: 4, quiet: true });

/** How many machines of each system fit. */
async function countFitting(bench: Bench): Promise<number> {
  let largest = 0;
  for (const system of bench.systems) {
    const port = await findFreePort(firstPort);
    const machine = await start(await prepare(system, bench), port);
    try {
      await waitFor(port);
      await sleep(500);
      largest = Math.max(largest, await residentMegabytes(machine.pid ?? 0));
    } finally {
      await endMachine(machine);
    }
  }
  const fitting = Math.floor(((await availableMegabytes()) * share) / largest);
  if (fitting < 1) throw new ToolError('This host has no memory for a single machine.');
  return Math.min(bench.options.machines, fitting);
}

/** Starts machines at once, and ends them when all have answered. */
async function startCrowd(system: SystemName, bench: Bench, count: number) {
  const machines: RunningMachine[] = [];
  const chosen: number[] = [];
  for (let port = firstPort; chosen.length < count; port++) {
    port = await findFreePort(port);
    chosen.push(port);
  }
  const machine = await prepare(system, bench);
  const begin = performance.timeOrigin + performance.now();
  try {
    for (const port of chosen) machines.push(await start(machine, port));
    const answers = (await Promise.all(chosen.map(waitFor))).sort((a, b) => a - b);
    return { first: (answers[0] ?? NaN) - begin, all: (answers.at(-1) ?? NaN) - begin };
  } catch (error) {
    const consoles = machines.map((one) => one.output().slice(-500)).slice(0, 3);
    const reason = error instanceof Error ? error.message : String(error);
    throw new ToolError(`${titles[system]}: ${reason}\nConsoles:\n${consoles.join('\n---\n')}`);
  } finally {
    await Promise.all(machines.map(endMachine));
  }
}

export const crowd: Part = {
  name: 'crowd',
  description: 'many machines started at once, as many as fit: the time until all answer',
  without: ['host'],
  async run(bench) {
    const { recorder } = bench;
    const count = await countFitting(bench);
    const base = { part: 'crowd', group: `${count} machines`, unit: 's', better: 'less' } as const;
    const all: Measure = { ...base, title: 'until all answer' };
    const first: Measure = { ...base, title: 'until the first answers' };
    // A crowd is a mean of many boots already.
    const turns = { from: 1, to: Math.min(3, bench.options.rounds) };
    const items = bench.systems.map((system) => ({ system }));
    await takeTurns(`Starting ${count} machines at once`, items, turns, async ({ system }) => {
      const found = await startCrowd(system, bench, count);
      recorder.record(all, system, found.all / 1000);
      recorder.record(first, system, found.first / 1000);
    });
  },
};
