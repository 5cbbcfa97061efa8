// Starts Workers of Node that wait, tells what each took, and how fast messages go there and back.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { memory } from '@runtimejs/kernel';

const count = Number(process.env.COUNT ?? 40);
const roundTrips = Number(process.env.ROUND_TRIPS ?? 2000);
const sizes = [1, 1024, 16 << 20];
const program = `
  const { parentPort } = require('node:worker_threads');
  parentPort.on('message', (value) => {
    parentPort.postMessage(value, value.byteLength > 16384 ? [value.buffer] : []);
  });
  parentPort.postMessage(1);`;

async function start(): Promise<[Worker, number]> {
  const begun = performance.now();
  const worker = new Worker(program, { eval: true });
  await once(worker, 'message');
  return [worker, performance.now() - begun];
}

async function roundTrip(worker: Worker, size: number): Promise<number> {
  let value = new Uint8Array(size);
  const begun = performance.now();
  await new Promise<void>((resolve) => {
    let left = roundTrips;
    const send = (): void => {
      worker.postMessage(value, size > 16384 ? [value.buffer] : []);
    };
    worker.on('message', (back: Uint8Array<ArrayBuffer>) => {
      value = back;
      if (--left === 0) resolve();
      else send();
    });
    send();
  });
  worker.removeAllListeners('message');
  return ((performance.now() - begun) * 1000) / roundTrips;
}

await start(); // what is made once is made now
const before = memory().free;
const starts: number[] = [];
const workers: Worker[] = [];
for (let at = 0; at < count; at++) {
  const [worker, took] = await start();
  workers.push(worker);
  starts.push(took);
}
const bytes = (before - memory().free) / count;
const trips: number[] = [];
for (const size of sizes) trips.push(await roundTrip(workers[0] as Worker, size));
console.log(`bench: ${JSON.stringify({ starts, bytes, trips })}`);
process.exit(0);
