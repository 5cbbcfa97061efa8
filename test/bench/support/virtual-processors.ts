// Processor time of a virtual machine's processors: what they used does not depend on what else the host ran.
import { readdirSync, readFileSync } from 'node:fs';

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
