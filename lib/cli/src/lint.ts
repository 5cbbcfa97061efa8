// `npm run lint`: TypeScript's formatting, rules and types, C++'s formatting and static analysis.
import { glob, mkdir } from 'node:fs/promises';
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
  // Code that runs without Node has a tsconfig.json of its own, without Node's types.
  const own = await Array.fromAsync(glob('{lib,drivers}/*/tsconfig.json', { cwd: repository }));
  for (const project of ['tsconfig.json', ...own.sort()]) {
    await runCommand(inRepository('node_modules/.bin/tsc'), ['--project', project], {
      cwd: repository,
    });
  }
}

async function checkFormat(sources: readonly string[]): Promise<void> {
  const unformatted = new Set<string>();
  const parameters = ['--dry-run', '-Werror', '--ferror-limit=1', ...sources];
  try {
    await runCommand('clang-format', parameters, {
      cwd: repository,
      onLine: (line) => {
        const file = /^(.+?):\d+:\d+: error: code should be clang-formatted/.exec(line)?.[1];
        if (file !== undefined) unformatted.add(file);
      },
    });
  } catch (error) {
    // Its own report quotes every line that would change.
    if (unformatted.size === 0) throw error;
    throw new ToolError(`Not formatted: ${[...unformatted].join(', ')}.\n${formatRemedy}`);
  }
}

async function analyse(): Promise<void> {
  const cache = path.join(buildFolder, 'cppcheck');
  await mkdir(cache, { recursive: true });
  await runCommand(
    'cppcheck',
    [
      ...['--quiet', '--error-exitcode=1', '-j', String(availableParallelism())],
      ...['--std=c++20', '--language=c++', '--platform=unix64'],
      ...['--enable=warning,performance,portability', '--inline-suppr'],
      `--suppressions-list=${inRepository('cmake/cppcheck-suppressions.txt')}`,
      `--cppcheck-build-dir=${cache}`,
      ...['-D__x86_64__=1', '-D__attribute__(x)='],
      ...['-I', 'native/kernel', '-I', 'native/shim/src', '-I', 'native/abi/generated', 'native'],
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
