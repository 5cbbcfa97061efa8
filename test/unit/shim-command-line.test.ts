/** Under the shim, the `node` command line does what it does without it. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { type Outcome, runNode, type Settings, withFiles } from './shim-fixtures.ts';

/** A command line, and what it finds. */
interface Case extends Settings {
  readonly title: string;
  readonly args: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  /** Part of the output that shows that the case did what it is there for. */
  readonly expected: RegExp;
}

const worker = `
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { workerData: 20 });
  worker.on('message', (value) => console.log('from worker', value));
  worker.on('exit', (code) => console.log('worker ended', code));
} else {
  parentPort.postMessage(workerData + 1);
  process.exit(5);
}`;

const sourceMap = { version: 3, sources: ['original.ts'], names: [], mappings: ';AAUA,uBAAuB' };
const mapped = `"use strict";
function fail() { throw new Error("mapped"); }
fail();
//# sourceMappingURL=data:application/json;base64,${btoa(JSON.stringify(sourceMap))}`;

const cases: readonly Case[] = [
  { title: '-e', args: ['-e', 'console.log("said", 1 + 1)'], expected: /said 2/ },
  { title: '-p', args: ['-p', '[process.version, process.arch]'], expected: /v26/ },
  { title: '-e with types', args: ['-e', 'const n: number = 4; console.log(n)'], expected: /^4$/m },
  { title: '--version', args: ['--version'], expected: /^v26/ },
  { title: '--help', args: ['--help'], expected: /Usage: node/ },
  { title: '--v8-options', args: ['--v8-options'], expected: /--jitless/ },
  { title: 'an unknown option', args: ['--no-such-option'], expected: /bad option/ },
  { title: 'a missing script', args: ['./missing.js'], expected: /Cannot find module/ },
  {
    title: 'a script from stdin',
    args: ['-', 'argument'],
    input: 'console.log(process.argv.slice(1))',
    expected: /'-', 'argument'/,
  },
  { title: 'an interactive session', args: ['-i'], input: '6 * 7\n.exit\n', expected: /42/ },
  {
    title: 'process.argv, argv0, execArgv, title and environment',
    args: ['--no-warnings', '--stack-trace-limit=3', 'a.js', '--flag', 'x'],
    files: {
      'a.js': `const { argv, argv0, execArgv, title, env } = process;
        process.title = 'renamed';
        console.log(argv.slice(2), argv0, execArgv, title === argv0, process.title);
        console.log(Object.keys(env).sort());`,
    },
    environment: { VARIABLE: 'x' },
    expected: /renamed/,
  },
  {
    title: 'process.features, config and versions',
    args: ['-p', 'JSON.stringify([process.features, process.config, process.versions])'],
    expected: /node_use_node_snapshot/,
  },
  {
    title: 'globals and built-in modules',
    args: [
      '-p',
      'Object.getOwnPropertyNames(globalThis).concat(module.constructor.builtinModules).join()',
    ],
    expected: /child_process/,
  },
  {
    title: 'modules loaded at start',
    args: ['-p', 'process.moduleLoadList.sort().join("\\n")'],
    expected: /NativeModule events/,
  },
  {
    title: 'an ES module with import, top-level await and a JSON module',
    args: ['a.mjs'],
    files: {
      'a.mjs': `import { b } from './b.mjs'; import data from './c.json' with { type: 'json' };
        await new Promise((resolve) => setTimeout(resolve, 5)); console.log(b, data, import.meta.filename.length > 0);`,
      'b.mjs': 'export const b = 2;',
      'c.json': '{"c":3}',
    },
    expected: /2 \{ c: 3 \} true/,
  },
  {
    title: 'a TypeScript file',
    args: ['a.ts'],
    files: { 'a.ts': 'type T = 1; const t: T = 1; console.log(t);' },
    expected: /^1$/m,
  },
  {
    title: '--check of a good file',
    args: ['--check', 'a.js'],
    files: { 'a.js': 'throw 1' },
    expected: /^$/,
  },
  {
    title: '--check of a bad file',
    args: ['--check', 'a.js'],
    files: { 'a.js': 'let x = ;' },
    expected: /SyntaxError/,
  },
  {
    title: '-r',
    args: ['-r', './r.cjs', '-e', 'console.log(globalThis.r)'],
    files: { 'r.cjs': 'globalThis.r = "required"' },
    expected: /required/,
  },
  {
    title: '--import',
    args: ['--import', './i.mjs', '-e', 'console.log(globalThis.i)'],
    files: { 'i.mjs': 'globalThis.i = "imported"' },
    expected: /imported/,
  },
  {
    title: '--env-file',
    args: ['--env-file=e', '-p', 'process.env.FROM_FILE'],
    files: { e: 'FROM_FILE=read' },
    expected: /read/,
  },
  {
    title: 'NODE_OPTIONS',
    args: ['-p', 'process.execArgv.length + process.title'],
    environment: { NODE_OPTIONS: '--title=optional' },
    expected: /optional/,
  },
  {
    title: '--run',
    args: ['--run', 'say'],
    files: { 'package.json': '{"scripts":{"say":"echo spoken"}}' },
    expected: /spoken/,
  },
  {
    title: '--test',
    args: ['--test', '--test-reporter=tap'],
    files: {
      'a.test.mjs': `import test from 'node:test'; test('passes', () => {}); test('fails', () => { throw new Error('no'); });`,
    },
    expected: /not ok/,
  },
  {
    title: 'process.exit()',
    args: ['-e', 'process.on("exit", (code) => console.log("exit", code)); process.exit(7)'],
    expected: /exit 7/,
  },
  { title: 'process.exitCode', args: ['-e', 'process.exitCode = 4'], expected: /^$/ },
  {
    title: 'beforeExit and exit events',
    args: [
      '-e',
      `let n = 0; process.on('beforeExit', (c) => { console.log('before', c); if (n++ < 2) setTimeout(() => {}, 1); });
      process.on('exit', (c) => { console.log('exit', c); process.exitCode = 3; });`,
    ],
    expected: /before 0\nbefore 0\nbefore 0\nexit 0/,
  },
  {
    title: 'an uncaught exception',
    args: ['a.js'],
    files: { 'a.js': 'setTimeout(() => { throw new TypeError("loose"); }, 1)' },
    expected: /TypeError: loose/,
  },
  {
    title: 'a handler of uncaught exceptions',
    args: [
      '-e',
      'process.on("uncaughtException", (e, from) => console.log(from, e.message)); throw new Error("held")',
    ],
    expected: /uncaughtException held/,
  },
  {
    title: 'an unhandled rejection',
    args: ['-e', 'Promise.reject(new Error("rejected"))'],
    expected: /Error: rejected/,
  },
  {
    title: '--unhandled-rejections=warn',
    args: ['--unhandled-rejections=warn', '-e', 'Promise.reject(new Error("rejected"))'],
    expected: /UnhandledPromiseRejectionWarning/,
  },
  {
    title: 'an exception thrown by an exit handler',
    args: ['-e', 'process.on("exit", () => { throw new Error("late") })'],
    expected: /late/,
  },
  {
    title: 'a top-level await that never ends',
    args: ['a.mjs'],
    files: { 'a.mjs': 'await new Promise(() => {})' },
    expected: /unsettled top-level await/,
  },
  { title: 'process.abort()', args: ['-e', 'process.abort()'], expected: /JavaScript stack trace/ },
  {
    title: '--abort-on-uncaught-exception',
    args: ['--abort-on-uncaught-exception', '-e', 'throw new Error("fatal")'],
    expected: /fatal/,
  },
  {
    title: 'a signal without a handler',
    args: ['-e', 'process.kill(process.pid, "SIGTERM"); setTimeout(() => {}, 60000)'],
    expected: /^$/,
  },
  {
    title: 'signals with handlers',
    args: [
      '-e',
      `for (const signal of ['SIGINT', 'SIGTERM', 'SIGUSR2']) process.once(signal, (...a) => { console.log(...a); if (signal === 'SIGUSR2') clearInterval(t); else process.kill(process.pid, signal === 'SIGINT' ? 'SIGTERM' : 'SIGUSR2'); });
      const t = setInterval(() => {}, 1000); process.kill(process.pid, 'SIGINT');`,
    ],
    expected: /SIGINT 2\nSIGTERM 15\nSIGUSR2 12/,
  },
  {
    title: 'workers',
    args: ['a.mjs'],
    files: { 'a.mjs': worker },
    expected: /from worker 21\nworker ended 5/,
  },
  {
    title: 'process.exit() beside a busy worker',
    args: [
      '-e',
      `new (require('worker_threads').Worker)('while (true);', { eval: true }).on('online', () => process.exit(6))`,
    ],
    expected: /^$/,
  },
  {
    title: 'deep recursion',
    args: ['-e', 'const f = () => f(); try { f() } catch (e) { console.log(e.name) }'],
    expected: /RangeError/,
  },
  {
    title: 'WebAssembly traps',
    args: [
      '-e',
      `const m = new WebAssembly.Module(Uint8Array.of(0,97,115,109,1,0,0,0,1,5,1,96,0,1,127,3,2,1,0,5,3,1,0,1,7,5,1,1,102,0,0,10,11,1,9,0,65,128,128,124,40,2,0,11));
      try { new WebAssembly.Instance(m).exports.f() } catch (e) { console.log(e.message) }`,
    ],
    expected: /out of bounds/,
  },
  {
    title: '--enable-source-maps',
    args: ['--enable-source-maps', 'a.js'],
    files: { 'a.js': mapped },
    expected: /original\.ts/,
  },
  {
    title: '--max-old-space-size',
    args: ['--max-old-space-size=50', '-p', 'v8.getHeapStatistics().heap_size_limit'],
    expected: /\d/,
  },
  { title: '--jitless', args: ['--jitless', '-p', 'typeof WebAssembly'], expected: /undefined/ },
  {
    title: '--single-threaded',
    args: ['--single-threaded', '-p', '[3, 1, 2].sort().join()'],
    expected: /1,2,3/,
  },
  {
    title: '--permission',
    args: [
      '--permission',
      '-e',
      'try { require("fs").readFileSync("/etc/passwd") } catch (e) { console.log(e.code) }',
    ],
    expected: /ERR_ACCESS_DENIED/,
  },
  {
    title: '--no-node-snapshot',
    args: ['--no-node-snapshot', '-p', '"no snapshot"'],
    expected: /no snapshot/,
  },
  {
    title: 'the loop that addons find',
    args: [
      '-p',
      'performance.eventLoopUtilization().utilization >= 0 && performance.nodeTiming.bootstrapComplete > 0',
    ],
    expected: /true/,
  },
  {
    title: 'a child process',
    args: [
      '-p',
      'require("child_process").execFileSync(process.execPath, ["-p", "process.env.LD_PRELOAD"]).toString()',
    ],
    expected: /undefined/,
  },
];

