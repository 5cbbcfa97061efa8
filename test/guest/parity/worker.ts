// The worker of the parity app. Its data names a task; see cases/workers.ts and cases/wasm.ts.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { suite, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import {
  BroadcastChannel,
  type MessagePort,
  parentPort,
  threadName,
  workerData,
} from 'node:worker_threads';
import { trapRounds } from './traps.ts';

interface WorkerInput {
  readonly task: string;
  readonly n: number;
  readonly shared: SharedArrayBuffer;
  readonly rounds: number;
  readonly seat: number;
  readonly seats: number;
  readonly code: number;
  readonly port: MessagePort;
}

const input = workerData as WorkerInput;
const parent = parentPort!;

function fibonacci(n: number): number {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

function recurse(depth: number): number {
  return depth === 0 ? 0 : 1 + recurse(depth - 1);
}

const tasks: Record<string, () => void> = {
  fibonacci: () => parent.postMessage(fibonacci(input.n)),
  count: () => {
    const cells = new Int32Array(input.shared);
    for (let round = 0; round < input.rounds; round++) Atomics.add(cells, 0, 1);
  },
  turns: () => {
    const cells = new Int32Array(input.shared);
    for (let round = 0; round < input.rounds; round++) {
      const mine = round * input.seats + input.seat;
      for (let now = Atomics.load(cells, 0); now !== mine; now = Atomics.load(cells, 0)) {
        Atomics.wait(cells, 0, now);
      }
      cells[1]!++; // Plain: whoever has the turn is alone.
      Atomics.store(cells, 0, mine + 1);
      Atomics.notify(cells, 0);
    }
  },
  mutex: () => {
    const cells = new Int32Array(input.shared);
    for (let round = 0; round < input.rounds; round++) {
      while (Atomics.compareExchange(cells, 0, 0, 1) !== 0) Atomics.wait(cells, 0, 1, 1);
      cells[1]!++;
      Atomics.store(cells, 0, 0);
      Atomics.notify(cells, 0, 1);
    }
  },
  hash: () =>
    parent.once('message', (bytes: Uint8Array) =>
      parent.postMessage(createHash('sha256').update(bytes).digest('hex').slice(0, 16)),
    ),
  echo: () => parent.on('message', (message) => parent.postMessage(message)),
  spin: () => {
    parent.postMessage('spinning');
    for (;;);
  },
  'wait for ever': () => {
    parent.postMessage('waiting');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
  throw: () => {
    throw new TypeError('thrown in a worker');
  },
  exit: () => process.exit(input.code),
  'fill heap': () => {
    const kept: object[] = [];
    for (;;) kept.push(Array.from({ length: 1000 }, (_, index) => ({ index })));
  },
  recurse: () => {
    try {
      parent.postMessage(recurse(1e9));
    } catch (error) {
      parent.postMessage(`${(error as Error).name} ${recurse(1000)}`);
    }
  },
  port: () => input.port.once('message', (message) => input.port.postMessage(message)),
  broadcast: () => {
    const channel = new BroadcastChannel('parity');
    channel.onmessage = () => channel.close();
    channel.postMessage('from the worker');
  },
  environment: () =>
    parent.postMessage([threadName, process.env.ONLY, process.env.PATH, process.argv.slice(2)]),
  print: () => {
    console.log('printed in a worker');
    process.stdout.write('and written');
  },
  tests: () => {
    test('adds', () => assert.equal(1 + 1, 2));
    test('fails', () => assert.equal(1, 2));
    test('skips', { skip: true }, () => {});
    test('waits', async () => setTimeout(5));
    suite('nests', () => {
      test('inside', () => {});
    });
  },
  traps: () => parent.postMessage(trapRounds(input.rounds)),
};

tasks[input.task]!();
