// What is measured: our system and its peers, each started in a network of its own, with the same app.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { ToolError } from '../../../lib/cli/src/command.ts';
import { type RunningMachine, startMachine } from '../../../lib/cli/src/machine.ts';
import { inRepository, nodeBinary } from '../../../lib/cli/src/paths.ts';
import { makeWarmInitrd } from '../../../lib/cli/src/warm/warm-image.ts';
import { guestInitrd, unpackInitrd } from '../../guest/support/guest.ts';
import { Namespace, site, whyNoNamespace } from '../../guest/support/namespace.ts';
import type { Program } from '../../guest/support/program.ts';
import {
  type MachineSystem,
  machineSystems,
  type SystemMachine,
  systemMachine,
  systemTitles,
} from '../../guest/support/systems.ts';
import type { LoadName, LoadOptions, LoadResult } from '../load/client.ts';
import { type Load, runWrk, type WrkOptions } from '../load/wrk.ts';
import { makeData } from './data.ts';

/**
 * The systems of tests, and
 * - other: another build of ours (--against)
 * - bare: ours with a bare app, which runs without Node and knows the hello only
 * - warm, warm-bare: ours and bare, from warm images
 * - shared, warm-shared, warm-bare-shared: with Node in a file that machines share
 * - host: Node on this Linux, without a virtual machine: the ceiling
 */
export const systemNames = [
  ...machineSystems,
  'other',
  'bare',
  'warm',
  'warm-bare',
  'shared',
  'warm-shared',
  'warm-bare-shared',
  'host',
] as const;
export type SystemName = (typeof systemNames)[number];

/** How reports name them. */
export const titles: Readonly<Record<SystemName, string>> = {
  ...systemTitles,
  other: 'other build',
  bare: 'Runtime.JS, bare app',
  warm: 'Runtime.JS, warm image',
  'warm-bare': 'Runtime.JS, bare app, warm image',
  shared: 'Runtime.JS, shared base',
  'warm-shared': 'Runtime.JS, warm image, shared base',
  'warm-bare-shared': 'Runtime.JS, bare app, warm image, shared base',
  host: 'Linux on the host',
};

/** Systems that know the hello only. */
export const bareSystems: readonly SystemName[] = ['bare', 'warm-bare', 'warm-bare-shared'];
const warmSystems: readonly SystemName[] = ['warm', 'warm-bare', 'warm-shared', 'warm-bare-shared'];
const sharingSystems: readonly SystemName[] = ['shared', 'warm-shared', 'warm-bare-shared'];

function isMachineSystem(system: SystemName): system is MachineSystem {
  return (machineSystems as readonly SystemName[]).includes(system);
}

/** The apps that are booted: a hello over HTTP alone, or everything (apps/). */
export type AppName = 'hello' | 'servers';

/** What a system is started with. */
export interface SubjectOptions {
  readonly app: AppName;
  readonly processors: number;
  readonly memoryMegabytes: number;
  /** More arguments for QEMU. */
  readonly extraArguments?: readonly string[];
  /** The runtime of the system `other`. */
  readonly against?: string | undefined;
}

const client = inRepository('test/bench/load/client.ts');
const machineLimit = 7_200_000;

/** The app, as the bundler takes it. */
function bundleOf(app: AppName, isBare: boolean) {
  if (isBare) return { name: 'bench-worker', entry: '../bench/apps/worker/main.ts' };
  const bundling = app === 'servers' ? { bundling: { files: makeData() } } : {};
  return { name: `bench-${app}`, entry: `../bench/apps/${app}.ts`, ...bundling };
}

const present = new Set<Stage>();

/** Removes the networks that are there: for a run that is ended early. */
export async function removeStages(): Promise<void> {
  await Promise.all([...present].map((stage) => stage.remove()));
}

/** Where a system is reached: its network namespace, and what is started in it. */
export class Stage {
  readonly system: SystemName;
  readonly #space: Namespace;

  private constructor(system: SystemName, space: Namespace) {
    this.system = system;
    this.#space = space;
    present.add(this);
  }

