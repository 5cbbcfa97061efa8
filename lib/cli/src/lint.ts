// `npm run lint`: TypeScript's formatting, rules and types, C++'s formatting and static analysis.
import { glob } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { runCommand, ToolError } from './command.ts';
import { buildFolder, inRepository, repository } from './paths.ts';
import { step } from './progress.ts';

/**
 * Runs every check, also after one failed.
 * @returns whether all passed; what failed is on standard error
 */
export async function lint(): Promise<boolean> {
  const sources = await nativeSources();
  const checks: { title: string; run: () => Promise<unknown> }[] = [
    { title: 'Checking TypeScript: formatting and rules', run: checkBiome },
    { title: 'Checking TypeScript: types', run: checkTypes },
  ];
  if (sources.length > 0) {
    checks.push(
      { title: 'Checking C++: formatting', run: () => checkFormat(sources) },
      { title: 'Checking C++: static analysis', run: () => analyse() },
    );
  }
  let passed = true;
  for (const { title, run } of checks) {
    try {
      await step(title, run);
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      passed = false;
      process.stderr.write(`${error.message}\n`);
    }
  }
  return passed;
}

/** Formats every source in place. */
export async function format(): Promise<void> {
  await step('Formatting TypeScript', () => runBiome(['check', '--write', '.']));
  const sources = await nativeSources();
  if (sources.length === 0) return;
  await step('Formatting C++', () =>
    runCommand('clang-format', ['-i', ...sources], { cwd: repository }),
  );
}

const formatRemedy = 'Run `npm run format` to format the sources.';

function runBiome(parameters: readonly string[]): Promise<string> {
  return runCommand(inRepository('node_modules/.bin/biome'), parameters, {
    cwd: repository,
    remedy: formatRemedy,
  });
}

async function checkBiome(): Promise<void> {
  await runBiome(['check', '--error-on-warnings', '.']);
}

async function checkTypes(): Promise<void> {
  await runCommand(inRepository('node_modules/.bin/tsc'), ['--project', repository], {
    cwd: repository,
  });
}

async function checkFormat(sources: readonly string[]): Promise<void> {
  await runCommand('clang-format', ['--dry-run', '-Werror', ...sources], {
    cwd: repository,
    remedy: formatRemedy,
  });
}

async function analyse(): Promise<void> {
  await runCommand(
    'cppcheck',
    [
      ...['--quiet', '--error-exitcode=1', '-j', String(availableParallelism())],
      ...['--std=c++20', '--language=c++', '--platform=unix64'],
      ...['--enable=warning,performance,portability', '--inline-suppr'],
      `--suppressions-list=${inRepository('cmake/cppcheck-suppressions.txt')}`,
      `--cppcheck-build-dir=${path.join(buildFolder, 'cppcheck')}`,
      ...['-I', 'native/kernel', '-I', 'native/abi/generated', 'native'],
    ],
    { cwd: repository },
  );
}

/** C++ sources that are written by hand, relative to the repository. */
async function nativeSources(): Promise<string[]> {
  const files = await Array.fromAsync(
    glob(
      ['native', 'lib', 'test'].map((folder) => `${folder}/**/*.{h,cc,cpp}`),
      {
        cwd: repository,
        exclude: ['**/node_modules/**', '**/generated/**', '**/build/**'],
      },
    ),
  );
  return files.sort();
}
