import type { Socket } from 'node:net';
import os from 'node:os';
import process from 'node:process';
import { cpu, isRuntime } from '@runtimejs/kernel';

/** One thing to know about the server: what it is, and its value for people to read. */
export type Fact = readonly [label: string, value: string];

/**
 * Collects what the page tells.
 *
 * @param socket the connection that asks
 * @param requests how many requests were made so far
 */
export function gatherFacts(socket: Socket, requests: number): Fact[] {
  return [
    ['Node', `${process.version} on V8 ${process.versions.v8}`],
    ['Kernel', isRuntime ? `${os.version()}, and no Linux` : os.version()],
    ...bootTime(),
    ['Up for', `${process.uptime().toFixed(1)} s`],
    ['Memory', `${megabytes(process.memoryUsage().rss)} of ${megabytes(os.totalmem())}`],
    ['You', `${socket.remoteAddress ?? 'gone'}, port ${socket.remotePort ?? 0}`],
    ['Requests', String(requests)],
  ];
}

/** What only our kernel knows. */
function bootTime(): Fact[] {
  if (!isRuntime) return [];
  const milliseconds = Number(cpu().bootNanoseconds) / 1e6;
  return [['Boot', `${milliseconds.toFixed(1)} ms from the kernel’s start to Node’s`]];
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
