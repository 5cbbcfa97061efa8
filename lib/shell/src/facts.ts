/** Facts of the machine as /proc has them (proc(5)). */
import { readdir, readFile } from 'node:fs/promises';

/** A tick of /proc: USER_HZ is 100. */
export const ticksPerSecond = 100;

/** A thread of the one process. */
export interface ThreadFacts {
  readonly id: number;
  readonly name: string;
  /** R runs or could run, S sleeps. */
  readonly state: string;
  readonly nice: number;
  /** Time on processors, in ticks. */
  readonly userTicks: number;
  readonly systemTicks: number;
  /** When it started, in ticks since the boot. */
  readonly startTicks: number;
}

/** Reads /proc/PID/task/TID/stat; undefined when it is malformed. */
export function parseThread(text: string): ThreadFacts | undefined {
  // The name is in parentheses and may hold anything.
  const match = /^(\d+) \((.*)\) (\S) (.*)$/s.exec(text.trim());
  const [, id, name, state, rest] = match ?? [];
  if (id === undefined || name === undefined || state === undefined || rest === undefined) {
    return undefined;
  }
  // Field 4 of proc_pid_stat(5) is the first of the rest.
  const fields = rest.split(' ').map(Number);
  const field = (number: number): number => fields[number - 4] ?? 0;
  return {
    id: Number(id),
    name,
    state,
    nice: field(19),
    userTicks: field(14),
    systemTicks: field(15),
    startTicks: field(22),
  };
}

/** All threads, in order of their numbers. The first one's times are its own, unlike those of /proc/self/stat. */
export async function readThreads(): Promise<readonly ThreadFacts[]> {
  const ids = (await readdir('/proc/self/task')).map(Number).sort((a, b) => a - b);
  const texts = await Promise.all(
    ids.map((id) => readFile(`/proc/self/task/${id}/stat`, 'utf8').catch(() => '')),
  );
  // A thread may have ended meanwhile.
  return texts.map(parseThread).filter((thread) => thread !== undefined);
}

/** Time of processors, in ticks. */
export interface ProcessorFacts {
  readonly user: number;
  readonly system: number;
  readonly idle: number;
}

/** Reads /proc/stat: the sum of all processors. */
export async function readProcessors(): Promise<ProcessorFacts> {
  const text = await readFile('/proc/stat', 'utf8');
  const [user = 0, nice = 0, system = 0, idle = 0] = (/^cpu +(.*)$/m.exec(text)?.[1] ?? '')
    .split(' ')
    .map(Number);
  return { user: user + nice, system, idle };
}

/** Reads /proc/meminfo, in bytes by name. */
export async function readMemory(): Promise<ReadonlyMap<string, number>> {
  const text = await readFile('/proc/meminfo', 'utf8');
  const lines = text.matchAll(/^([^:]+): +(\d+) kB$/gm);
  return new Map([...lines].map(([, name = '', value]) => [name, Number(value) * 1024]));
}

/** Seconds since the boot. */
export async function readUptime(): Promise<number> {
  return Number((await readFile('/proc/uptime', 'utf8')).split(' ')[0]);
}

/** Averages of how many threads ran or could have run, over 1, 5 and 15 minutes. */
export async function readLoad(): Promise<readonly string[]> {
  return (await readFile('/proc/loadavg', 'utf8')).split(' ').slice(0, 3);
}
