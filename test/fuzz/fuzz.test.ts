/**
 * A short run of every fuzzer, the same each time. Long ones: npm run fuzz -- --seconds 300 --target stack.
 * A finding is replayed by FUZZ_SEED, with --match for the target.
 */
import test from 'ava';
import { fuzz } from './support/target.ts';
import { targets } from './targets/all.ts';

/** What long runs have found, mended since. */
const mended: readonly (readonly [target: string, seed: number])[] = [['sockets', 910_255_897]];

const single = process.env.FUZZ_SEED;

for (const target of targets) {
  test(target.name, (t) => {
    const first = Number(single ?? 1);
    const most = single === undefined ? target.shortRun : 1;
    const { findings } = fuzz(target, first, (done) => done < most);
    t.deepEqual(
      findings.map(({ seed, error }) => `FUZZ_SEED=${seed}: ${error.stack}`),
      [],
    );
  });
}

for (const [name, seed] of mended) {
  test(`${name}, once found: FUZZ_SEED=${seed}`, (t) => {
    const target = targets.find((one) => one.name === name);
    t.notThrows(() => target?.run(seed));
    t.truthy(target);
  });
}
