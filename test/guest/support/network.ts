// Boots the app of the network tests and its peer on the host, and talks with both.
//
// RUNTIMEJS_TEST_SYSTEM=linux boots the same app on Debian's cloud kernel instead of ours, which tries
// the tests themselves. RUNTIMEJS_TEST_LONG=1 makes the tests that say so long.
import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';
import {
  type BootResult,
  type RunningMachine,
  startMachine,
} from '../../../lib/cli/src/machine.ts';
import { inRepository, nodeBinary } from '../../../lib/cli/src/paths.ts';
import { ports } from '../network/ports.ts';
import type { TaskName, TaskParameters, TaskResult } from '../network/tasks.ts';
import { CaptureError, examineCapture } from './capture.ts';
import { guestFolder, tail } from './guest.ts';
import { Program } from './program.ts';
import { type SystemOptions, systemMachine } from './systems.ts';

/** Whether the tests run on Linux, to try them. */
export const onLinux: boolean = process.env.RUNTIMEJS_TEST_SYSTEM === 'linux';
/** Whether tests that can be long shall be. */
export const long: boolean = process.env.RUNTIMEJS_TEST_LONG === '1';

/** The app of the network tests. */
export const networkApp = 'network/main.ts';
/** Longer than any start on a busy machine without KVM. */
const readyLimit = 180_000;
/** All tests of one machine together. */
const machineLimit = long ? 7_200_000 : 900_000;
/** The longest that an answer may take, in seconds. */
const answerLimit = long ? 3_600 : 120;
/** A machine that was told to end and does not, hangs. */
const endLimit = 60_000;

/** What to boot. */
export interface GuestOptions extends Omit<SystemOptions, 'entry'> {
  /** The app's path, below test/guest; by default the app of the network tests. */
  readonly entry?: string;
  /** What the app prints once it runs. */
  readonly ready?: RegExp;
  /** Frames leave the device finished, so that checksums in the capture hold. */
  readonly finishedFrames?: boolean;
  /** The wire loses frames before they are captured. */
  readonly lossy?: boolean;
  /** False when the capture would be too large to be looked through. */
  readonly capture?: boolean;
}

/** A running app of the network tests: in the guest, or its peer on the host. */
export class TaskHost {
  /** Where its servers are, seen from the programs that ask. */
  readonly host: string;
  readonly base: number;
  readonly #launcher: readonly string[];
  readonly #limit: number;

  /**
   * @param launcher words that run a program where it can be reached
   * @param limit the longest that an answer may take, in seconds
   */
  constructor(
    host: string,
    base: number,
    launcher: readonly string[],
    limit: number = answerLimit,
  ) {
    this.host = host;
    this.base = base;
    this.#launcher = launcher;
    this.#limit = limit;
  }

  /** The URL of one of its servers. */
  url(scheme: string, port: keyof typeof ports, pathname = '/'): string {
    const host = this.host.includes(':') ? `[${this.host}]` : this.host;
    return `${scheme}://${host}:${this.base + ports[port]}${pathname}`;
  }

  /** The endpoint of one of its servers. */
  endpoint(port: keyof typeof ports): { host: string; port: number } {
    return { host: this.host, port: this.base + ports[port] };
  }

