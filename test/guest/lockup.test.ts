// A CPU that is stuck in the kernel is reported with its backtrace, and the machine goes on when it does.
import test from 'ava';
import { bootApp, expectEnd } from './support/endings.ts';

const app = { name: 'clocks', entry: 'apps/clocks.ts' } as const;

/** Each takes most of a minute: RUNTIMEJS_TEST_LONG=1 for all of them. */
const isLong = process.env.RUNTIMEJS_TEST_LONG === '1';
const processorCounts = isLong
  ? ({ lockup: [1, 2], 'hard-lockup': [1, 2] } as const)
  : ({ lockup: [2], 'hard-lockup': [1] } as const);

for (const [provoked, interrupts] of [
  ['lockup', 'on'],
  ['hard-lockup', 'off'],
] as const) {
  for (const processors of processorCounts[provoked]) {
    test.serial(`stuck with interrupts ${interrupts}, ${processors} CPUs`, async (t) => {
      // The app outlives what is provoked 8 s after the boot, for 25 s.
      const result = await bootApp(app, { processors, append: `provoke=${provoked} -- ticks=320` });
      expectEnd(t, result, 0, [
        new RegExp(
          `CPU \\d has been stuck in the kernel for 10 s, with interrupts ${interrupts}, thread 0 \\(provoked\\)`,
        ),
        /rip *[0-9a-f]{16}/,
        /provoked_thread.*\+0x[0-9a-f]+ \(kernel\)/,
        /CPU \d goes on; it was stuck/,
      ]);
      // The other CPU may be stuck, too: it waits for this one to answer.
      const reports = result.output.match(/CPU \d has been stuck/g) ?? [];
      t.true(reports.length <= processors, result.output);
      t.is(new Set(reports).size, reports.length);
    });
  }
}
