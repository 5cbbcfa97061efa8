import os from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { formatISO } from 'date-fns';

/** One thing to know about the machine: what it is, and its value for people to read. */
export type Fact = readonly [label: string, value: string];

/** Asks Node, and through it the kernel, where this program runs. */
export function gatherFacts(): Fact[] {
  const processor = os.cpus()[0];
  return [
    ['Node', `${process.version} on V8 ${process.versions.v8}`],
    ['Kernel', `${os.type()} ${os.release()} (${os.machine()})`],
    ['Processor', `${os.availableParallelism()} × ${processor?.model.trim() ?? 'unknown'}`],
    ['Memory', `${megabytes(os.totalmem())}, of which ${megabytes(os.freemem())} are free`],
    ['This program', `${megabytes(process.memoryUsage.rss())} in memory`],
    ['Heap limit', megabytes(getHeapStatistics().heap_size_limit)],
    ['Clock', formatISO(new Date())],
    ['Up for', `${os.uptime().toFixed(2)} s, of which Node took ${process.uptime().toFixed(2)} s`],
  ];
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MiB`;
}
