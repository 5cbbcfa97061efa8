// What processes have used, as Linux counts it: processor time depends less on other load than time that passes.
import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** Milliseconds of a tick of /proc/PID/stat: sysconf(_SC_CLK_TCK) is 100 on Linux. */
const tick = 10;

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

/** Arguments that make QEMU name its threads. */
export const namedThreads = ['-name', 'bench,debug-threads=on'] as const;

/** Milliseconds that each virtual processor's thread has run, in order of their numbers (proc(5)). */
export function virtualProcessorTimes(pid: number): number[] {
  const times: [number, number][] = [];
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${task}`;
    const number = /^CPU (\d+)\//.exec(readFileSync(`${folder}/comm`, 'latin1'))?.[1];
    if (number === undefined) continue;
    // Nanoseconds on a processor, nanoseconds of waiting, time slices.
    const [nanoseconds = '0'] = readFileSync(`${folder}/schedstat`, 'latin1').split(' ');
    times.push([Number(number), Number(nanoseconds) / 1e6]);
  }
  return times.sort(([left], [right]) => left - right).map(([, time]) => time);
}

/** Memory of a process that is in RAM, in MiB: VmRSS of /proc/PID/status. */
export async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

/** Memory that programs of this host could still take, in MiB: MemAvailable of /proc/meminfo. */
export async function availableMegabytes(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8');
  return Number(/^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1]) / 1024;
}
