// `npm test`: builds, lints, and runs every test, and ends with a line that counts them.
import { access, glob } from 'node:fs/promises';
import { execa } from 'execa';
import { build } from './build.ts';
import { lint } from './lint.ts';
import { inRepository, nodeBinary, repository } from './paths.ts';
import { addCounts, describeCounts, TapReader, type TestCounts } from './tap.ts';

/** Kinds of tests, in the order they run. Guest tests boot machines: one at a time. */
const suites = [
  { folder: 'test/unit', serial: false },
  { folder: 'test/sim', serial: false },
  { folder: 'test/fuzz', serial: false },
  { folder: 'test/bench', serial: false },
  { folder: 'test/guest', serial: true },
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
  for (const { folder, serial } of suites) {
    const files = await testFiles(folder, options.files);
    if (files.length === 0) continue;
    console.log(`\n${folder}`);
    counts = addCounts(counts, await runAva(files, serial));
  }

  if (!linted) console.log('\nThe lint failed; see its messages above.');
  if (counts.passed + counts.failed === 0) console.log('\nNo test ran.');
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

async function runAva(files: readonly string[], serial: boolean): Promise<TestCounts> {
  const ava = inRepository('node_modules/.bin/ava');
  const parameters = [
    ava,
    '--tap',
    ...(serial ? ['--serial', '--concurrency', '1'] : []),
    ...files,
  ];
  const child = execa(nodeBinary, parameters, {
    cwd: repository,
    stdin: 'ignore',
    stderr: 'inherit',
    buffer: false,
    reject: false,
  });
  const reader = new TapReader();
  for await (const line of child) {
    const shown = reader.take(line);
    if (shown !== undefined) console.log(`  ${shown}`);
  }
  const { failed } = await child;
  const { counts } = reader;
  // A run that broke down before it could blame a test still is a failure.
  return failed && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}