  /**
   * Makes the network of a system.
   * @throws ToolError when this user may not
   */
  static async create(system: SystemName): Promise<Stage> {
    const obstacle = whyNoNamespace();
    if (obstacle !== undefined) throw new ToolError(`This cannot be measured: ${obstacle}.`);
    const space = await Namespace.create();
    try {
      await space.startNameAndAddressServer();
      // The first answer must not wait for Linux's ARP, which asks once a second.
      const entry = `neighbour replace ${site.guest} lladdr ${site.mac} nud permanent dev ${site.tap}`;
      await space.run('ip', entry.split(' '));
    } catch (error) {
      await space.remove();
      throw error;
    }
    return new Stage(system, space);
  }

  /** The address of the system's servers. */
  get host(): string {
    return this.system === 'host' ? site.host : site.guest;
  }

  /** Starts the system, without waiting for its answer. */
  async start(options: SubjectOptions): Promise<Subject> {
    return this.system === 'host' ? this.#startHost(options) : this.#startMachine(options);
  }

  async #startHost({ app, processors }: SubjectOptions): Promise<Subject> {
    const { name, entry, bundling } = bundleOf(app, false);
    const root = unpackInitrd(await guestInitrd(name, entry, bundling));
    const main = path.join(root, 'app/main.mjs');
    const affinity = Array.from({ length: processors }, (_, index) => index).join(',');
    const waiting = await this.#waitForAnswer();
    const start = performance.timeOrigin + performance.now();
    const words = ['taskset', '-c', affinity, nodeBinary, '--enable-source-maps', main];
    const program = this.#space.start(words, { BENCH_DATA: path.join(root, 'app/data') });
    return new Subject(this, this.#space, waiting, start, {
      pid: () => program.pid,
      output: () => program.output,
      ended: program.ended,
      end: async () => void (await program.stop('SIGKILL')),
    });
  }

  async #startMachine(options: SubjectOptions): Promise<Subject> {
    const machine = await this.machine(options);
    const waiting = await this.#waitForAnswer();
    const start = performance.timeOrigin + performance.now();
    const running = await startMachine({ ...machine, timeoutMilliseconds: machineLimit });
    return new Subject(this, this.#space, waiting, start, {
      pid: () => running.pid,
      output: () => running.output(),
      ended: running.end,
      end: () => endMachine(running),
    });
  }

  /** Prepares the machine of a system that has one. */
  async machine(options: SubjectOptions): Promise<SystemMachine> {
    return prepareMachine(this.system, options, {
      network: { tap: site.tap, mac: site.mac },
      linux: { address: site.guest, gateway: site.host, nameserver: site.host },
      launcher: this.#space.launcher,
    });
  }

  async #waitForAnswer(): Promise<Program> {
    const options = JSON.stringify({ host: this.host });
    const waiting = this.#space.start([nodeBinary, client, 'first', options]);
    await waiting.printed(/waiting/);
    return waiting;
  }

  /** Ends what runs in here. */
  async remove(): Promise<void> {
    present.delete(this);
    await this.#space.remove();
  }
}

/**
 * Prepares a machine.
 * @param system one that has a machine: not the host
 * @param network how it is plugged in
 * @throws ToolError when --against names no file
 */
export async function prepareMachine(
  system: SystemName,
  options: SubjectOptions,
  network: Pick<Parameters<typeof systemMachine>[0], 'network' | 'linux' | 'launcher'>,
): Promise<SystemMachine> {
  if (system === 'host') throw new ToolError('The host is no virtual machine.');
  const { app, processors, memoryMegabytes, extraArguments = [], against } = options;
  const isWarm = warmSystems.includes(system);
  const isBare = bareSystems.includes(system);
  const sharesBase = sharingSystems.includes(system);
  const made = await systemMachine(
    { ...bundleOf(app, isBare), ...network, processors, memoryMegabytes, extraArguments },
    isMachineSystem(system) ? system : 'ours',
  );
  const machine = sharesBase ? { ...made, sharesBase } : made;
  if (isWarm) return warmMachine(machine, memoryMegabytes);
  if (system !== 'other') return machine;
  if (against === undefined || !existsSync(against)) {
    throw new ToolError(
      'The other build needs --against FILE: a dist/runtime that was put aside before.',
    );
  }
  const runtime = path.resolve(against);
  return { ...machine, runtime, images: [runtime, ...machine.images.slice(1)] };
}

