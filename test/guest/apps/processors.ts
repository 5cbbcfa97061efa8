// Keeps every CPU busy with Workers that compute, allocate, compress, write files, wake each other by
// futex and exchange messages, and checks all results. Prints one line of JSON.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { gunzipSync, gzip, gzipSync } from 'node:zlib';

interface Task {
  readonly index: number;
  readonly shared: SharedArrayBuffer;
  readonly milliseconds: number;
}

function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(`wrong: ${what}`);
}

function main(): void {
  const [workers = 4, milliseconds = 4000] = process.argv.slice(2).map(Number);
  const shared = new SharedArrayBuffer(64);
  const words = new Int32Array(shared);
  let pings = 0;
  let ended = 0;
  for (let index = 0; index < workers; index += 1) {
    const task: Task = { index, shared, milliseconds };
    const worker = new Worker(new URL(import.meta.url), { workerData: task });
    worker.on('message', (ping: number) => {
      pings += 1;
      worker.postMessage(ping + 1);
    });
    worker.on('exit', (code) => {
      check(code === 0, `exit code ${code} of worker ${index}`);
      ended += 1;
      if (ended < workers) return;
      const rounds = Atomics.load(words, 0);
      const compressed = Atomics.load(words, 2);
      const times = os.cpus().map(({ times }) => times.user + times.sys);
      const available = os.availableParallelism();
      console.log(JSON.stringify({ available, rounds, compressed, pings, times }));
    });
  }
}

function work({ index, shared, milliseconds }: Task): void {
  const words = new Int32Array(shared);
  const end = Date.now() + milliseconds;
  let round = 0;
  let pending = 0;
  let expected = 1;
  const closeAtEnd = (): void => {
    if (Date.now() >= end && pending === 0) parentPort?.close();
  };
  parentPort?.on('message', (pong: number) => {
    check(pong === expected, 'number of a message');
    expected += 1;
    if (Date.now() < end) parentPort?.postMessage(pong);
    else closeAtEnd();
  });
  parentPort?.postMessage(0);
  const step = (): void => {
    if (Date.now() >= end) {
      closeAtEnd();
      return;
    }
    round += 1;
    const bytes = Buffer.alloc(1 << 20, round);
    const digest = createHash('sha256').update(bytes).digest('hex');
    const part = bytes.subarray(0, 65_536);
    check(gunzipSync(gzipSync(part)).equals(part), 'compression');
    pending += 1;
    gzip(part, (error, compressed) => {
      check(error === null && gunzipSync(compressed).equals(part), 'compression in the pool');
      pending -= 1;
      Atomics.add(words, 2, 1);
      closeAtEnd();
    });
    let number = 1.5;
    for (let count = 0; count < 20_000; count += 1) number = Math.sqrt(number * count + 1.25);
    check(number > 19_990 && number < 20_010, 'floating point');
    const objects = Array.from({ length: 2000 }, (_, at) => ({ at, text: `x${at}` }));
    check(objects[1999]?.text === 'x1999', 'objects');
    Atomics.add(words, 0, 1);
    Atomics.notify(words, 1);
    Atomics.wait(words, 1, 0, 1);
    const file = `/tmp/processors-${index}`;
    writeFileSync(file, digest + round);
    check(readFileSync(file, 'utf8') === digest + round, 'file');
    check(createHash('sha256').update(bytes).digest('hex') === digest, 'memory');
    setImmediate(step);
  };
  step();
}

if (isMainThread) main();
else work(workerData as Task);
