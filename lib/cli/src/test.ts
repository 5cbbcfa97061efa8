// `npm test`: builds, lints, and runs every test, and ends with a line that counts them.
import { access, glob } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { build } from './build.ts';
import { lint } from './lint.ts';
import { acceleratorVariable, detectAccelerator } from './machine.ts';
import { inRepository, nodeBinary, repository } from './paths.ts';
import { addCounts, describeCounts, FailureCollector, TapReader, type TestCounts } from './tap.ts';

/**
 * Kinds of tests, in the order they run. Guest tests boot machines: each file is a run of its own, so that one
 * that hangs or breaks down does not take the others with it, and there are as many runs at a time as lanes.
 */
const suites = [
  { folder: 'test/unit', apart: false },
  { folder: 'test/sim', apart: false },
  { folder: 'test/fuzz', apart: false },
  { folder: 'test/bench', apart: false },
  { folder: 'test/guest', apart: true },
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
  const failures = new FailureCollector();
  for (const { folder, apart } of suites) {
    const files = await testFiles(folder, options.files);
    if (files.length === 0) continue;
    console.log(`\n${folder}`);
    const show = (line: string) => {
      failures.take(line);
      console.log(`  ${line}`);
    };
    const found = apart ? await runApart(files, show) : await runAva(files, show);
    counts = addCounts(counts, found);
  }

  if (failures.lines.length > 0) console.log(['\nWhat failed', ...failures.lines].join('\n  '));
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

/** Most runs at a time. A machine under test needs about a processor of the host. */
const mostLanes = 2;

/** Runs each file by itself, and shows its results once it is through, unless it runs alone. */
async function runApart(
  files: readonly string[],
  show: (line: string) => void,
): Promise<TestCounts> {
  let counts: TestCounts = { passed: 0, failed: 0, skipped: 0 };
  process.env[acceleratorVariable] = await detectAccelerator(); // so that it is said once
  const waiting = [...files];
  const lanes = Math.min(mostLanes, availableParallelism(), files.length);
  const runLane = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const lines: string[] = [];
      const found = await runAva([file], lanes === 1 ? show : (line) => lines.push(line));
      lines.forEach(show);
      counts = addCounts(counts, found);
    }
  };
  await Promise.all(Array.from({ length: lanes }, runLane));
  return counts;
}

/** Runs tests; those of a single file one after another. */
async function runAva(files: readonly string[], show: (line: string) => void): Promise<TestCounts> {
  const ava = inRepository('node_modules/.bin/ava');
  const [only, ...others] = files;
  const isAlone = only !== undefined && others.length === 0;
  const child = execa(nodeBinary, [ava, '--tap', ...(isAlone ? ['--serial'] : []), ...files], {
    cwd: repository,
    stdin: 'ignore',
    stderr: 'inherit',
    buffer: false,
    reject: false,
  });
  // ava prefixes titles with the name of their file only where there are several.
  const reader = new TapReader(isAlone ? `${path.basename(only, '.test.ts')} › ` : '');
  for await (const line of child) {
    const shown = reader.take(line);
    if (shown !== undefined) show(shown);
  }
  const { failed } = await child;
  const { counts } = reader;
  if (!failed || counts.failed > 0) return counts;
  // A run that broke down before it could blame a test still is a failure.
  show(`✘ ${files.join(' ')}: the test runner broke down; see its message above`);
  return { ...counts, failed: 1 };
}