/** Takes out what differs between any two runs. */
function comparable({ stdout, stderr, code, signal }: Outcome, folder: string): Outcome {
  const clean = (text: string): string =>
    text
      .replaceAll(folder, 'FOLDER')
      .replace(/\(node:\d+\)/g, '(node:PID)')
      .replace(/duration_ms:? [\d.]+/g, 'duration_ms N')
      .replace(/^\[\d+:0x[0-9a-f]+\]/gm, '[PID]');
  return { stdout: clean(stdout), stderr: clean(stderr), code, signal };
}

for (const { title, args, files = {}, expected, ...settings } of cases) {
  test(`same as without the shim: ${title}`, async (t) => {
    const run = (kind: 'nothing' | 'shim'): Promise<Outcome> =>
      withFiles(files, async (folder) =>
        comparable(await runNode({ kind }, args, { ...settings, cwd: folder }), folder),
      );
    const [stock, shim] = [await run('nothing'), await run('shim')];
    t.regex(stock.stdout + stock.stderr, expected);
    if (title === '--abort-on-uncaught-exception' || title === 'process.abort()') {
      // The native stack and its addresses differ; the end does not.
      t.deepEqual([shim.code, shim.signal], [stock.code, stock.signal]);
      return;
    }
    t.deepEqual(shim, stock);
  });
}

