// The kernel log: levels, times, and the ways to read it.
import test from 'ava';
import { bootApp } from './support/endings.ts';

test.serial('/dev/kmsg has records with level, number and time', async (t) => {
  const { output, code } = await bootApp({ name: 'kernel-log', entry: 'apps/kernel-log.ts' });
  t.is(code, 0, output);
  const [before, after] = [...output.matchAll(/^\{.*\}\r?$/gm)].map(
    ([line]) => JSON.parse(line) as Record<string, unknown>,
  );
  const first = before!.first as string[];
  t.regex(first[0]!, /^\d,0,\d+,-;/, 'the first line since boot');
  const parts = first.map((record) => /^(\d),(\d+),(\d+),-;([^\n]*)\n$/.exec(record)!.slice(1));
  t.deepEqual(
    parts.map(([, sequence]) => Number(sequence)),
    parts.map((_, index) => index),
  );
  const times = parts.map(([, , time]) => Number(time));
  t.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
    'microseconds since boot',
  );
  const own = parts.slice(-4).map(([level, , , text]) => `${level} ${text}`);
  t.deepEqual(own, [
    '6 from the package',
    '3 an error',
    '6 with a facility, \\x5c and\\x09tab',
    '4 without a level',
  ]);
  t.regex(output, /^\[runtime\] an error\r?$/m, 'errors are on the console');
  t.notRegex(output, /^\[runtime\] from the package/m, 'information is not, by default');
  t.regex(output, /too small: EINVAL/);
  t.regex(before!.later as string, /^4,\d+,\d+,-;later\n$/);
  t.regex(before!.text as string, /^<3>\[ +\d+\.\d{6}\] an error$/m);

  t.is(after!.missed, 'EPIPE', 'who reads too late is told');
  t.true((after!.count as number) > 300, JSON.stringify(after));
  t.true(after!.consecutive);
  t.regex(after!.newest as string, /line 1999 x+\n$/);
});
