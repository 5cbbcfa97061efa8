// Several CPUs: all of them work, and what they share stays whole.
import test from 'ava';
import { bootApp } from './support/endings.ts';

const app = { name: 'processors', entry: 'apps/processors.ts' } as const;

for (const [processors, options] of [
  [2, ''],
  [4, ''],
  [2, 'idle=halt'], // idle CPUs are woken by interrupts only
] as const) {
  test.serial(
    `${processors} CPUs share threads, memory, files and wake-ups ${options}`,
    async (t) => {
      const { output, code } = await bootApp(app, {
        processors,
        memoryMegabytes: 1024,
        append: `${options} -- 4 6000`,
      });
      t.is(code, 0, output);
      const report = JSON.parse(/^\{.*\}$/m.exec(output)?.[0] ?? '{}') as {
        available: number;
        rounds: number;
        compressed: number;
        pings: number;
        times: number[];
      };
      t.log(JSON.stringify(report));
      t.is(report.available, processors);
      t.is(report.compressed, report.rounds);
      t.true(report.rounds > 0 && report.pings > 0, output);
      t.is(report.times.length, processors);
      t.true(
        report.times.every((time) => time > 0),
        `a CPU did nothing: ${report.times.join(', ')}`,
      );
    },
  );
}
