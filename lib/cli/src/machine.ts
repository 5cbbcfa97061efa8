// Boots the image in QEMU and says how the virtual machine ended.
//
// The kernel reports its end on port 0xe9 with one line of JSON, { "code": number, "reason": string },
// which QEMU's debug console writes into a file. A machine that leaves no such line died abnormally.
import { constants } from 'node:fs';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type SplitRuntime, splitRuntime } from '@runtimejs/base/split.ts';
import { execa } from 'execa';
import { ToolError } from './command.ts';
import { findProgram, installQemu } from './host.ts';
import { interruptMachine, terminalOptions } from './interrupts.ts';
import { addForwards, watchListeners } from './listener.ts';
import { machineArguments } from './machine-arguments.ts';
import { escapeComma, type NetworkOptions, type PortForward } from './network.ts';
import { initrdImage, runtimeImage, sharedBaseFolder } from './paths.ts';
import { controlArguments } from './qmp.ts';

/** The program that runs machines. */
export const emulator = 'qemu-system-x86_64';
/** Exit code of a machine that ended without a word. */
export const abnormalEnd = 255;
/** Exit code after Ctrl-C, as shells have it: 128 + SIGINT. */
export const interrupted = 130;
/** Exit code of an app that SIGTERM ended: 128 + SIGTERM. */
const terminated = 143;

/** How the processor is provided: by hardware virtualisation or by QEMU's translator. */
export type Accelerator = 'kvm' | 'tcg';

/** A disk or CD to boot from. */
export interface BootDisk {
  readonly file: string;
  /** QEMU's name of the format. */
  readonly format: 'raw' | 'qcow2' | 'vmdk' | 'vhdx' | 'vpc';
  readonly isCd: boolean;
}

/** A virtual machine to boot. */
export interface MachineOptions {
  /** Boots from this, instead of a kernel and an initrd. The file is not changed. */
  readonly disk?: BootDisk;
  /** Kernel and base, by default dist/runtime. */
  readonly runtime?: string;
  /** The initrd with the app, by default dist/initrd; null boots without one. */
  readonly initrd?: string | null;
  /**
   * Maps the base into the machine from a file, as an NVDIMM, instead of copying it into the machine's memory: the
   * machine needs that much less, and all machines of this host share it.
   */
  readonly sharesBase?: boolean;
  /** Memory in MiB, by default 512. */
  readonly memoryMegabytes?: number;
  /** Processors, by default 1. */
  readonly processors?: number;
  /** Where the first serial port leads, as QEMU's -serial has it, by default `stdio`. */
  readonly serial?: string;
  /** The network; by default there is none. */
  readonly network?: NetworkOptions | undefined;
  /** The kernel's command line. */
  readonly append?: string;
  /** More arguments for QEMU, after all others. */
  readonly extraArguments?: readonly string[];
  /** Waits for a debugger on gdbPort before the first instruction. */
  readonly gdb?: boolean;
  /** Takes this accelerator; by default KVM where it works. */
  readonly accelerator?: Accelerator | undefined;
  /** A file that gets a copy of what the console shows. */
  readonly consoleLog?: string | undefined;
  /** Words before QEMU's name, for a program that runs it elsewhere, such as `ip netns exec NAME`. */
  readonly launcher?: readonly string[];
}

/** A virtual machine that runs without a terminal. */
export interface BootOptions extends MachineOptions {
  /** The machine is ended by force after this time, by default 120,000 ms. */
  readonly timeoutMilliseconds?: number;
  /** Called with the console's output as it comes, in pieces of any size; lines end in "\n". */
  readonly onOutput?: (text: string) => void;
}

/** How a virtual machine ended. */
export interface MachineEnd {
  /** Exit code that the kernel reported, 0 to 255; abnormalEnd when it did not. */
  readonly code: number;
  /** What the kernel, or failing that QEMU, says about the end. */
  readonly reason: string | undefined;
}

