// Uses what differs between machines: CPUs, memory, instructions, clocks, files. Prints one line of JSON.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { Worker } from 'node:worker_threads';
import { gunzipSync, gzipSync } from 'node:zlib';
import { wasmApi } from '../parity/webassembly.ts';

/** A worker for each CPU adds up; all of them have to come to the same sum. */
async function sums(count: number): Promise<number[]> {
  const source = `
    const { parentPort } = require('node:worker_threads');
    let sum = 0;
    for (let i = 1; i <= 300000; i++) sum = (sum + Math.imul(i, 2654435761)) % 1000003;
    parentPort.postMessage(sum);
  `;
  return Promise.all(
    Array.from({ length: count }, async () => {
      const worker = new Worker(source, { eval: true });
      const [sum] = (await once(worker, 'message')) as [number];
      return sum;
    }),
  );
}

/** (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)) */
const adder = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100,
  100, 0, 0, 10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11,
]);

async function webAssembly(): Promise<boolean> {
  const { instance } = await wasmApi.instantiate(adder);
  return (instance.exports as { add(a: number, b: number): number }).add(40, 2) === 42;
}

/** Vector code of Node's libraries: digests, compression, text. */
function vectors(): boolean {
  const bytes = randomBytes(200_000);
  const text = 'Grüße, 世界. '.repeat(5000);
  const digest = createHash('sha256').update('abc').digest('hex');
  return (
    gunzipSync(gzipSync(bytes)).equals(bytes) &&
    Buffer.from(text).toString() === text &&
    digest.startsWith('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  );
}

function files(): boolean {
  const folder = mkdtempSync('/tmp/matrix-');
  writeFileSync(`${folder}/file`, 'content');
  const isThere = readFileSync(`${folder}/file`, 'utf8') === 'content';
  rmSync(folder, { recursive: true });
  return isThere;
}

const cpus = os.availableParallelism();
const results = await sums(cpus);
const start = performance.now();
await new Promise((done) => setTimeout(done, 50));
const waited = performance.now() - start;
console.log(
  JSON.stringify({
    cpus,
    memory: os.totalmem(),
    sums: new Set(results).size === 1 && results.length === cpus,
    webAssembly: await webAssembly(),
    vectors: vectors(),
    files: files(),
    timer: waited >= 49 && waited < 20_000,
    year: new Date().getFullYear() >= 2024,
  }),
);
