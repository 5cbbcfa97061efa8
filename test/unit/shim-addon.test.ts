/** @runtimejs/kernel and its addon, on plain Linux and on a fake kernel. */
import path from 'node:path';
import test from 'ava';
import { repository } from '../../lib/cli/src/paths.ts';
import * as kernel from '../../lib/kernel/src/index.ts';
import { addon, type KernelOutcome, runNode, runOnFakeKernel } from './shim-fixtures.ts';

/** Runs statements with `kernel`, made of the addon as built. */
function run(statements: string): Promise<KernelOutcome> {
  const file = path.join(repository, 'lib/kernel/src/kernel.ts');
  const script = `import { createRequire } from 'node:module'; import { createKernel } from ${JSON.stringify(file)};
    const addon = createRequire(import.meta.url)(${JSON.stringify(addon)});
    const kernel = createKernel(() => addon); const show = (value) => console.log(JSON.stringify(value, (_, v) => typeof v === 'bigint' ? v + 'n' : v));
    const refused = (call) => { try { call(); console.log('passed'); } catch (e) { console.log(String(e)); } };
    ${statements}`;
  return runOnFakeKernel(['a.mjs'], { files: { 'a.mjs': script } });
}

test('on plain Linux every call throws and says what to do', (t) => {
  t.false(kernel.isRuntime);
  const calls = [
    () => kernel.memory(),
    () => kernel.cpu(),
    () => kernel.uptime(),
    () => kernel.powerOff(),
    () => kernel.reboot(),
    () => kernel.log('info', 'text'),
    () => kernel.readLog(),
  ];
  for (const call of calls) {
    const error = t.throws(call, { instanceOf: kernel.NotRuntimeError, code: 'ERR_NOT_RUNTIME' });
    t.regex(error.message, /^Not running on Runtime\.JS.*npm start/);
  }
});

test('the addon itself refuses to work on plain Linux', async (t) => {
  const script = `const addon = require(${JSON.stringify(addon)});
    for (const group of Object.values(addon)) for (const [name, call] of Object.entries(group))
      try { call(); console.log(name, 'passed'); } catch (e) { console.log(e.message); }`;
  const { stdout } = await runNode({ kind: 'nothing' }, ['-e', script]);
  const lines = stdout.trim().split('\n');
  t.is(lines.length, 8);
  for (const line of lines) t.regex(line, /^\w+\.\w+: not running on Runtime\.JS/);
});

test('figures come in bytes, counts and nanoseconds', async (t) => {
  const { stdout } = await run('show(kernel.memory()); show(kernel.cpu()); show(kernel.uptime());');
  const [memory, cpu, uptime] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.deepEqual(memory, {
    total: 512 * 2 ** 20,
    free: 256 * 2 ** 20,
    image: 117 * 2 ** 20,
    kernelHeap: 2 ** 20,
    pageTables: 2 * 2 ** 20,
    application: 64 * 2 ** 20,
    tmpfs: 4096,
    pageFaults: 12345,
    copyOnWriteCopies: 678,
  });
  t.deepEqual(cpu, {
    cpus: 2,
    threads: 11,
    contextSwitches: 22,
    interrupts: 33,
    systemCalls: 44,
    idleNanoseconds: `${2n ** 60n}n`,
    busyNanoseconds: '55n',
    bootNanoseconds: '66n',
  });
  t.is(uptime, '1000000000n');
});

test('log messages reach the kernel, and can be read back', async (t) => {
  const { stdout, log } = await run(`
    kernel.log('error', 'first ä 🚀'); kernel.log('debug', 'a\\nb');
    const { text, cursor } = kernel.readLog(); show([text, cursor]);
    kernel.log('warn', 'x'.repeat(200_000)); show(kernel.readLog(cursor).text.length);
    show(kernel.readLog(1n << 62n));`);
  t.deepEqual(log.slice(0, 2), [
    { level: 0, text: 'first ä 🚀' },
    { level: 3, text: 'a\nb' },
  ]);
  const [first, length, beyond] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.deepEqual(first, ['<3>first ä 🚀\n<7>a\\nb\n', '25n']);
  t.is(length, 200_004);
  t.is(beyond.text, '');
});

test('arguments are checked and named', async (t) => {
  const { stdout } = await run(`
    refused(() => kernel.log('loud', 'x'));
    refused(() => kernel.log('toString', 'x'));
    refused(() => kernel.log('info', 5));
    refused(() => kernel.powerOff(256));
    refused(() => kernel.powerOff(-1));
    refused(() => kernel.powerOff(1.5));
    refused(() => kernel.powerOff('1'));
    refused(() => addon.memory.statistics(null));
    refused(() => addon.log.read(new BigUint64Array(0), new Uint8Array(1)));
    refused(() => addon.log.read(new BigInt64Array(1), new Uint8Array(1)));
    refused(() => addon.log.read(new BigUint64Array(1), new Int8Array(1)));`);
  t.deepEqual(stdout.trim().split('\n'), [
    "RangeError: log: level 'loud' is none of error, warn, info, debug",
    "RangeError: log: level 'toString' is none of error, warn, info, debug",
    "TypeError: log.write: argument 'text' must be a string",
    "RangeError: machine.powerOff: argument 'code' must be an integer from 0 to 255",
    "RangeError: machine.powerOff: argument 'code' must be an integer from 0 to 255",
    "RangeError: machine.powerOff: argument 'code' must be an integer from 0 to 255",
    "TypeError: machine.powerOff: argument 'code' must be a number",
    "TypeError: memory.statistics: argument 'into' must be an object",
    "TypeError: log.read: argument 'cursor' must be a BigUint64Array of at least one element",
    "TypeError: log.read: argument 'cursor' must be a BigUint64Array of at least one element",
    "TypeError: log.read: argument 'into' must be a Uint8Array",
  ]);
});

test('power off and reboot do not return', async (t) => {
  const off = await run(
    `process.on('exit', () => console.log('exit')); kernel.powerOff(9); console.log('returned');`,
  );
  t.deepEqual([off.code, off.stdout], [9, '']);
  const on = await run(`kernel.reboot(); console.log('returned');`);
  t.deepEqual([on.code, on.stdout, on.stderr], [0, '', 'rebooted\n']);
});

test('Workers ask the kernel, too', async (t) => {
  const { stdout } = await run(`
    const { Worker } = await import('node:worker_threads');
    new Worker('console.log(require(' + JSON.stringify(${JSON.stringify(addon)}) + ').memory.statistics({}).tmpfs)', { eval: true });`);
  t.is(stdout, '4096\n');
});
