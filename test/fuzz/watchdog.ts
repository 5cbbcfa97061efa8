/** Runs beside a fuzzer, in a thread: ends the process when one case takes for ever, and says which. */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

const { shared, name, seconds } = workerData as {
  readonly shared: SharedArrayBuffer;
  readonly name: string;
  readonly seconds: number;
};
const words = new Int32Array(shared);
let last = -1;

setInterval(() => {
  const seed = Atomics.load(words, 0);
  if (seed === last) {
    // console needs the thread that does not answer.
    writeSync(2, `${name}: FUZZ_SEED=${seed} has not ended after ${seconds} s\n`);
    process.kill(process.pid, 'SIGKILL');
  }
  last = seed;
}, seconds * 1000);