/** How a virtual machine without a terminal ended. */
export interface BootResult extends MachineEnd {
  /** Everything on the console: the app's output and the kernel's messages; lines end in "\n". */
  readonly output: string;
  readonly timedOut: boolean;
}

let accelerator: Promise<Accelerator> | undefined;

/**
 * Finds out, once per process, whether KVM works here. Says so on standard error when it does not.
 * @returns the accelerator to use
 */
export function detectAccelerator(): Promise<Accelerator> {
  accelerator ??= findAccelerator();
  return accelerator;
}

/** Environment variable by which a program tells those that it starts what it has found. */
export const acceleratorVariable = 'RUNTIMEJS_ACCELERATOR';

async function findAccelerator(): Promise<Accelerator> {
  const told = process.env[acceleratorVariable];
  if (told === 'kvm' || told === 'tcg') return told;
  const obstacle = await whyNoKvm();
  if (obstacle === undefined) return 'kvm';
  process.stderr.write(`QEMU runs without KVM, so slower: ${obstacle}.\n`);
  return 'tcg';
}

/** Says what keeps KVM from working, as part of a sentence: undefined when a machine was created with it. */
export async function whyNoKvm(): Promise<string | undefined> {
  const processors = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  if (!/^flags\s*:.*\b(vmx|svm)\b/m.test(processors)) {
    return 'this processor offers no hardware virtualisation (neither vmx nor svm in /proc/cpuinfo)';
  }
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES'
      ? 'this user may not open /dev/kvm (add the user to the group kvm)'
      : '/dev/kvm does not exist (is the module kvm_intel or kvm_amd loaded?)';
  }
  // Some hosts show the flag and the device, and then fail to create a machine.
  const trial = await execa(
    emulator,
    ['-accel', 'kvm', '-machine', 'pc', '-nodefaults', '-display', 'none', '-S', '-qmp', 'stdio'],
    {
      input: '{"execute":"qmp_capabilities"}\n{"execute":"quit"}\n',
      reject: false,
      timeout: 10_000,
      killSignal: 'SIGKILL',
    },
  );
  if (!trial.failed) return undefined;
  return `QEMU could not create a machine with it (${firstLine(trial.stderr) ?? 'no reason given'})`;
}

function firstLine(text: string): string | undefined {
  return text
    .split('\n')
    .find((line) => line.trim() !== '')
    ?.trim();
}

/** Kernel and base as files of their own, if the base is to be shared. */
async function takeApart(options: MachineOptions): Promise<SplitRuntime | undefined> {
  if (!options.sharesBase) return undefined;
  if (options.disk !== undefined) {
    throw new ToolError('A disk brings its own base, which cannot be shared: drop --share-base.');
  }
  return splitRuntime(options.runtime ?? runtimeImage, sharedBaseFolder);
}

/**
 * Reads what the kernel reported.
 * @param status content of the status file
 * @returns the end, or undefined when no line is a report
 */
export function parseStatus(status: string): MachineEnd | undefined {
  for (const line of status.split('\n').reverse()) {
    try {
      const report: unknown = JSON.parse(line);
      if (typeof report !== 'object' || report === null || !('code' in report)) continue;
      const { code } = report;
      if (typeof code !== 'number' || !Number.isInteger(code)) continue;
      const reason = 'reason' in report ? String(report.reason) : undefined;
      return { code: code & 0xff, reason };
    } catch {
      // Not JSON: whatever else was written to the port.
    }
  }
  return undefined;
}

