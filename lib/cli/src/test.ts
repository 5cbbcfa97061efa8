// `npm test`: builds, lints, and runs every test, and ends with a line that counts them.
import { access, glob } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { AvaReport, addCounts, describeCounts, type TestCounts } from './ava-report.ts';
import { build } from './build.ts';
import { lint } from './lint.ts';
import { acceleratorVariable, detectAccelerator } from './machine.ts';
import { inRepository, nodeBinary, repository } from './paths.ts';

/**
 * Kinds of tests, in the order they run. Guest tests boot machines, each of which needs about a processor of
 * the host: those of a file run one after another.
 */
const suites = [
  { folder: 'test/unit', boots: false },
  { folder: 'test/sim', boots: false },
  { folder: 'test/fuzz', boots: false },
  { folder: 'test/bench', boots: false },
  { folder: 'test/guest', boots: true },
] as const;

/** What to test. */
export interface TestOptions {
  /** Files or patterns; all tests when there are none. */
  readonly files: readonly string[];
  readonly build: boolean;
  readonly lint: boolean;
}

/**
 * Runs the tests.
 * @param options see there
 * @returns exit code: 0 when everything passed and at least one test ran
 */
export async function test(options: TestOptions): Promise<number> {
  if (options.build) await build();
  const linted = options.lint ? await lint() : true;

  let counts: TestCounts = { passed: 0, failed: 0, skipped: 0 };
  const failures: string[] = [];
  for (const { folder, boots } of suites) {
    const files = await testFiles(folder, options.files);
    if (files.length === 0) continue;
    if (boots) process.env[acceleratorVariable] = await detectAccelerator(); // so that it is said once
    console.log(`\n${folder}`);
    const show = (line: string) => console.log(`  ${line}`);
    const found = await runFiles(files, boots, show);
    counts = addCounts(counts, found.counts);
    failures.push(...found.failures);
  }

  if (failures.length > 0) console.log(['\nWhat failed', ...failures].join('\n  '));
  if (!linted) console.log('\nThe lint failed; see its messages above.');
  if (counts.passed + counts.failed === 0) console.log('\nNo test ran.');
  if (counts.skipped > 0) console.log(`\n${counts.skipped} skipped`);
  console.log(`\n${describeCounts(counts)}`);
  return linted && counts.failed === 0 && counts.passed > 0 ? 0 : 1;
}

/** The test files of a suite, or those of them that match the user's patterns. */
async function testFiles(folder: string, patterns: readonly string[]): Promise<string[]> {
  const exists = await access(inRepository(folder)).then(
    () => true,
    () => false,
  );
  if (!exists) return [];
  const collect = async (pattern: string) =>
    Array.fromAsync(glob(pattern, { cwd: repository, exclude: ['**/node_modules/**'] }));
  const all = await collect(`${folder}/**/*.test.ts`);
  if (patterns.length === 0) return all.sort();
  const wanted = new Set((await Promise.all(patterns.map(collect))).flat());
  return all.filter((file) => wanted.has(file)).sort();
}

/** What became of tests. */
interface Results {
  readonly counts: TestCounts;
  /** What was shown of those that failed. */
  readonly failures: readonly string[];
}

/** Most files at a time. */
const mostLanes = 2;

/**
 * Runs each file by itself, so that one that hangs or breaks down is named and does not take others with it. Its
 * results are shown once it is through, unless it runs alone.
 */
async function runFiles(
  files: readonly string[],
  serial: boolean,
  show: (line: string) => void,
): Promise<Results> {
  const failures: string[] = [];
  let counts: TestCounts = { passed: 0, failed: 0, skipped: 0 };
  const waiting = [...files];
  const lanes = Math.min(mostLanes, availableParallelism(), files.length);
  const runLane = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const lines: string[] = [];
      const found = await runAva(file, serial, lanes === 1 ? show : (line) => lines.push(line));
      lines.forEach(show);
      counts = addCounts(counts, found.counts);
      failures.push(...found.failures);
    }
  };
  await Promise.all(Array.from({ length: lanes }, runLane));
  return { counts, failures };
}

/** Runs the tests of a file. */
async function runAva(
  file: string,
  serial: boolean,
  show: (line: string) => void,
): Promise<Results> {
  const ava = inRepository('node_modules/.bin/ava');
  const child = execa(nodeBinary, [ava, ...(serial ? ['--serial'] : []), file], {
    cwd: repository,
    stdin: 'ignore',
    stderr: 'inherit',
    buffer: false,
    reject: false,
  });
  const report = new AvaReport(`${path.basename(file, '.test.ts')} › `);
  for await (const line of child) {
    const shown = report.take(line);
    if (shown !== undefined) show(shown);
  }
  const { failed } = await child;
  const { counts, failures } = report;
  if (!failed || counts.failed > 0) return { counts, failures };
  // A run that broke down or hung before it could blame a test still is a failure.
  const what = `✘ ${file}: its process broke down or hung, after ${describeCounts(counts)}; see above`;
  show(what);
  return { counts: { ...counts, failed: 1 }, failures: [...failures, what] };
}
