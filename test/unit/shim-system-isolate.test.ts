/** The system isolate, on a fake kernel whose time jumps to the next deadline. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { bundleSystem } from '../../lib/system/bundle.ts';
import { appThatAwaits, messages, runOnFakeKernel, withFiles } from './shim-fixtures.ts';

test('bindings, timers and microtasks run in their order', async (t) => {
  const system = `
    const say = (text) => runtime.log.write(2, text);
    const start = runtime.clock.monotonic();
    const time = () => Number((runtime.clock.monotonic() - start) / 1000000n);
    setTimeout((...a) => say('timeout ' + a + ' at ' + time()), 250, 'a', 'b');
    let beats = 0;
    const interval = setInterval(() => {
      say('beat at ' + time());
      if (++beats === 3) clearInterval(interval);
    }, 100);
    clearTimeout(setTimeout(() => say('never'), 1));
    clearTimeout(undefined);
    clearTimeout(12345);
    setTimeout(() => { say('first'); Promise.resolve().then(() => say('microtask of first')); }, 50);
    setTimeout(() => say('second'), 50);
    queueMicrotask(() => say('microtask'));
    Promise.resolve().then(() => say('promise'));
    setTimeout(() => say('done'), 1000);
    say('script');`;
  const { log, code } = await runOnFakeKernel(appThatAwaits(/done/), { system });
  t.is(code, 0);
  t.deepEqual(messages(log, 2), [
    'script',
    'microtask',
    'promise',
    'first',
    'microtask of first',
    'second',
    'beat at 100',
    'beat at 200',
    'timeout a,b at 250',
    'beat at 300',
    'done',
  ]);
});

test('bindings check their arguments and name them', async (t) => {
  const calls = [
    'runtime.log.write()',
    'runtime.log.write(4, "")',
    'runtime.log.write(0.5, "")',
    'runtime.log.write(NaN, "")',
    'runtime.log.write(1, 2)',
    'runtime.memory.statistics(1)',
    'runtime.memory.statistics(Object.freeze({}))',
    'runtime.log.read(new BigUint64Array(0), new Uint8Array(1))',
    'runtime.log.read(new BigUint64Array(1), "x")',
    'setTimeout("code")',
    'setTimeout(() => {}, Symbol())',
    'queueMicrotask(1)',
    'new setTimeout(() => {})',
  ];
  const system = `for (const call of ${JSON.stringify(calls)}) {
      try { eval(call); runtime.log.write(2, call + ' passed'); } catch (e) { runtime.log.write(2, String(e)); }
    }
    runtime.log.write(2, 'done');`;
  const { log } = await runOnFakeKernel(appThatAwaits(/done/), { system });
  t.deepEqual(messages(log, 2), [
    "TypeError: log.write: argument 'level' must be a number",
    "RangeError: log.write: argument 'level' must be an integer from 0 to 3",
    "RangeError: log.write: argument 'level' must be an integer from 0 to 3",
    "RangeError: log.write: argument 'level' must be an integer from 0 to 3",
    "TypeError: log.write: argument 'text' must be a string",
    "TypeError: memory.statistics: argument 'into' must be an object",
    'runtime.memory.statistics(Object.freeze({})) passed',
    "TypeError: log.read: argument 'cursor' must be a BigUint64Array of at least one element",
    "TypeError: log.read: argument 'into' must be a Uint8Array",
    "TypeError: setTimeout: argument 'callback' must be a function",
    'TypeError: Cannot convert a Symbol value to a number',
    "TypeError: queueMicrotask: argument 'callback' must be a function",
    'TypeError: setTimeout is not a constructor',
    'done',
  ]);
});

test('bindings fill what they are given', async (t) => {
  const system = `
    const figures = { kept: 1 };
    runtime.log.write(2, String(runtime.memory.statistics(figures) === figures));
    runtime.log.write(2, JSON.stringify(figures));
    const cursor = new BigUint64Array(1), bytes = new Uint8Array(6);
    runtime.log.write(2, [runtime.log.read(cursor, bytes), cursor[0], bytes].join());
    runtime.log.write(2, typeof runtime.isolate.startedAt() + typeof runtime.isolate.sourceMap());
    runtime.log.write(2, 'done');`;
  const { log } = await runOnFakeKernel(appThatAwaits(/done/), { system });
  const [same, figures, read, types] = messages(log, 2);
  t.is(same, 'true');
  t.like(JSON.parse(figures ?? ''), { kept: 1, total: 512 * 2 ** 20, copyOnWriteCopies: 678 });
  t.is(read, `6,6,${[...Buffer.from('<6>tru')]}`);
  t.is(types, 'bigintundefined');
});

test('it is bare: no Node', async (t) => {
  const system = `runtime.log.write(2, 'found: ' + ['process', 'require', 'Buffer', 'global', 'fetch']
    .filter((name) => name in globalThis)); runtime.log.write(2, 'done');`;
  const { log } = await runOnFakeKernel(appThatAwaits(/done/), { system });
  t.deepEqual(messages(log, 2), ['found: ', 'done']);
});

const failures: readonly { title: string; system: string; report: string }[] = [
  {
    title: 'an exception at start',
    system: 'function bad() { throw new RangeError("no") }\nbad();',
    report:
      'system isolate: an exception escaped: RangeError: no\n    at bad (/system/main.js:1:24)\n    at /system/main.js:2:1',
  },
  {
    title: 'a syntax error',
    system: '\nlet x = ;',
    report:
      "system isolate: an exception escaped: SyntaxError: Unexpected token ';'\n    at /system/main.js:2:9",
  },
  {
    title: 'an exception in a timer',
    system: 'setTimeout(() => { throw new Error("late") }, 9)',
    report: 'system isolate: an exception escaped: Error: late\n    at /system/main.js:1:26',
  },
  {
    title: 'an exception in a microtask',
    system: 'queueMicrotask(() => { throw new Error("micro") })',
    report: 'system isolate: an exception escaped: Error: micro\n    at /system/main.js:1:30',
  },
  {
    title: 'a rejection that nothing handles',
    system:
      'const p = Promise.reject(1); p.catch(() => {}); (async () => { throw new Error("async") })()',
    report:
      'system isolate: a promise was rejected and nothing handles it: Error: async\n    at /system/main.js:1:70\n    at /system/main.js:1:91',
  },
  {
    title: 'a thrown string',
    system: 'throw "text"',
    report: 'system isolate: an exception escaped: text\n    at /system/main.js:1:1',
  },
];

for (const { title, system, report } of failures) {
  test(`${title} is reported, and the isolate started anew four times`, async (t) => {
    const { log, code, stdout } = await runOnFakeKernel(appThatAwaits(/not started again/), {
      system,
    });
    t.is(code, 0, 'the app is not disturbed');
    t.is(stdout, 'app ends\n');
    t.deepEqual(messages(log, 0).slice(0, 5), Array(5).fill(report));
    t.regex(messages(log, 0)[5] ?? '', /it failed 5 times in a row and is not started again/);
    t.deepEqual(
      messages(log, 1),
      [1, 2, 4, 8].map((pause) => `system isolate: it is started again in ${pause} s`),
    );
  });
}

test('failures far apart are not in a row', async (t) => {
  // Each life lasts longer than 10 s, so that the pause stays at 1 s.
  const system = 'setTimeout(() => { throw new Error("seldom") }, 40_000)';
  const { log } = await runOnFakeKernel(appThatAwaits(/(again in [\s\S]*){8}/, 'process.exit(0)'), {
    system,
  });
  t.deepEqual([...new Set(messages(log, 1))], ['system isolate: it is started again in 1 s']);
});

test('a bundle that once worked is not given up', async (t) => {
  // Its first life lasts; all later ones fail at once.
  const system = `const now = runtime.clock.monotonic();
    if (now < 60_000_000_000n) setTimeout(() => { throw new Error("first") }, 70_000);
    else throw new Error("later")`;
  const { log } = await runOnFakeKernel(appThatAwaits(/(again in [\s\S]*){8}/, 'process.exit(0)'), {
    system,
  });
  t.deepEqual(
    messages(log, 1).slice(0, 8),
    [1, 2, 4, 8, 16, 30, 30, 30].map(
      (pause) => `system isolate: it is started again in ${pause} s`,
    ),
  );
});

test('an exhausted heap is reported, and the app runs on', async (t) => {
  const system =
    'const kept = []; setInterval(() => { for (let i = 0; i < 1e5; i++) kept.push({ i }) }, 1)';
  const { log, code } = await runOnFakeKernel(
    ['--max-old-space-size=64', ...appThatAwaits(/started again/)],
    { system },
  );
  t.is(code, 0);
  t.regex(messages(log, 0)[0] ?? '', /its JavaScript heap is exhausted/);
});

test('a turn that does not end is interrupted, with a report of where it was', async (t) => {
  const system = 'function forever() { for (;;); }\nsetTimeout(() => forever(), 1)';
  const { log, code } = await runOnFakeKernel(appThatAwaits(/started again/), { system });
  t.is(code, 0);
  t.regex(
    messages(log, 0)[0] ?? '',
    /a turn of its loop does not end: Error: .*\n {4}at forever \(\/system\/main\.js:1:\d+\)/,
  );
});

test('a heap that a growing array fills ends the isolate, not the machine', async (t) => {
  // What the array needs at once, when it grows, is more than any reserve.
  const system = 'const kept = []; setTimeout(() => { for (;;) kept.push({ kept }) }, 1)';
  const { log, code } = await runOnFakeKernel(appThatAwaits(/started again/), { system });
  t.is(code, 0);
  t.regex(messages(log, 0)[0] ?? '', /its JavaScript heap is exhausted/);
});

for (const [title, system] of [
  ['computes for ever', 'for (;;);'],
  ['waits for ever', 'runtime.log.write(2, "waits")'],
  ['spins in microtasks', 'const f = () => queueMicrotask(f); f()'],
] as const) {
  for (const [how, script] of [
    ['by process.exit()', 'setTimeout(() => process.exit(5), 50)'],
    ['by itself', 'setTimeout(() => { process.exitCode = 5 }, 50)'],
    ['by an exception', 'process.exitCode = 5; setTimeout(() => { throw new Error("app") }, 50)'],
    ['at once', 'process.exit(5)'],
  ] as const) {
    test(`the app ends ${how} beside an isolate that ${title}`, async (t) => {
      const { code, signal } = await runOnFakeKernel(['-e', script], { system });
      t.deepEqual([code, signal], [how === 'by an exception' ? 1 : 5, null]);
    });
  }
}

test('without a system bundle there is no system isolate', async (t) => {
  const { log, stdout } = await runOnFakeKernel(['-p', '1']);
  t.is(stdout, '1\n');
  t.deepEqual(log, []);
});

test('a kernel with another interface is refused', async (t) => {
  const { code, stderr } = await runOnFakeKernel(['-p', '1'], { version: 77 });
  t.is(code, 1);
  t.regex(stderr, /version 77 of its interface .*`npm run build`/s);
});

test("lib/system's bundle starts and logs at the debugging level", async (t) => {
  await withFiles({}, async (folder) => {
    const file = path.join(folder, 'main.js');
    await bundleSystem(file);
    const { log } = await runOnFakeKernel(appThatAwaits(/started in/), {
      system: await readFile(file, 'utf8'),
    });
    t.is(log.find(({ text }) => /started in/.test(text))?.level, 3);
  });
});

test('a failure names the TypeScript line', async (t) => {
  const isolate = path.join(import.meta.dirname, '../../lib/system/src/isolate.ts');
  const program = `import { prepareIsolate } from ${JSON.stringify(isolate)};

prepareIsolate();

interface Packet { readonly length: number }

function parse(packet: Packet): never {
  throw new TypeError(\`a packet of \${packet.length} bytes\`);
}
setTimeout(() => parse({ length: 3 }), 1);
`;
  await withFiles({ 'program.ts': program }, async (folder) => {
    const file = path.join(folder, 'main.js');
    await bundleSystem(file, path.join(folder, 'program.ts'));
    const { log } = await runOnFakeKernel(appThatAwaits(/escaped/), {
      system: await readFile(file, 'utf8'),
    });
    const report = messages(log, 0)[0] ?? '';
    t.regex(
      report,
      /TypeError: a packet of 3 bytes\n {4}at parse \(.*program\.ts:8:9\)\n {4}at .*program\.ts:10:18$/,
    );
  });
});

test('a program that imports from Node cannot be bundled', async (t) => {
  await withFiles(
    { 'program.ts': "import fs from 'node:fs'; fs.readFileSync('x');" },
    async (folder) => {
      const bundled = bundleSystem(path.join(folder, 'main.js'), path.join(folder, 'program.ts'));
      await t.throwsAsync(bundled, { message: /system bundle cannot be made: .*node:fs/ });
    },
  );
});
