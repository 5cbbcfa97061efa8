/**
 * Fuzzes for as long as is asked: node test/fuzz/fuzz.ts [--seconds 60] [--target name] [--seed first].
 * Without a target each one gets its share of the time. Exit code 1: something was found.
 */
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { fuzz } from './support/target.ts';
import { targets } from './targets/all.ts';

/** No case takes that long. */
const patience = 60;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    target: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
  },
});
const chosen = targets.filter(({ name }) => values.target === undefined || name === values.target);
if (chosen.length === 0) {
  console.error(
    `there is no target ${values.target}: ${targets.map(({ name }) => name).join(', ')}`,
  );
  process.exit(2);
}
const share = (Number(values.seconds) * 1000) / chosen.length;
const first = Number(values.seed);
for (const target of chosen) {
  const shared = new SharedArrayBuffer(4);
  const words = new Int32Array(shared);
  const watchdog = new Worker(new URL('watchdog.ts', import.meta.url), {
    workerData: { shared, name: target.name, seconds: patience },
  });
  const end = Date.now() + share;
  const { cases, findings } = fuzz(
    target,
    first,
    () => Date.now() < end,
    (seed) => Atomics.store(words, 0, seed),
  );
  await watchdog.terminate();
  console.log(`${target.name}: ${cases} cases from seed ${first}, ${findings.length} findings`);
  for (const { seed, error } of findings) {
    console.log(`FUZZ_SEED=${seed}: ${error.stack}`);
    if (error.cause instanceof Error) console.log(error.cause.stack);
  }
  if (findings.length > 0) process.exitCode = 1;
}
