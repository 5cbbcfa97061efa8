// Fuzzes for as long as is asked: `npm run fuzz -- --seconds 300`. Exit code 1: something was found.
import { Worker } from 'node:worker_threads';
import { Command, Option } from 'commander';
import { parseWhole } from '../bench/support/program.ts';
import { fuzz } from './support/target.ts';
import { targets } from './targets/all.ts';

/** No case takes that long. */
const patience = 60;

interface Options {
  readonly seconds: number;
  readonly target?: string;
  readonly seed: number;
}

const {
  seconds,
  target: wanted,
  seed: first,
} = new Command()
  .name('npm run fuzz --')
  .description('fuzz parsers, whole stacks, TCP states, sockets, HTTP and remote calls')
  .option('--seconds <number>', 'how long, shared among the targets', parseWhole, 60)
  .addOption(
    new Option('--target <name>', 'only this one').choices(targets.map(({ name }) => name)),
  )
  .option('--seed <number>', 'number of the first case', parseWhole, Date.now() % 1_000_000_000)
  .parse()
  .opts<Options>();
const chosen = targets.filter(({ name }) => wanted === undefined || name === wanted);
const share = (seconds * 1000) / chosen.length;
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
