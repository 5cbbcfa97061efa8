// What bench:kernel boots: the microbenchmarks, or, with WORKERS in the environment, that many Workers that compute.
// Prints lines of JSON after `bench: `.
import { isMainThread, Worker } from 'node:worker_threads';
import addon from '../../../build/test/guest/microbench.node';

/** Work of a fixed size in compiled code that allocates nothing. */
function compute(): number {
  let sum = 0;
  for (let number = 1; number < 20_000_000; number++) sum = (sum * 31 + (number ^ (sum >>> 7))) | 0;
  return sum;
}

function say(report: object): void {
  console.log(`bench: ${JSON.stringify(report)}`);
}

async function work(count: number): Promise<void> {
  const workers = Array.from({ length: count }, () => new Worker(new URL(import.meta.url)));
  await Promise.all(
    workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))),
  );
  say({ event: 'begin' });
  const start = performance.now();
  const sums = await Promise.all(
    workers.map(
      (worker) =>
        new Promise<number>((resolve) => {
          worker.once('message', resolve);
          worker.postMessage('go');
        }),
    ),
  );
  say({ event: 'end', milliseconds: performance.now() - start, sums });
  process.exit(0);
}

const count = Number(process.env.WORKERS ?? 0);
if (!isMainThread) {
  const { parentPort } = await import('node:worker_threads');
  compute(); // compiled by now
  parentPort?.once('message', () => parentPort.postMessage(compute()));
  parentPort?.postMessage('ready');
} else if (count > 0) {
  await work(count);
} else {
  say({ event: 'figures', figures: addon.run() });
}