test('a JavaScript heap that is exhausted is reported and ends the process', async (t) => {
  const args = ['--max-old-space-size=32', '-e', 'const a = []; for (;;) a.push({})'];
  const stock = await runNode({ kind: 'nothing' }, args);
  const shim = await runNode({ kind: 'shim' }, args);
  t.regex(shim.stderr, /JavaScript heap out of memory/);
  t.deepEqual([shim.code, shim.signal], [stock.code, stock.signal]);
});

test('--inspect listens', async (t) => {
  const script = 'console.log(new URL(require("inspector").url()).protocol)';
  const { stdout, stderr, code } = await runNode({ kind: 'shim' }, ['--inspect=0', '-e', script]);
  t.is(stdout, 'ws:\n');
  t.regex(stderr, /Debugger listening on ws:\/\/127\.0\.0\.1:\d+\//);
  t.is(code, 0);
});

test('profiles, heap snapshots, trace events and reports are written', async (t) => {
  const script = `require('v8').writeHeapSnapshot('a.heapsnapshot');
    process.report.writeReport('r.json'); for (let i = 0; i < 1e6; i++) Math.sqrt(i);`;
  await withFiles({}, async (folder) => {
    const args = ['--cpu-prof', '--heap-prof', '--trace-events-enabled', '-e', script];
    const { code, stderr } = await runNode({ kind: 'shim' }, args, { cwd: folder });
    t.is(code, 0, stderr);
    const names = await readdir(folder);
    for (const kind of [
      /^CPU.*\.cpuprofile$/,
      /^Heap.*\.heapprofile$/,
      /^a\.heapsnapshot$/,
      /^node_trace/,
      /^r\.json$/,
    ]) {
      const name = names.find((each) => kind.test(each));
      t.truthy(name, `${kind} is missing among ${names}`);
      if (name !== undefined) JSON.parse(await readFile(path.join(folder, name), 'utf8'));
    }
  });
});

test('a startup snapshot can be built and started from', async (t) => {
  const files = {
    'a.js': `require('v8').startupSnapshot.setDeserializeMainFunction(() => console.log('thawed', process.argv[2]));`,
  };
  await withFiles(files, async (folder) => {
    const built = await runNode(
      { kind: 'shim' },
      ['--snapshot-blob', 's.blob', '--build-snapshot', 'a.js'],
      { cwd: folder },
    );
    t.is(built.code, 0, built.stderr);
    const { stdout, code } = await runNode(
      { kind: 'shim' },
      ['--snapshot-blob', 's.blob', 'x', 'y'],
      { cwd: folder },
    );
    t.regex(stdout, /^thawed/);
    t.is(code, 0);
  });
});

test('other libraries in LD_PRELOAD stay there', async (t) => {
  const { stdout } = await runNode({ kind: 'kernel', log: '/dev/null' }, [
    '-p',
    'process.env.LD_PRELOAD',
  ]);
  t.regex(stdout, /fake_kernel\.so\n$/);
  t.notRegex(stdout, /shim\.so/);
});
