import os from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { cpu, isRuntime, memory, uptime } from '@runtimejs/kernel';
import { formatISO } from 'date-fns';

/** One thing to know about the machine: what it is, and its value for people to read. */
export type Fact = readonly [label: string, value: string];

/** Asks Node, and the kernel when it is ours, where this program runs. */
export function gatherFacts(): Fact[] {
  const processor = os.cpus()[0];
  return [
    ['Node', `${process.version} on V8 ${process.versions.v8}`],
    ['Kernel', `${os.version()} (${os.machine()})`],
    ['Processor', `${os.availableParallelism()} × ${processor?.model.trim() ?? 'unknown'}`],
    ['Memory', `${megabytes(os.totalmem())}, of which ${megabytes(os.freemem())} are free`],
    ['Heap limit', megabytes(getHeapStatistics().heap_size_limit)],
    ['Clock', formatISO(new Date())],
    ...(isRuntime ? kernelFacts() : []),
  ];
}

/** What only our kernel tells. */
function kernelFacts(): Fact[] {
  const { image, application, pageFaults } = memory();
  const { threads, systemCalls, bootNanoseconds } = cpu();
  return [
    ['Boot', `Node’s first instruction after ${milliseconds(Number(bootNanoseconds) / 1e6)}`],
    ['Up for', milliseconds(Number(uptime()) / 1e6)],
    [
      'In memory',
      `${megabytes(image)} of files in place, ${megabytes(application)} of the app’s own`,
    ],
    ['So far', `${systemCalls} system calls, ${pageFaults} page faults, ${threads} threads`],
  ];
}

function milliseconds(duration: number): string {
  return `${duration.toFixed(1)} ms`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MiB`;
}
