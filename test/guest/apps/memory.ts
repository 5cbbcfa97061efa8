// Takes memory in the ways that once did not give it back, and prints what is left in use.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { memory } from '@runtimejs/kernel';

const workerSource = `
  const { parentPort } = require('node:worker_threads');
  parentPort.postMessage(Array.from({ length: 20000 }, (_, i) => ({ i })).length);
`;

function report(when: string): void {
  const { kernelHeap, pageTables, tmpfs } = memory();
  console.log(
    JSON.stringify({
      when,
      kernelHeap: Number(kernelHeap),
      pageTables: Number(pageTables),
      tmpfs: Number(tmpfs),
    }),
  );
}

async function runWorkers(count: number): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, () => {
      const worker = new Worker(workerSource, { eval: true });
      return new Promise((resolve) => worker.once('exit', resolve));
    }),
  );
}

for (let round = 0; round < 4; round++) await runWorkers(4);
report('warm');
for (let round = 0; round < 12; round++) await runWorkers(4);
report('workers');

const files = Array.from({ length: 2000 }, (_, i) => `/tmp/directory-${i}`);
for (const file of files) {
  mkdirSync(file);
  writeFileSync(`${file}/content`, 'x'.repeat(5000));
}
report('files');
for (const file of files) rmSync(file, { recursive: true });
report('end');
