// Says what this start of the machine gives the app, and what must not come from the frozen state.
import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { createServer, get } from 'node:http';
import { availableParallelism, getPriority } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';

/** An object's worth of memory each. */
const block = 1024;

const inWorker = await new Promise((resolve, reject) => {
  const worker = new Worker(
    'require("node:worker_threads").parentPort.postMessage(Math.random())',
    {
      eval: true,
    },
  );
  worker.once('message', resolve).once('error', reject);
});

const server = createServer((request, response) => response.end(request.url));
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as { port: number };
const { answer, date } = await new Promise<{ answer: string; date: number }>((resolve, reject) => {
  get({ port, host: '127.0.0.1', path: '/answer' }, (response) => {
    const date = Date.parse(response.headers.date ?? '');
    response.setEncoding('utf8').on('data', (answer) => resolve({ answer, date }));
  }).on('error', reject);
});
server.close();

/** More than the heap of the machine on which the process was frozen may hold. */
function fillHeap(megabytes: number): number {
  const kept: number[][] = [];
  for (let index = 0; index < megabytes * block; index++) {
    kept.push(Array.from({ length: block / 8 }, (_, place) => index + place + 0.5));
  }
  return kept.length;
}

/** V8's threads give way in the first moments; a thread may end while it is looked at. */
function givesWay(thread: string): boolean {
  try {
    return getPriority(Number(thread)) > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SYSTEM_ERROR') return false;
    throw error;
  }
}
while (readdirSync('/proc/self/task').some(givesWay)) await setTimeout(100);

console.log(
  `warm ${JSON.stringify({
    arguments: process.argv.slice(2),
    entry: process.argv[1],
    options: process.execArgv,
    variables: { ...process.env },
    zone: new Date(0).getHours(),
    now: performance.now(),
    sinceOrigin: Date.now() - performance.timeOrigin,
    clock: Date.now(),
    processors: availableParallelism(),
    random: [
      Math.random(),
      inWorker,
      runInNewContext('Math.random()'),
      randomUUID(),
      crypto.getRandomValues(new Uint32Array(4)).join(),
    ],
    answer,
    date,
    filled: process.env.FILL === undefined ? 0 : fillHeap(Number(process.env.FILL)),
  })}`,
);
