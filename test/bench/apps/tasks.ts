// What the app of the benchmarks does by itself when it is asked: no network, no other load.
import { readdirSync, readFileSync } from 'node:fs';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { kernels } from './kernels.ts';

/** Figures by name: what the unit is, the measure knows. */
export type TaskFigures = Record<string, number>;

/** Where the bundler has put the files to read (test/bench/support/data.ts). */
const dataFolder = '/app/data';

/**
 * Does something again and again.
 * @param seconds how long, at least
 * @returns how often per second
 */
function rate(seconds: number, work: () => void): number {
  const start = performance.now();
  let count = 0;
  let elapsed = 0;
  do {
    work();
    count++;
    elapsed = performance.now() - start;
  } while (elapsed < seconds * 1000);
  return (count * 1000) / elapsed;
}

/** Runs per second of each kernel of compiled JavaScript. */
function compute(seconds: number): TaskFigures {
  const figures: TaskFigures = {};
  for (const [name, run] of Object.entries(kernels)) {
    rate(seconds / 2, run); // compiled by then
    figures[name] = rate(seconds, run);
  }
  return figures;
}

function readFiles(seconds: number): TaskFigures {
  // The host's Linux has no /app.
  const folder = process.env.BENCH_DATA ?? dataFolder;
  const big = `${folder}/big`;
  const small = readdirSync(`${folder}/small`).map((name) => `${folder}/small/${name}`);
  const bigLength = readFileSync(big).length;
  let next = 0;
  const readSmall = () => void readFileSync(small[next++ % small.length] ?? '');
  for (const _ of small) readSmall();
  return {
    megabytes: (rate(seconds, () => void readFileSync(big)) * bigLength) / 1e6,
    files: rate(seconds, readSmall),
  };
}

const echo =
  "require('node:worker_threads').parentPort.on('message', ({ port }) => " +
  "port.on('message', (message) => port.postMessage(message)));";

/** Sends messages to a Worker that sends them back. */
function exchange(port: MessagePort, seconds: number, message: unknown, inFlight: number) {
  return new Promise<number>((resolve) => {
    const start = performance.now();
    let count = 0;
    let done = false;
    port.on('message', () => {
      count++;
      const elapsed = performance.now() - start;
      if (elapsed < seconds * 1000) port.postMessage(message);
      else if (!done) {
        done = true;
        resolve((count * 1000) / elapsed);
      }
    });
    for (let sent = 0; sent < inFlight; sent++) port.postMessage(message);
  });
}

async function messages(seconds: number): Promise<TaskFigures> {
  const worker = new Worker(echo, { eval: true });
  const measure = async (message: unknown, inFlight: number) => {
    const { port1, port2 } = new MessageChannel();
    worker.postMessage({ port: port2 }, [port2]);
    try {
      return await exchange(port1, seconds, message, inFlight);
    } finally {
      port1.close();
    }
  };
  try {
    const block = new Uint8Array(65_536);
    await measure({ number: 0 }, 1); // compiled by then
    return {
      roundTrips: await measure({ number: 1, text: 'hello' }, 1),
      messages: await measure({ number: 1, text: 'hello' }, 64),
      // There and back.
      megabytes: ((await measure(block, 4)) * block.length * 2) / 1e6,
    };
  } finally {
    await worker.terminate();
  }
}

const tasks: Readonly<Record<string, (seconds: number) => TaskFigures | Promise<TaskFigures>>> = {
  compute,
  files: readFiles,
  messages,
};

/**
 * Runs a task.
 * @param name compute, files or messages
 * @param seconds how long each of its figures takes
 * @throws Error when there is no such task
 */
export async function runTask(name: string, seconds: number): Promise<TaskFigures> {
  const task = tasks[name];
  if (!task || !(seconds > 0)) throw new Error(`There is no task ${name} of ${seconds} s.`);
  return task(seconds);
}
