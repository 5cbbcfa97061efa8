import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { AvaReport, addCounts, describeCounts } from '../../lib/cli/src/ava-report.ts';
import { inRepository, nodeBinary, repository } from '../../lib/cli/src/paths.ts';

const output = `
  - [skip] third
  - [todo] fourth
  ✔ first (1.2s)
    ℹ a log line
      and another one
  ✘ [fail]: second they are the same
    ℹ seed 4
  ✔ issue #12 is gone

  ─

  second
  file.ts:3

  Difference (- actual, + expected):

  - 3 tests passed
  + b

  › file.ts:3:7

  ─

  1 test failed
  1 test skipped
  1 test todo
`;

/** What is shown for a report. */
function read(report: AvaReport, text: string): string[] {
  return text.split('\n').flatMap((line) => report.take(line) ?? []);
}

const details = [
  '  second',
  '  file.ts:3',
  '  Difference (- actual, + expected):',
  '  - 3 tests passed',
  '  + b',
  '  › file.ts:3:7',
];

test('results are counted and shown, failures with their details', (t) => {
  const report = new AvaReport();
  t.deepEqual(read(report, output), [
    '- third',
    '- fourth',
    '✔ first (1.2s)',
    '      a log line',
    '      and another one',
    '✘ second they are the same',
    '      seed 4',
    '✔ issue #12 is gone',
    ...details,
  ]);
  t.deepEqual(report.counts, { passed: 2, failed: 1, skipped: 2 });
  t.deepEqual(report.failures, ['✘ second they are the same', '      seed 4', ...details]);
});

test('titles are shown with the name of their file', (t) => {
  const report = new AvaReport('calls › ');
  t.is(report.take('  ✔ pipes'), '✔ calls › pipes');
  t.is(report.take('  \u001b[31m✘ [fail]:\u001b[39m files'), '✘ calls › files');
  t.is(report.take('  - [skip] sockets'), '- calls › sockets');
});

test('the closing line', (t) => {
  const none = { passed: 0, failed: 0, skipped: 0 };
  t.is(describeCounts(none), '0 passed, 0 failed');
  t.is(
    describeCounts(addCounts({ passed: 2, failed: 1, skipped: 3 }, { ...none, passed: 1 })),
    '3 passed, 1 failed',
  );
});

test('a test that fails without a stack is named', (t) => {
  const folder = mkdtempSync(inRepository('test/unit/report-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'some.test.ts');
  writeFileSync(
    file,
    `import test from 'ava';
    test('passes', (t) => t.pass());
    test('asks', async (t) => {
      const error = new TypeError('fetch failed');
      error.stack = 'TypeError: fetch failed';
      throw error;
    });`,
  );
  const { PATH, HOME } = process.env;
  const { stdout } = spawnSync(
    nodeBinary,
    [inRepository('node_modules/.bin/ava'), path.relative(repository, file)],
    { cwd: repository, encoding: 'utf8', env: { PATH, HOME, CI: 'true' } },
  );
  const report = new AvaReport();
  read(report, stdout);
  t.deepEqual(report.counts, { passed: 1, failed: 1, skipped: 0 });
  t.regex(report.failures.join('\n'), /^✘ asks .*[\s\S]*TypeError: fetch failed/);
});

test('a test that does not end is named', (t) => {
  const report = new AvaReport('calls › ');
  read(
    report,
    `
  ✔ pipes

  ✘ Timed out while running tests

  1 tests were pending in test/guest/calls.test.ts

  ◌ files

  ─

  1 test remained pending after a timeout
`,
  );
  t.deepEqual(report.counts, { passed: 1, failed: 1, skipped: 0 });
  t.true(report.failures.includes('✘ calls › files: it did not end'));
});
