/** What the shim offers to drivers and services: the loop's turns, the arena, the platform, restarts. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { repository } from '../../lib/cli/src/paths.ts';
import { bundleSystem } from '../../lib/system/bundle.ts';
import { appThatAwaits, messages, runOnFakeKernel, withFiles } from './shim-fixtures.ts';

/** Bundles a program of test/unit/system. */
function bundle(name: string): Promise<string> {
  return withFiles({}, async (folder) => {
    const file = path.join(folder, 'main.js');
    await bundleSystem(file, path.join(repository, 'test/unit/system', name));
    return readFile(file, 'utf8');
  });
}

for (const [how, options] of [
  ['called by V8 directly', []],
  ['called through the API', ['--no-turbo-fast-api-calls']],
  ['in the interpreter', ['--no-turbofan', '--no-maglev', '--no-sparkplug']],
] as const) {
  test(`copies and checksums of the arena are right, ${how}`, async (t) => {
    const { log, code } = await runOnFakeKernel([...options, ...appThatAwaits(/done|again/)], {
      system: await bundle('checksum.ts'),
    });
    t.is(code, 0);
    const outside = (length: number, offset: number): string =>
      `${length} bytes at offset ${offset} are not all in the arena of 67108864 bytes`;
    t.deepEqual(messages(log, 2), [
      'zeroes: 0',
      'ones: 0',
      'random: 0',
      'a carry in every word: 0',
      'copies: 0',
      `arena.copy: ${outside(4, 67108861)}`,
      ...[-1, 1.5, Number.NaN].map(
        () => "arena.copy: argument 'to' must be an integer from 0 to 4294967295",
      ),
      `arena.checksum: ${outside(67108865, 0)}`,
      "arena.checksum: argument 'sum' must be an integer from 0 to 9007199254740991",
      'done',
    ]);
  });
}

test('the platform over the bindings', async (t) => {
  const { log, code } = await runOnFakeKernel(appThatAwaits(/done|again/), {
    system: await bundle('platform.ts'),
    events: true,
  });
  t.is(code, 0);
  const reports = Object.fromEntries(
    messages(log, 2).map((text) => {
      const [, name, value] = /^([a-z ]+) (.*)$/s.exec(text) ?? [];
      return [name, JSON.parse(value ?? 'null')];
    }),
  );
  t.deepEqual(reports, {
    place: [0, 0, 3, 0],
    'same objects': true,
    identity: '10411af4',
    bars: [{ kind: 'memory', size: 4096 }, { kind: 'ports', size: 32 }, null],
    refused: [
      'PCI 0000:00:03.0: register 0x10 may not be written (device.write: Operation not permitted (EPERM)).',
      'PCI 0000:00:03.0: there is no memory to map behind base address register 1 (device.mapBar: No such device or address (ENXIO)).',
      'PCI 0000:00:03.0: there are no ports behind base address register 0.',
    ],
    registers: [4, 3, 2, 1],
    sizes: [4096, 4096, 1024],
    dma: [8192, 0, 0x100000000, 0xdeadbeef | 0],
    'no dma': 'There are no 1073741824 bytes of memory for a device.',
    message: [true, true, 0],
    order: ['first', 'second'],
    slept: true,
    heard: { message: 2, line: 1 },
    'heard after release': { message: 2, line: 1 },
    done: 1,
  });
  t.is(messages(log, 3).filter((text) => text === 'interrupt acknowledged').length, 1);
  t.true(messages(log, 3).includes('entropy added'));
  t.true(messages(log, 1).includes('a warning'));
});

test('the loop turns as its function says', async (t) => {
  const system = `
    const say = (text) => runtime.log.write(2, text);
    const { clock, loop } = runtime;
    const start = clock.now();
    const steps = [0, 500, 1000.5, 20];
    let last = start;
    let turns = 0;
    loop.onTurn(() => { throw new Error('replaced') });
    loop.onTurn(() => {
      const now = clock.now();
      say('turn ' + turns + ' after ' + (now - last));
      last = now;
      if (turns === 2) Promise.resolve().then(() => say('microtask'));
      if (turns === steps.length) {
        setTimeout(() => say('timer'), 3);
        turns += 1;
        return Infinity;
      }
      if (turns > steps.length) {
        say('done');
        return Infinity;
      }
      return now + steps[turns++];
    });
    say('script');`;
  const { log, code } = await runOnFakeKernel(appThatAwaits(/done|again/), { system });
  t.is(code, 0);
  t.deepEqual(messages(log, 0), []);
  t.deepEqual(messages(log, 2).slice(0, 9), [
    'script',
    'turn 0 after 0',
    'turn 1 after 0',
    'turn 2 after 500',
    'microtask',
    'turn 3 after 1001',
    'turn 4 after 20',
    'timer',
    'turn 5 after 3000',
  ]);
});

