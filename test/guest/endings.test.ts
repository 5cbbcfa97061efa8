// How machines end: the exit code reaches the host, and what went wrong is said, once and clearly.
import test from 'ava';
import { bootApp, expectEnd } from './support/endings.ts';

const endings = { name: 'endings', entry: 'apps/endings.ts' } as const;

const cases: readonly {
  readonly ending: string;
  readonly code: number;
  readonly output?: readonly RegExp[];
  readonly memoryMegabytes?: number;
}[] = [
  { ending: 'normally', code: 0, output: [/^the last line$/m] },
  { ending: 'with a code', code: 7 },
  { ending: 'with an exit code for later', code: 9, output: [/exit listeners see 9/] },
  {
    ending: 'after much output',
    code: 3,
    output: [/^line 0 \.{60}\r?\nline 1 /m, /^line 1999 \.{60}$/m],
  },
  {
    ending: 'by an exception',
    code: 1,
    output: [
      /TypeError: thrown on purpose\s+at inner \(.*failing\.ts:12:9\)\s+at failDeep \(.*failing\.ts:8:3\)/,
      /throw new TypeError\(reason\.text\);/,
    ],
  },
  {
    ending: 'by an exception in a callback',
    code: 1,
    output: [/TypeError: thrown later\s+at inner \(.*failing\.ts:12:9\)/],
  },
  {
    ending: 'by a rejection',
    code: 1,
    output: [/RangeError: rejected on purpose/, /endings\.ts:19/],
  },
  { ending: 'by an exception that is no error', code: 1, output: [/an object|toString/] },
  { ending: 'by a missing module', code: 1, output: [/ERR_MODULE_NOT_FOUND/, /not-there/] },
  { ending: 'by a missing file', code: 1, output: [/ERR_MODULE_NOT_FOUND/, /no-file\.mjs/] },
  {
    ending: 'by filling the memory',
    code: 137,
    memoryMegabytes: 256,
    output: [
      /\[runtime\] out of memory: thread \d+/,
      /\[runtime\] +memory: total \d+/,
      /more memory \(-m\)/,
    ],
  },
  {
    ending: 'by abort',
    code: 134,
    output: [/\[runtime\] the app aborted \(SIGABRT\)/, /\[runtime\] +#0 /],
  },
  { ending: 'by a signal', code: 143 },
  { ending: 'by SIGKILL', code: 137 },
  { ending: 'by waiting for nothing', code: 13, output: [/unsettled top-level await/] },
];

for (const { ending, code, output, memoryMegabytes } of cases) {
  test.serial(`the app ends ${ending}`, async (t) => {
    const result = await bootApp(endings, {
      append: `-- ${ending}`,
      ...(memoryMegabytes === undefined ? {} : { memoryMegabytes }),
    });
    expectEnd(t, result, code, output);
  });
}

test.serial('the app fills its heap', async (t) => {
  const limited = {
    ...endings,
    name: 'endings-small-heap',
    arguments: ['node', '--enable-source-maps', '--max-old-space-size=32', '/app/main.mjs'],
  };
  const result = await bootApp(limited, { append: '-- by filling the heap' });
  expectEnd(t, result, 134, [
    /JavaScript heap out of memory/,
    /\[runtime\] the app aborted \(SIGABRT\)/,
    /\[runtime\] +memory: total \d+/,
  ]);
});

test.serial('/tmp is full', async (t) => {
  const result = await bootApp(endings, { append: '-- by filling /tmp', memoryMegabytes: 256 });
  t.not(result.code, 0);
  t.regex(result.output, /ENOSPC|out of memory/);
  t.notRegex(result.output, /kernel panic/);
});

test.serial('the app throws while it is imported', async (t) => {
  const result = await bootApp({ name: 'throws-at-import', entry: 'apps/throws-at-import.ts' });
  expectEnd(t, result, 1, [
    /TypeError: Cannot read properties of undefined/,
    /throwing-module\.ts:4:43/,
  ]);
  t.notRegex(result.output, /never reached/);
});

test.serial('starting a process is refused, with what to use instead', async (t) => {
  const result = await bootApp({ name: 'single-process', entry: 'apps/single-process.ts' });
  expectEnd(t, result, 0, [
    ...[
      'spawn',
      'exec',
      'execFile',
      'fork',
      'spawnSync',
      'execSync',
      'execFileSync',
      'cluster',
    ].map((name) => new RegExp(`^${name}: ERR_RUNTIME_SINGLE_PROCESS: .*one process.*Worker`, 'm')),
    /^bad arguments: ERR_INVALID_ARG_TYPE/m,
    /^worker: ERR_RUNTIME_SINGLE_PROCESS/m,
    /^the app goes on/m,
  ]);
});

test.serial('the initrd is read-only', async (t) => {
  const result = await bootApp({ name: 'read-only', entry: 'apps/read-only.ts' });
  expectEnd(t, result, 0, [
    /write to the app: EROFS/,
    /new file in the app: EROFS/,
    /remove the app: EROFS/,
    /rename in the root: EROFS/,
    /new directory in the root: EROFS/,
    /change a mode: EROFS/,
    /write to \/tmp: done/,
    /read the app: done/,
  ]);
});

test.serial('arguments and variables reach the app', async (t) => {
  const hello = {
    name: 'hello-arguments',
    entry: 'apps/hello.ts',
    arguments: ['node', '/app/main.mjs', 'from the initrd'],
    environment: { GREETING: 'set in the initrd' },
  };
  const result = await bootApp(hello, { append: '-- "two words" last' });
  expectEnd(t, result, 0, [/\[ 'from the initrd', 'two words', 'last' \] set in the initrd/]);
  const overridden = await bootApp(hello, { append: 'env.GREETING="by command line"' });
  expectEnd(t, overridden, 0, [/by command line/]);
});
