// Isolates and Workers of Node, one after the other in a machine of their own: time to start, memory, messages.
import path from 'node:path';
import { buildInitrd } from '../../../lib/cli/src/bundle.ts';
import { ToolError } from '../../../lib/cli/src/command.ts';
import { type BootOptions, bootMachine, startMachine } from '../../../lib/cli/src/machine.ts';
import { buildFolder, inRepository } from '../../../lib/cli/src/paths.ts';
import { bundleSystem } from '../../../lib/system/bundle.ts';
import { printed } from '../../guest/support/console.ts';
import { freePort } from '../../guest/support/free-port.ts';

/** How many there are, and where. */
export interface CrowdOptions {
  readonly isolates: number;
  readonly workers: number;
  readonly memory: number;
  readonly processors: number;
}

/** What one boot found. */
export interface CrowdFigures {
  /** Milliseconds of each start. */
  readonly starts: readonly number[];
  /** Bytes of memory of each. */
  readonly bytes: number;
  /** Microseconds there and back: a byte, a KiB, and 16 MiB that move. */
  readonly trips: readonly [number, number, number];
}

const folder = path.join(buildFolder, 'bench', 'isolates');
const machineLimit = 3_600_000;
const entries = { isolates: 'isolates/main.ts', Workers: 'workers.ts' } as const;
/** What is measured. */
export type Kind = keyof typeof entries;

/** Boots the bare app, which measures when it is asked. */
export async function measureIsolates(options: CrowdOptions): Promise<CrowdFigures> {
  const port = await freePort();
  const machine = await startMachine({
    initrd: await bundle('isolates'),
    ...machineOf(options),
    append: `log=info env.COUNT=${options.isolates}`,
    network: { forward: [{ protocol: 'tcp', address: '127.0.0.1', host: port, guest: 8080 }] },
  });
  try {
    await printed(machine, /Listening on port 8080:[\s\S]*10\.0\.2\.15/);
    await fetch(`http://127.0.0.1:${port}/`);
    await printed(machine, /^bench: .*\n/m);
    return figuresIn(machine.output());
  } finally {
    machine.kill();
  }
}

/** Boots the app in Node, which measures at once. */
export async function measureWorkers(options: CrowdOptions): Promise<CrowdFigures> {
  const { output, code, timedOut } = await bootMachine({
    initrd: await bundle('Workers'),
    ...machineOf(options),
    append: `env.COUNT=${options.workers}`,
  });
  if (code !== 0) {
    const how = timedOut ? 'did not end' : `ended with code ${code}`;
    throw new ToolError(`The machine with Workers ${how}. Its console:\n${output.slice(-3000)}`);
  }
  return figuresIn(output);
}

/** What an app has printed. @throws ToolError when it has failed */
function figuresIn(output: string): CrowdFigures {
  const found = /^bench: (\{.*\})/m.exec(output)?.[1];
  if (found === undefined) {
    throw new ToolError(`The app found nothing. Its console:\n${output.slice(-3000)}`);
  }
  return JSON.parse(found) as CrowdFigures;
}

async function bundle(kind: Kind): Promise<string> {
  const outFile = path.join(folder, kind, 'initrd');
  const system = path.join(folder, 'system.js');
  await bundleSystem(system);
  await buildInitrd({ entry: inRepository('test/bench/apps', entries[kind]), system, outFile });
  return outFile;
}

function machineOf({ memory, processors }: CrowdOptions): BootOptions {
  return { memoryMegabytes: memory, processors, timeoutMilliseconds: machineLimit };
}