/** Runs a function with the path of a status file that is removed afterwards. */
async function withStatusFile<Result>(
  work: (statusFile: string) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(path.join(tmpdir(), 'runtimejs-'));
  try {
    return await work(path.join(folder, 'status'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** How QEMU itself ended, in words, for machines that left no report. */
function describeEnd(result: {
  exitCode?: number | undefined;
  signal?: string | undefined;
  code?: string | undefined;
}): string {
  if (result.code === 'ENOENT') return `${emulator} is not installed: ${installQemu()}`;
  if (result.signal) return `QEMU was ended by ${result.signal}`;
  return `QEMU exited with code ${result.exitCode}`;
}

/** Refuses to start what is not there: QEMU's own message names no remedy. */
async function checkImages(options: MachineOptions): Promise<void> {
  if (findProgram(emulator) === undefined) {
    throw new ToolError(`${emulator} is not installed, so no machine can run.\n${installQemu()}`);
  }
  const files = options.disk ? [options.disk.file] : [options.runtime ?? runtimeImage];
  if (!options.disk && options.initrd !== null) files.push(options.initrd ?? initrdImage);
  for (const file of files) {
    try {
      await access(file, constants.R_OK);
    } catch {
      throw new ToolError(`${file} is not there. Run \`npm run build\` first.`);
    }
  }
}

/** A machine that runs without a terminal. */
export interface RunningMachine {
  /** Process id of QEMU; undefined when it could not be started. */
  readonly pid: number | undefined;
  /** Everything on the console so far. */
  output(): string;
  /** Ends it by force. */
  kill(): void;
  /** How it ended. */
  readonly end: Promise<BootResult>;
}

/**
 * Starts a virtual machine without a terminal.
 * @param options the machine, and how long it may run
 * @returns the machine, while it runs
 * @throws ToolError when the image is not built
 */
export async function startMachine(options: BootOptions = {}): Promise<RunningMachine> {
  await checkImages(options);
  const withAccelerator = options.accelerator ?? (await detectAccelerator());
  const folder = await mkdtemp(path.join(tmpdir(), 'runtimejs-'));
  const statusFile = path.join(folder, 'status');
  const [program = emulator, ...parameters] = [
    ...(options.launcher ?? []),
    ...[
      emulator,
      ...machineArguments(options, withAccelerator, statusFile, await takeApart(options)),
    ],
  ];
  let output = '';
  const child = execa(program, parameters, {
    stdin: 'ignore',
    reject: false,
    stripFinalNewline: false,
    buffer: { stdout: false },
    timeout: options.timeoutMilliseconds ?? 120_000,
    killSignal: 'SIGKILL',
  });
  child.stdout.setEncoding('utf8');
  // A terminal's lines end in "\r\n".
  let held = '';
  child.stdout.on('data', (text: string) => {
    const whole = held + text;
    held = whole.endsWith('\r') ? '\r' : '';
    const lines = whole.slice(0, whole.length - held.length).replaceAll('\r\n', '\n');
    output += lines;
    options.onOutput?.(lines);
  });
  child.stdout.on('end', () => {
    output += held;
  });
  const end = async (): Promise<BootResult> => {
    try {
      const result = await child;
      const status = parseStatus(await readFile(statusFile, 'utf8').catch(() => ''));
      const silent = [describeEnd(result), result.stderr.trim()].filter(Boolean).join(': ');
      return {
        output,
        code: status?.code ?? abnormalEnd,
        reason: status ? status.reason : `no report from the kernel; ${silent}`,
        timedOut: result.timedOut,
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
  return {
    pid: child.pid,
    output: () => output,
    kill: () => {
      child.kill('SIGKILL');
    },
    end: end(),
  };
}

/**
 * Boots a virtual machine without a terminal and waits for its end.
 * @param options the machine, and how long it may run
 * @returns its output and how it ended
 * @throws ToolError when the image is not built
 */
export async function bootMachine(options: BootOptions = {}): Promise<BootResult> {
  return (await startMachine(options)).end;
}

/** Keeps what a machine prints. @returns a function that shows it, and from then on all of it */
function keepOutput(output: NodeJS.ReadableStream | null): () => void {
  const kept: Uint8Array[] = [];
  let take = (bytes: Uint8Array) => void kept.push(bytes);
  output?.on('data', (bytes: Uint8Array) => take(bytes));
  return () => {
    take = (bytes) => void process.stdout.write(bytes);
    for (const bytes of kept.splice(0)) take(bytes);
  };
}

/** A virtual machine on this terminal. */
export interface TerminalOptions extends MachineOptions {
  /**
   * Called with each port of `network.forward` once a program in the guest listens on it.
   * @param forward the port
   * @param milliseconds since QEMU was started
   */
  readonly onListening?: (forward: PortForward, milliseconds: number) => void;
  /** Ends the machine by force. */
  readonly signal?: AbortSignal;
  /** Until then the machine has neither the terminal nor the ports; what it prints meanwhile is shown then. */
  readonly held?: Promise<void>;
}

/** How a virtual machine on this terminal ended. */
export interface TerminalEnd extends MachineEnd {
  /** Whether Ctrl-] was pressed, or Ctrl-C as the last key. */
  readonly interrupted: boolean;
}

/**
 * Boots a virtual machine on this terminal: its console is standard input and output. Ctrl-C is the app's, Ctrl-]
 * presses the power button, so that the app can end in an orderly way; again, it ends the machine by force.
 * @param options the machine
 * @returns how it ended
 * @throws ToolError when the image is not built
 */
export async function runOnTerminal(options: TerminalOptions = {}): Promise<TerminalEnd> {
  await checkImages(options);
  const withAccelerator = options.accelerator ?? (await detectAccelerator());
  return withStatusFile(async (statusFile) => {
    // Before what the user says, so that this counts.
    const append = [...terminalOptions(), options.append ?? ''].filter(Boolean).join(' ');
    const { onListening, network, held } = options;
    const forwards = network?.forward ?? [];
    const atStart = held && network ? { ...network, forward: [] } : network;
    const machine = { ...options, append, network: atStart };
    const parameters = machineArguments(
      machine,
      withAccelerator,
      statusFile,
      await takeApart(options),
    );
    const button = path.join(path.dirname(statusFile), 'button');
    parameters.push(...controlArguments(button));
    const monitor = path.join(path.dirname(statusFile), 'monitor');
    const watched = onListening ? forwards : [];
    if (watched.length > 0 || held) {
      parameters.push('-qmp', `unix:${escapeComma(monitor)},server=on,wait=off`);
    }
    const ended = new AbortController();
    const start = performance.now();
    // In a process group of its own: signals for this one's are for this process, which asks the app to end.
    const child = execa(emulator, parameters, {
      stdin: process.stdin.isTTY ? 'pipe' : held ? 'ignore' : 'inherit',
      stdout: held ? 'pipe' : 'inherit',
      stderr: 'inherit',
      buffer: false,
      reject: false,
      detached: true,
    });
    const stop = () => child.kill('SIGKILL'); // QEMU has a word to say about SIGTERM.
    options.signal?.addEventListener('abort', stop);
    if (options.signal?.aborted) stop();
    if (held) {
      const show = keepOutput(child.stdout);
      const isHeld = await Promise.race([held.then(() => true), child.then(() => false)]);
      show();
      const giveUp = (error: Error) => {
        process.stderr.write(`${error.message}\n`);
        stop();
      };
      if (isHeld) await addForwards(monitor, forwards).catch(giveUp);
    }
    const interrupts = interruptMachine(child, button);
    void watchListeners(monitor, watched, ended.signal, (forward) => {
      onListening?.(forward, performance.now() - start);
    });
    const result = await child;
    options.signal?.removeEventListener('abort', stop);
    ended.abort();
    const wasInterrupted = interrupts.stop();
    const status = parseStatus(await readFile(statusFile, 'utf8').catch(() => ''));
    // Without a handler of its own, the app was ended by what the power button sent it.
    if (status && !(wasInterrupted && status.code === terminated)) {
      return { ...status, interrupted: wasInterrupted };
    }
    if (wasInterrupted) return { code: interrupted, reason: 'interrupted', interrupted: true };
    const reason = `no report from the kernel; ${describeEnd(result)}`;
    return { code: abnormalEnd, reason, interrupted: false };
  });
}
