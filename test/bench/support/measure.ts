// One boot with a stopwatch.
import { readFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { execa } from 'execa';
import { ToolError } from '../../../lib/cli/src/command.ts';
import {
  type Accelerator,
  type MachineOptions,
  machineArguments,
  parseStatus,
} from '../../../lib/cli/src/machine.ts';

/** What boots: one of the two systems that are compared. */
export interface System {
  readonly name: string;
  /** Its kernel, initrd and command line; the rest of the machine is the same for all. */
  readonly machine: MachineOptions;
  /**
   * Says whether Node ended well, by what the system itself reports.
   * @param output all of the console
   * @param status what was written to port 0xe9
   */
  readonly endedWell: (output: string, status: string) => boolean;
}

/** One boot. Times count from just before QEMU is started, on this process's monotonic clock. */
export interface Boot {
  /** Until the app's first line had arrived here, in ms; undefined when it never did. */
  readonly firstLine: number | undefined;
  /** Processor time of QEMU until then, in ms, in steps of 10: it depends less on other load. */
  readonly processorTime: number | undefined;
  /** Until QEMU had ended, in ms. */
  readonly end: number;
  /** The first line came, and Node ended well. */
  readonly complete: boolean;
  readonly output: string;
}

/** Where and how long the systems run. */
export interface Bench {
  readonly accelerator: Accelerator;
  /** A file for what guests write to port 0xe9. */
  readonly statusFile: string;
}

/** What apps/hello.mjs prints. Linux's terminal driver adds a carriage return. */
const firstLine = /^hello from Node v\S+ at \S+\r?\n/m;

/** A boot that takes longer hangs, or has too little memory to get anywhere. */
const limit = 60_000;

/** Milliseconds of a tick of /proc/PID/stat: sysconf(_SC_CLK_TCK) is 100 on Linux. */
const tick = 10;

/** Runs one program; found on the PATH, as the tools do. */
export const emulator = 'qemu-system-x86_64';

/**
 * Boots a system once and takes its times.
 * @param bench the same for all systems
 * @param system what to boot
 * @param change what is different this time, such as the memory
 * @returns the times; failures are results too
 */
export async function measureBoot(
  bench: Bench,
  system: System,
  change: MachineOptions = {},
): Promise<Boot> {
  await rm(bench.statusFile, { force: true });
  const machine = { ...system.machine, ...change };
  const parameters = machineArguments(machine, bench.accelerator, bench.statusFile);
  let seen = '';
  let line: { at: number; processorTime: number | undefined } | undefined;

  const start = performance.now();
  const child = execa(emulator, parameters, {
    stdin: 'ignore',
    reject: false,
    stripFinalNewline: false,
    timeout: limit,
    killSignal: 'SIGKILL',
  });
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    if (line) return;
    const now = performance.now();
    seen += text;
    if (!firstLine.test(seen)) return;
    line = { at: now - start, processorTime: child.pid && processorTime(child.pid) };
  });
  const result = await child;
  const end = performance.now() - start;
  if (result.code === 'ENOENT') {
    throw new ToolError(`${emulator} is not installed: apt-get install qemu-system-x86`);
  }
  const status = await readFile(bench.statusFile, 'utf8').catch(() => '');
  return {
    firstLine: line?.at,
    processorTime: line?.processorTime,
    end,
    complete: line !== undefined && system.endedWell(result.stdout, status),
    output: result.stdout + result.stderr,
  };
}

/**
 * Boots a system and insists on success.
 * @throws ToolError with the end of the console's output
 */
export async function measureGoodBoot(
  bench: Bench,
  system: System,
  change: MachineOptions = {},
): Promise<Boot & { firstLine: number }> {
  const boot = await measureBoot(bench, system, change);
  if (!boot.complete || boot.firstLine === undefined) {
    const how = boot.end >= limit ? `did not end within ${limit / 1000} s` : 'did not end well';
    throw new ToolError(`${system.name} ${how}. Its console:\n${boot.output.slice(-4000)}`);
  }
  return { ...boot, firstLine: boot.firstLine };
}

/** User and system time of a process, in ms: fields 14 and 15 of /proc/PID/stat (proc(5)). */
export function processorTime(process: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${process}/stat`, 'latin1');
    // The second field may hold spaces and ends with the last parenthesis; field 3 follows.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * tick;
  } catch {
    return undefined; // It ended in between.
  }
}

/** Whether our kernel reported code 0 on port 0xe9. */
export function reportedSuccess(_output: string, status: string): boolean {
  return parseStatus(status)?.code === 0;
}