test('code outside a turn can ask for another', async (t) => {
  const system = `
    const say = (text) => runtime.log.write(2, text);
    let wanted = Infinity;
    let turns = 0;
    runtime.loop.onTurn(() => {
      turns += 1;
      if (turns === 1) Promise.resolve().then(() => { wanted = runtime.clock.now() + 100; runtime.loop.again(); });
      if (runtime.clock.now() >= wanted) say('done');
      return runtime.clock.now() >= wanted ? Infinity : wanted;
    });`;
  const { log, code } = await runOnFakeKernel(appThatAwaits(/done|again/), { system });
  t.is(code, 0);
  t.deepEqual(messages(log, 2), ['done']);
});

for (const [what, turn, message] of [
  [
    'throws',
    '() => { throw new RangeError("in a turn") }',
    /an exception escaped: RangeError: in a turn/,
  ],
  ['returns no number', '() => "soon"', /loop\.onTurn: the function must return the time until/],
  ['returns NaN', '() => NaN', /loop\.onTurn: the function must return the time until/],
] as const) {
  test(`a turn that ${what} ends the isolate's life`, async (t) => {
    const { log, code } = await runOnFakeKernel(appThatAwaits(/started again/), {
      system: `runtime.broker.attach(); runtime.loop.onTurn(${turn});`,
      events: true,
    });
    t.is(code, 0);
    t.regex(messages(log, 0)[0] ?? '', message);
    t.true(messages(log, 3).includes('broker detached'));
  });
}

test('the arena is attached once in each life, and detached after it', async (t) => {
  const system = `
    const arena = runtime.broker.attach();
    const same = runtime.broker.attach() === arena;
    const words = new Int32Array(arena, 1 << 20, 1);
    runtime.log.write(2, JSON.stringify([same, arena.byteLength, words[0]++]));
    throw new Error('over');`;
  const { log, code } = await runOnFakeKernel(appThatAwaits(/not started again/), {
    system,
    events: true,
  });
  t.is(code, 0);
  t.deepEqual(
    messages(log, 2),
    [0, 1, 2, 3, 4].map((life) => JSON.stringify([true, 64 << 20, life])),
  );
  const events = messages(log, 3);
  t.is(events.filter((text) => text === 'broker detached').length, 5);
  t.is(events.at(-1), 'no service', 'nobody waits for a service that will not come');
});

test('the arena cannot be used before it is attached', async (t) => {
  const system = `
    for (const run of [() => runtime.arena.copy(0, 0, 1), () => runtime.arena.checksum(0, 1, 0)])
      try { run(); } catch (error) { runtime.log.write(2, error.message); }
    runtime.log.write(2, 'done');`;
  const { log } = await runOnFakeKernel(appThatAwaits(/done/), { system });
  t.regex(messages(log, 2)[0] ?? '', /arena of 0 bytes: call broker\.attach\(\) first$/);
  t.regex(messages(log, 2)[1] ?? '', /^arena\.checksum: /);
});

test('an error of the kernel has its name in `code`', async (t) => {
  const system = `
    try { runtime.device.mapBar(7, 0); }
    catch (error) { runtime.log.write(2, [error.constructor.name, error.code, error.message].join('|')); }`;
  const { log } = await runOnFakeKernel(appThatAwaits(/ENODEV/), { system });
  t.deepEqual(messages(log, 2), ['Error|ENODEV|device.mapBar: No such device (ENODEV)']);
});

test('without a bundle the kernel is told that there is no service', async (t) => {
  const { log, stdout } = await runOnFakeKernel(['-p', '1'], { events: true });
  t.is(stdout, '1\n');
  t.deepEqual(log, [{ level: 3, text: 'no service' }]);
});

test('the system isolate runs while the app blocks in its first line', async (t) => {
  const script = `const { readFileSync } = require('fs');
    const pause = new Int32Array(new SharedArrayBuffer(4));
    while (!/service runs/.test(readFileSync('kernel.log', 'utf8'))) Atomics.wait(pause, 0, 0, 5);
    console.log('heard of it');`;
  const { stdout, code } = await runOnFakeKernel(['-e', script], {
    system: `setTimeout(() => runtime.log.write(2, 'service runs'), 10);`,
  });
  t.deepEqual([stdout, code], ['heard of it\n', 0]);
});