/** The same machine, from a warm image. */
async function warmMachine(
  machine: SystemMachine,
  memoryMegabytes: number,
): Promise<SystemMachine> {
  const [runtime, initrd] = machine.images as [string, string];
  const outFile = `${initrd}.warm`;
  const commandLine = machine.append ?? '';
  await makeWarmInitrd({ runtime, initrd, commandLine, memoryMegabytes, outFile });
  return { ...machine, initrd: outFile, images: [runtime, outFile] };
}

/** Ends a machine by force, and waits for its end. */
export async function endMachine(running: RunningMachine): Promise<void> {
  running.kill();
  await running.end;
}

interface Process {
  pid(): number | undefined;
  output(): string;
  readonly ended: Promise<unknown>;
  end(): Promise<void>;
}

/** A system that runs. */
export class Subject {
  readonly stage: Stage;
  readonly #space: Namespace;
  readonly #waiting: Program;
  readonly #start: number;
  readonly #process: Process;

  constructor(stage: Stage, space: Namespace, waiting: Program, start: number, process: Process) {
    this.stage = stage;
    this.#space = space;
    this.#waiting = waiting;
    this.#start = start;
    this.#process = process;
  }

  get system(): SystemName {
    return this.stage.system;
  }

  /** Process id of QEMU, or of Node on the host. */
  get pid(): number {
    const pid = this.#process.pid();
    if (pid === undefined) throw new ToolError(`${titles[this.system]} could not be started.`);
    return pid;
  }

  /**
   * Waits for the first HTTP answer.
   * @returns milliseconds from the start until then
   * @throws ToolError with the console's end when none comes
   */
  async firstAnswer(): Promise<number> {
    return this.explain(async () => {
      const ended = this.#process.ended.then(() => {
        throw new Error('It ended before it answered.');
      });
      await Promise.race([this.#waiting.printed(/^\d+(\.\d+)?$/m), ended]);
      return Number(/^\d+(\.\d+)?$/m.exec(this.#waiting.output)?.[0]) - this.#start;
    });
  }

  /** Runs one of our load generators (load/client.ts). */
  async load<Name extends LoadName>(
    name: Name,
    options: Omit<LoadOptions<Name>, 'host'>,
  ): Promise<LoadResult<Name>> {
    const words = [client, name, JSON.stringify({ host: this.stage.host, ...options })];
    const run = () => this.#space.run(nodeBinary, words);
    return JSON.parse(await this.explain(run)) as LoadResult<Name>;
  }

  /**
   * Runs wrk.
   * @throws ToolError when not a single answer came
   */
  async wrk(pathname: string, options: Omit<WrkOptions, 'url'>): Promise<Load> {
    const url = `http://${this.stage.host}:8080${pathname}`;
    return this.explain(async () => {
      const load = await runWrk(this.#space, { url, ...options });
      if (load.requests > 0) return load;
      throw new Error(
        `No answer within ${options.seconds} s. On a busy host use longer --seconds and --warm-up.`,
      );
    });
  }

  /** Has the app do a task by itself (apps/tasks.ts). */
  async task<Key extends string>(name: string, seconds: number): Promise<Record<Key, number>> {
    const url = `http://${this.stage.host}:8080/task/${name}?seconds=${seconds}`;
    const words = ['--silent', '--show-error', '--fail-with-body', '--max-time', '600', url];
    return JSON.parse(await this.explain(() => this.#space.run('curl', words)));
  }

  /** Adds the console's end to what goes wrong. */
  async explain<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const output = this.#process.output().slice(-3000);
      throw new ToolError(`${titles[this.system]}: ${reason}\nIts console:\n${output}`);
    }
  }

  /** Ends it. */
  async end(): Promise<void> {
    await this.#process.end();
    await this.#waiting.stop('SIGKILL');
  }
}
