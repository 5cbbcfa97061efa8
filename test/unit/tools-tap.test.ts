import test from 'ava';
import { addCounts, describeCounts, FailureCollector, TapReader } from '../../lib/cli/src/tap.ts';

const output = `TAP version 13
# unit › first
ok 1 - unit › first
# unit › second
not ok 2 - unit › second
  ---
    name: AssertionError
    values:
      'Difference:': |2-
        - ok 1 - inside
        + b
    at: file.ts:3
  ...
---
# unit › third
ok 3 - unit › third # SKIP
not ok 4 - unit › fourth # TODO
#   ℹ a log line
ok 5 - issue #12 is gone

1..5
# tests 5
# pass 2
# skip 2
# fail 1
`;

test('results are counted and shown, failures with their details', (t) => {
  const reader = new TapReader();
  const shown = output.split('\n').flatMap((line) => reader.take(line) ?? []);
  t.deepEqual(reader.counts, { passed: 2, failed: 1, skipped: 2 });
  t.deepEqual(shown, [
    '✔ unit › first',
    '✘ unit › second',
    '  ---',
    '    name: AssertionError',
    '    values:',
    "      'Difference:': |2-",
    '        - ok 1 - inside',
    '        + b',
    '    at: file.ts:3',
    '  ...',
    '- unit › third (skip)',
    '- unit › fourth (todo)',
    '    ℹ a log line',
    '✔ issue #12 is gone',
  ]);
});

test('titles of a file that runs by itself are shown with its name', (t) => {
  const reader = new TapReader('calls › ');
  t.is(reader.take('ok 1 - pipes'), '✔ calls › pipes');
  t.is(reader.take('not ok 2 - files'), '✘ calls › files');
  t.is(reader.take('ok 3 - sockets # SKIP'), '- calls › sockets (skip)');
});

test('the closing line', (t) => {
  const none = { passed: 0, failed: 0, skipped: 0 };
  t.is(describeCounts(none), '0 passed, 0 failed');
  t.is(
    describeCounts(addCounts({ passed: 2, failed: 1, skipped: 3 }, { ...none, passed: 1 })),
    '3 passed, 1 failed',
  );
});

test('failures are kept with their details, up to the next result', (t) => {
  const failures = new FailureCollector();
  const reader = new TapReader();
  for (const line of output.split('\n').flatMap((text) => reader.take(text) ?? []))
    failures.take(line);
  t.is(failures.lines[0], '✘ unit › second');
  t.is(failures.lines.at(-1), '  ...');
  t.is(failures.lines.length, 9);
});
