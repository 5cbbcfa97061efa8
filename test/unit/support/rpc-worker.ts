// A thread that serves over a port; what it serves is Work.
import { type MessagePort, workerData } from 'node:worker_threads';
import { connect } from '../../../lib/rpc/src/calls/connection.ts';
import type { RemoteFunction, Served } from '../../../lib/rpc/src/calls/types.ts';
import { move } from '../../../lib/rpc/src/codec/move.ts';
import { openPortChannel } from '../../../lib/rpc/src/node/port-channel.ts';

/** What the thread does for others. */
export interface Work {
  add(one: number, other: number): number;
  back(bytes: Uint8Array): Uint8Array;
  numbers(to: number): AsyncIterable<number>;
  sum(numbers: AsyncIterable<number>): number;
  visit(count: number, visitor: (index: number) => number): number;
  loop(): never;
  exit(): void;
  crash(): void;
  through(port: MessagePort): MessagePort;
}

const work: Served<Work> = {
  add: (one, other) => one + other,
  back: (bytes) => move(bytes),
  numbers: async function* (to) {
    for (let number = 0; number < to; number += 1) yield number;
  },
  sum: async (numbers) => {
    let sum = 0;
    for await (const number of numbers) sum += number;
    return sum;
  },
  visit: async (count, visitor: RemoteFunction<(index: number) => number>) => {
    let sum = 0;
    for (let index = 0; index < count; index += 1) sum += await visitor(index);
    return sum;
  },
  loop: () => {
    while (true);
  },
  exit: () => process.exit(3),
  crash: () => {
    setImmediate(() => {
      throw new Error('crashed on purpose');
    });
  },
  through: (port) => port,
};

const { port } = workerData as { port: MessagePort };
connect(await openPortChannel(port, { capacity: 8192 }), { serve: work });
