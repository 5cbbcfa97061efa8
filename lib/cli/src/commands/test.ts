import { existsSync, readFileSync } from 'node:fs';
import { glob, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Command, Option } from 'commander';
import { buildApp } from '../app/build-app.ts';
import { displayPath } from '../bundle/project.ts';
import { findInstalled } from '../bundle/resolve.ts';
import { ToolError } from '../command.ts';
import { type App, loadApp } from '../config/load.ts';
import { commandLine } from '../launch.ts';
import { type Accelerator, interrupted, startMachine } from '../machine.ts';
import { collectVariables, parseMegabytes, parseProcessors } from '../options.ts';
import { chooseAccelerator, consoleLog } from './machine-options.ts';

interface TestOptions {
  readonly app: string;
  readonly reporter?: string;
  readonly testNamePattern?: string;
  readonly timeout: number;
  readonly memory?: number;
  readonly cpus?: number;
  readonly kvm?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

const reporters = ['spec', 'tap', 'dot', 'junit'] as const;

/** `runtime test`. */
export function register(program: Command): void {
  program
    .command('test')
    .description("run the app's node:test or ava suite inside the virtual machine")
    .argument('[files...]', 'test files or patterns (default: the config)')
    .addOption(
      new Option(
        '--reporter <name>',
        'how to report (default: spec on a terminal, else tap)',
      ).choices(reporters),
    )
    .option('-t, --test-name-pattern <pattern>', 'run the tests whose names match')
    .option('--timeout <seconds>', 'end the machine after this time', Number, 600)
    .option('-m, --memory <MiB>', 'memory of the machine', parseMegabytes)
    .option('-c, --cpus <number>', 'processors of the machine', parseProcessors)
    .option('-e, --env <NAME=value>', 'environment variable of the tests', collectVariables)
    .option('--kvm', 'insist on KVM')
    .option('--no-kvm', 'let QEMU emulate the processor')
    .option('--app <folder>', 'the app', '.')
    .action(async (files: string[], options: TestOptions) => {
      const app = await loadApp(options.app, { command: 'test' });
      process.exitCode = await test(app, files, options);
    });
}

async function test(app: App, patterns: readonly string[], options: TestOptions): Promise<number> {
  const files = await findTests(app, patterns);
  const accelerator = await chooseAccelerator(options.kvm);
  const entries = Object.fromEntries(
    files.map((file) => [entryName(file), path.join(app.root, file)]),
  );
  const runner = chooseRunner(files.map((file) => path.join(app.root, file)));
  const modules = Object.keys(entries).map((name) => `/app/${name}.mjs`);
  const built = await buildApp(app, {
    initrd: path.join(app.work, 'initrd-test'),
    title: `Bundling ${files.length === 1 ? files[0] : `${files.length} test files`}`,
    entries,
    ...(runner === ava ? { wholePackages: ['ava'] } : {}),
    files: { '/app/package.json': await writeManifest(app) },
    arguments: ['node', ...nodeOptions(app), ...runner(modules, options, app.root)],
  });
  return runInMachine(app, built.runtime.file, built.initrd, accelerator, options);
}

/** @returns test files, relative to the project, sorted */
async function findTests(app: App, patterns: readonly string[]): Promise<string[]> {
  const exclude = ['**/node_modules/**', `${path.relative(app.root, app.output)}/**`];
  const wanted = patterns.length > 0 ? patterns : app.tests;
  const files = await Array.fromAsync(glob([...wanted], { cwd: app.root, exclude }));
  if (files.length > 0) return [...new Set(files)].sort();
  throw new ToolError(
    `No test file matches ${wanted.join(', ')} in ${displayPath(app.root)}. Create test/app.test.ts, or ` +
      'name the files: runtime test FILES, or "tests" in runtime.config.ts.',
  );
}

/** Name of a test's module in /app: flat, so that its source map leads to where the source would be. */
function entryName(file: string): string {
  return file.replace(/\.[cm]?[jt]sx?$/, '').replaceAll(path.sep, '.');
}

/** Tests run in the project's folder. */
function nodeOptions(app: App): string[] {
  const enter =
    "data:text/javascript,import{isMainThread}from'node:worker_threads';isMainThread&&process.chdir('/app')";
  return ['--enable-source-maps', '--import', enter, ...app.nodeOptions];
}

/** Settings of ava that name files of the project, where the machine has bundles. */
const settingsOfFiles = [
  'files',
  'extensions',
  'require',
  'typescript',
  'watchMode',
  'nodeArguments',
];

/** The package.json that tests see: the project's, without what holds for its sources only. */
async function writeManifest(app: App): Promise<string> {
  const source = path.join(app.root, 'package.json');
  const manifest = existsSync(source)
    ? (JSON.parse(readFileSync(source, 'utf8')) as { ava?: Record<string, unknown> })
    : {};
  const kept = Object.entries(manifest.ava ?? {}).filter(([key]) => !settingsOfFiles.includes(key));
  const file = path.join(app.work, 'package-test.json');
  // Where QEMU emulates the processor, ava's own limit of 10 s without a result is soon over.
  const settings = { timeout: '5m', ...Object.fromEntries(kept) };
  const text = JSON.stringify({ ...manifest, type: 'module', ava: settings });
  const before = await readFile(file, 'utf8').catch(() => undefined);
  if (text !== before) {
    await mkdir(app.work, { recursive: true });
    await writeFile(file, text);
  }
  return file;
}

type Runner = (modules: readonly string[], options: TestOptions, root: string) => string[];

/** Looks at what the tests import. */
function chooseRunner(files: readonly string[]): Runner {
  const usesAva = files.map((file) => /from\s+['"]ava['"]/.test(readFileSync(file, 'utf8')));
  if (usesAva.every((uses) => uses)) return ava;
  if (!usesAva.some((uses) => uses)) return nodeTest;
  const odd = files[usesAva.indexOf(false)] ?? '';
  throw new ToolError(
    `Some tests import ava and ${displayPath(odd)} does not. Run them apart: runtime test FILES.`,
  );
}

const nodeTest: Runner = (modules, { reporter, testNamePattern }) => [
  '--test',
  // There is one process only.
  '--test-isolation=none',
  `--test-reporter=${reporter ?? (process.stdout.isTTY ? 'spec' : 'tap')}`,
  ...(testNamePattern === undefined ? [] : [`--test-name-pattern=${testNamePattern}`]),
  ...modules,
];

const ava: Runner = (modules, { reporter, testNamePattern }, root) => {
  if (reporter !== undefined && reporter !== 'tap') {
    throw new ToolError(`ava has no reporter ${reporter}: leave --reporter out, or take tap.`);
  }
  return [
    `/app/node_modules/ava/${avaProgram(root)}`,
    ...(reporter === 'tap' || !process.stdout.isTTY ? ['--tap'] : []),
    ...(testNamePattern === undefined ? [] : ['--match', testNamePattern]),
    ...modules.map((module) => path.basename(module)),
  ];
};

/** Where ava's program is in its package. */
function avaProgram(root: string): string {
  const folder = findInstalled('ava', root);
  if (folder === undefined) {
    throw new ToolError('The package ava is not installed. Install it: npm install --save-dev ava');
  }
  const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as {
    bin?: string | Record<string, string>;
  };
  const program = typeof manifest.bin === 'string' ? manifest.bin : manifest.bin?.ava;
  return path.normalize(program ?? 'entrypoints/cli.js');
}

async function runInMachine(
  app: App,
  runtime: string,
  initrd: string,
  accelerator: Accelerator | undefined,
  options: TestOptions,
): Promise<number> {
  const colours =
    process.stdout.isTTY && !process.env.NO_COLOR ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' };
  const show = new LineFilter((line) => process.stdout.write(toHost(line, app.root)));
  const machine = await startMachine({
    runtime,
    initrd,
    accelerator,
    memoryMegabytes: options.memory ?? app.memoryMegabytes,
    processors: options.cpus ?? app.cpus,
    network: app.network === 'none' ? undefined : {},
    extraArguments: app.qemu,
    // Test runners keep caches beside the packages.
    append: commandLine({
      options: [
        'root=rw',
        ...(app.kernelOptions.some((word) => word.startsWith('log=')) ? [] : ['log=error']),
        ...app.kernelOptions.filter((word) => !word.startsWith('restart=')),
      ],
      environment: { ...colours, ...options.env },
    }),
    consoleLog: consoleLog(app),
    timeoutMilliseconds: options.timeout * 1000,
    onOutput: (text) => show.take(text),
  });
  let wasInterrupted = false;
  const interrupt = () => {
    wasInterrupted = true;
    machine.kill();
  };
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  const end = await machine.end;
  process.off('SIGINT', interrupt);
  process.off('SIGTERM', interrupt);
  show.end();
  if (wasInterrupted) return interrupted;
  if (end.timedOut) {
    throw new ToolError(
      `The tests took longer than ${options.timeout} s, so the machine was ended. Raise it with --timeout.`,
    );
  }
  if (end.code > 1) console.error(`The machine ended with code ${end.code}: ${end.reason ?? ''}`);
  return end.code;
}

/** Names files as they are named on this machine. */
function toHost(line: string, root: string): string {
  return line.replaceAll(
    /(file:\/\/)?\/app\/([\w./@-]+\.(?:[cm]?tsx?|[cm]?jsx?))/g,
    (whole, scheme, name) => {
      const file = path.join(root, name);
      return existsSync(file) ? `${scheme ?? ''}${file}` : whole;
    },
  );
}

/** Passes whole lines on, with the line ends of this machine. */
class LineFilter {
  readonly #pass: (line: string) => void;
  #rest = '';

  constructor(pass: (line: string) => void) {
    this.#pass = pass;
  }

  take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#pass(`${line.replace(/\r$/, '')}\n`);
  }

  end(): void {
    if (this.#rest !== '') this.#pass(this.#rest);
  }
}
