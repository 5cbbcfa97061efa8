/**
 * What the app's Node is given by the preload script: one process, and nothing else that is
 * different.
 */
import test from 'ava';
import { runOnFakeKernel } from './shim-fixtures.ts';

const script = `
  const outcome = (e) => e && e.code + ' ' + (e.path.endsWith('/node') ? 'node' : e.path) + ' ' + e.spawnargs;
  const say = (name) => (e) => console.log(name, outcome(e));
  const caught = (name, run) => { try { run(); } catch (e) { say(name)(e); } };
  caught('execSync', () => cp.execSync('program'));
  caught('execFileSync', () => cp.execFileSync('program', ['x']));
  say('spawnSync')(cp.spawnSync('program', ['x']).error);
  cp.spawn('program', ['x']).on('error', say('spawn')).on('close', (code) => console.log('closed', code));
  await new Promise((resolve) => cp.fork('a.mjs').on('error', (e) => resolve(say('fork')(e))));
  await new Promise((resolve) => cp.exec('program', (e) => resolve(say('exec')(e))));
  await new Promise((resolve) => cp.execFile('program', (e) => resolve(say('execFile')(e))));
`;

const expected = `execSync ERR_RUNTIME_SINGLE_PROCESS /bin/sh -c,program
execFileSync ERR_RUNTIME_SINGLE_PROCESS program x
spawnSync ERR_RUNTIME_SINGLE_PROCESS program x
spawn ERR_RUNTIME_SINGLE_PROCESS program x
closed -2
fork ERR_RUNTIME_SINGLE_PROCESS node a.mjs
exec ERR_RUNTIME_SINGLE_PROCESS /bin/sh -c,program
execFile ERR_RUNTIME_SINGLE_PROCESS program \n`;

const forms: Readonly<Record<string, string>> = {
  'node:child_process, named imports': `import * as cp from 'node:child_process';`,
  'child_process, default import': `import cp from 'child_process';`,
  'node:child_process, import()': `const cp = await import('node:child_process');`,
  'child_process, require': `import { createRequire } from 'node:module'; const cp = createRequire(import.meta.url)('child_process');`,
  'process.getBuiltinModule': `const cp = process.getBuiltinModule('child_process');`,
};

for (const [title, importing] of Object.entries(forms)) {
  test(`processes are refused: ${title}`, async (t) => {
    const files = { 'a.mjs': `${importing}${script}` };
    const { stdout, stderr, code } = await runOnFakeKernel(['a.mjs'], { files });
    t.is(stdout, expected, stderr);
    t.is(code, 0, 'the refusals leave nothing behind that keeps the process');
  });
}

test('without a handler the refusal ends the app', async (t) => {
  const files = { 'a.cjs': `require('child_process').spawn('program')` };
  const { stderr, code } = await runOnFakeKernel(['a.cjs'], { files });
  t.is(code, 1);
  t.regex(stderr, /Cannot run 'program': a unikernel runs one process/);
  t.regex(stderr, /a\.cjs:1/);
});

test('processes are refused in Workers', async (t) => {
  const script = `import { Worker, isMainThread } from 'node:worker_threads'; import cp from 'node:child_process';
    if (isMainThread) new Worker(new URL(import.meta.url));
    else cp.spawn('program').on('error', (e) => console.log(e.code));`;
  const { stdout } = await runOnFakeKernel(['a.mjs'], { files: { 'a.mjs': script } });
  t.is(stdout, 'ERR_RUNTIME_SINGLE_PROCESS\n');
});

test('cluster.fork() is refused, and says what to use', async (t) => {
  const script = `require('cluster').fork()`;
  const { stderr, code } = await runOnFakeKernel(['a.cjs'], { files: { 'a.cjs': script } });
  t.is(code, 1);
  t.regex(stderr, /a unikernel runs one process/);
  t.regex(stderr, /node:worker_threads/);
  t.regex(stderr, /virtual machine/);
  t.regex(stderr, /a\.cjs:1/);
});

test('a promisified exec rejects', async (t) => {
  const script = `require('util').promisify(require('child_process').exec)('ls').catch((e) => console.log(e.code))`;
  const { stdout, stderr } = await runOnFakeKernel(['-e', script]);
  t.is(stdout, 'ERR_RUNTIME_SINGLE_PROCESS\n', stderr);
});

test('arguments are still checked first', async (t) => {
  const script = `for (const f of [() => cp.spawn(), () => cp.spawn('a', { cwd: 5 }), () => cp.execSync()]) try { f() } catch (e) { console.log(e.code) }`;
  const { stdout } = await runOnFakeKernel(['-e', `const cp = child_process; ${script}`]);
  t.deepEqual(stdout.trim().split('\n'), Array(3).fill('ERR_INVALID_ARG_TYPE'));
});

test('the app does not see the preload script', async (t) => {
  const script = `console.log(process.execArgv, process.env.NODE_OPTIONS, require.cache, process._preload_modules,
    process.moduleLoadList.some((name) => /child_process/.test(name)), process.listenerCount('exit'))`;
  const { stdout, stderr } = await runOnFakeKernel(['a.cjs'], { files: { 'a.cjs': script } });
  t.regex(stdout, /^\[\] undefined \[Object: null prototype\] \{/);
  t.regex(stdout, /\} \[\] false 0\n$/);
  t.is(stderr, '');
});
