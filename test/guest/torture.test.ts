// A short torture; `npm run torture -- --seconds 600` is the long one.
import test from 'ava';
import { runTorture } from './torture.ts';

const seconds = process.env.RUNTIMEJS_TEST_LONG === '1' ? 600 : 30;

// The kernel checks the order of its locks: other tests have the one that does not.
test('threads, futexes, signals, timers and shootdowns on 4 CPUs, without a hang or a wrong byte', async (t) => {
  t.timeout((seconds + 600) * 1000);
  const seed = Number(process.env.RUNTIMEJS_TEST_SEED ?? 1);
  const { passed, steps, report } = await runTorture({
    ...{ seconds, processors: 4, seed, stall: 120 },
    lockChecks: true,
  });
  t.log(`seed ${seed}: ${JSON.stringify(steps)}`);
  if (!passed) t.log(report);
  t.true(passed);
  t.notRegex(report, /time-stamp counters differ/, 'they do not, under an emulator');
  t.is(Object.keys(steps).length, 17);
  t.true(Object.values(steps).every((count) => count > 0));
});