  /** The same program at another of its addresses. */
  at(host: string): TaskHost {
    return new TaskHost(host, this.base, this.#launcher, this.#limit);
  }

  /**
   * Runs curl where the programs that ask run.
   * @returns what it wrote
   * @throws when it fails, with its message
   */
  async curl(...parameters: string[]): Promise<string> {
    const [program = 'curl', ...words] = [...this.#launcher, 'curl'];
    const limit = ['--max-time', String(this.#limit)];
    const all = [...words, '--silent', '--show-error', '--noproxy', '*', ...limit, ...parameters];
    return (await execa(program, all, { stdin: 'ignore', stripFinalNewline: false })).stdout;
  }

  /**
   * Runs a task there.
   * @param name of the task
   * @param parameters what it takes
   * @returns what it gives
   * @throws with the other end's error and its stack
   */
  async run<Name extends TaskName>(
    name: Name,
    ...[parameters]: undefined extends TaskParameters<Name> ? [] : [TaskParameters<Name>]
  ): Promise<TaskResult<Name>> {
    const body = JSON.stringify(parameters ?? {});
    const answer = await this.curl(
      '--data-binary',
      body,
      this.url('http', 'http', `/task/${name}`),
    );
    const result = JSON.parse(answer) as TaskResult<Name> | { error: string };
    if (typeof result === 'object' && result !== null && 'error' in result) {
      throw new Error(`The task ${name} at ${this.host} failed: ${result.error}`);
    }
    return result as TaskResult<Name>;
  }

  /** Tells it to end. */
  async exit(): Promise<void> {
    await this.curl(this.url('http', 'http', '/exit'));
  }
}

/** A machine with the app of the network tests. */
export class Guest {
  readonly machine: RunningMachine;
  readonly captureFile: string;
  readonly #options: GuestOptions;

  private constructor(machine: RunningMachine, captureFile: string, options: GuestOptions) {
    this.machine = machine;
    this.captureFile = captureFile;
    this.#options = options;
  }

  /** Starts a machine and waits until its app has said that it listens. */
  static async start(options: GuestOptions): Promise<Guest> {
    const { entry = networkApp } = options;
    const machine = await systemMachine({ ...options, entry }, onLinux ? 'cloud' : 'ours');
    const captureFile = path.join(guestFolder, 'captures', `${options.name}.pcap`);
    mkdirSync(path.dirname(captureFile), { recursive: true });
    rmSync(captureFile, { force: true });
    const { network } = options;
    const captured =
      network && options.capture !== false ? { ...network, pcap: captureFile } : network;
    const consoleFile = captureFile.replace(/pcap$/, 'console');
    rmSync(consoleFile, { force: true });
    const running = await startMachine({
      ...machine,
      network: captured,
      timeoutMilliseconds: machineLimit,
      onOutput: (text) => appendFileSync(consoleFile, text),
    });
    const guest = new Guest(running, captureFile, options);
    await guest.waitForOutput(options.ready ?? /servers listen from port/);
    return guest;
  }

  /**
   * Waits until the console has shown something.
   * @throws with the console's end when the machine ends before, or it takes too long
   */
  async waitForOutput(expected: RegExp): Promise<void> {
    let ended: BootResult | undefined;
    void this.machine.end.then((result) => {
      ended = result;
    });
    for (let waited = 0; waited < readyLimit; waited += 50) {
      if (expected.test(this.machine.output())) return;
      if (ended) throw new Error(`The machine ended before ${expected}:\n${tail(ended)}`);
      await sleep(50);
    }
    this.machine.kill();
    throw new Error(`Nothing like ${expected} came:\n${tail(await this.machine.end)}`);
  }

  /** Tells the app to end, and gives how the machine ended; one that does not is ended by force. */
  async finish(tasks: TaskHost): Promise<BootResult> {
    await tasks.exit().catch(() => {}); // The end says more than this.
    const limit = setTimeout(() => this.machine.kill(), endLimit);
    const result = await this.machine.end;
    clearTimeout(limit);
    return result;
  }

  /** Checks that the app ended by itself and well, without a complaint of the kernel. */
  async expectGoodEnd(t: ExecutionContext, tasks: TaskHost): Promise<void> {
    const result = await this.finish(tasks);
    if (result.code !== 0) t.log(tail(result));
    t.is(result.code, 0, 'the app did not end well');
    t.notRegex(result.output, /kernel panic|service (failed|restarted)/i);
  }

  /** Checks the capture with tshark. */
  async expectCleanCapture(t: ExecutionContext): Promise<void> {
    const { network, finishedFrames = false, lossy = false } = this.#options;
    const mac = network?.mac ?? '52:54:00:12:34:56';
    try {
      const facts = { file: this.captureFile, offload: !finishedFrames, lossy, mac };
      const { packets, faults } = await examineCapture(facts);
      t.log(`${packets} packets`);
      t.true(packets > 0);
      t.deepEqual(faults, []);
      rmSync(this.captureFile);
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      t.fail(error.message);
    }
  }
}

/** The guest's peer on the host, or in a namespace: the same app on Linux. */
export class HostPeer {
  readonly tasks: TaskHost;
  readonly #program: Program;

  private constructor(tasks: TaskHost, program: Program) {
    this.tasks = tasks;
    this.#program = program;
  }

  /**
   * @param base first of its ports
   * @param launcher words that run a program elsewhere, such as in a namespace
   */
  static async start(base: number, launcher: readonly string[]): Promise<HostPeer> {
    const words = [...launcher, nodeBinary, inRepository('test/guest/network/main.ts')];
    const program = new Program(words, { PORT_BASE: String(base) });
    await program.printed(/servers listen from port/);
    return new HostPeer(new TaskHost('127.0.0.1', base, launcher), program);
  }

  /** Ends it. */
  async stop(): Promise<void> {
    await this.#program.stop('SIGKILL');
  }
}
