// What only native code shows: registers and the red zone survive interrupts and signals, and memory
// protection holds in ring 0.
import test from 'ava';
import { bootApp, expectEnd } from './support/endings.ts';
import { buildNativeAddon } from './support/native.ts';

const native = { name: 'native', entry: 'apps/native.ts' } as const;

test.before(() => buildNativeAddon('native'));

for (const { name, what, needsSignals } of [
  { name: 'stressRegisters', what: 'registers, flags and the red zone', needsSignals: false },
  { name: 'stressVectors', what: 'SSE, AVX and x87 state', needsSignals: false },
  {
    name: 'stressSignals',
    what: 'all of it, with signal frames on two kinds of stacks',
    needsSignals: true,
  },
]) {
  test.serial(`preemption keeps ${what}`, async (t) => {
    const result = await bootApp(native, { append: `-- stress ${name} 4 4000` });
    expectEnd(t, result, 0, [/"rounds":\d{2,}/, /"mismatches":0,/]);
    if (needsSignals) t.regex(result.output, /"signals":\d{2,}/);
  });
}

test.serial('registers survive on two processors', async (t) => {
  const result = await bootApp(native, {
    append: '-- stress stressSignals 6 3000',
    extraArguments: ['-smp', '2'],
  });
  expectEnd(t, result, 0, [/"mismatches":0,/]);
});

const crashes: readonly {
  readonly kind: string;
  readonly code: number;
  readonly report: RegExp;
}[] = [
  {
    kind: 'writeToText',
    code: 139,
    report: /SIGSEGV while writing address 0x[0-9a-f]+ \(not allowed/,
  },
  { kind: 'writeToConstant', code: 139, report: /SIGSEGV while writing address .* \(not allowed/ },
  { kind: 'writeProtected', code: 139, report: /SIGSEGV while writing address .* \(not allowed/ },
  { kind: 'runData', code: 139, report: /SIGSEGV while executing address .* \(not allowed/ },
  { kind: 'runStack', code: 139, report: /SIGSEGV while executing address .* \(not allowed/ },
  { kind: 'runHeap', code: 139, report: /SIGSEGV while executing address .* \(not allowed/ },
  { kind: 'writeNull', code: 139, report: /SIGSEGV while writing address 0x0 \(nothing is mapped/ },
  {
    kind: 'callNull',
    code: 139,
    report: /SIGSEGV while executing address 0x0 \(nothing is mapped/,
  },
  {
    kind: 'wildPointer',
    code: 139,
    report: /SIGSEGV while writing address 0x123456789000 \(nothing/,
  },
  { kind: 'notCanonical', code: 139, report: /SIGSEGV/ },
  { kind: 'stackOverflow', code: 139, report: /SIGSEGV while writing address/ },
  { kind: 'illegalInstruction', code: 132, report: /SIGILL/ },
  { kind: 'divideByZero', code: 136, report: /SIGFPE/ },
  { kind: 'breakpoint', code: 133, report: /SIGTRAP/ },
  { kind: 'corruptHeap', code: 134, report: /the app aborted \(SIGABRT\)/ },
  { kind: 'crashInThread', code: 139, report: /SIGSEGV while writing address 0x123456789000/ },
  { kind: 'abort', code: 134, report: /the app aborted \(SIGABRT\)/ },
];

for (const { kind, code, report } of crashes) {
  test.serial(`native code that ends in ${kind} is reported`, async (t) => {
    const result = await bootApp(native, { append: `-- crash ${kind}` });
    expectEnd(t, result, code, [
      new RegExp(`^going to ${kind}$`, 'm'),
      report,
      /\[runtime\] +rip [0-9a-f]{16}/,
      /\[runtime\] +#0 .*0x[0-9a-f]{16}/,
      /\[runtime\] +memory: total \d+/,
    ]);
    t.notRegex(result.output, /survived/);
    t.is(result.output.match(/the app (crashed|aborted)/g)?.length, 1, 'one report');
  });
}

test.serial('a backtrace names the native functions', async (t) => {
  const result = await bootApp(native, { append: '-- crash wildPointer' });
  t.regex(result.output, /#\d+ .*wild_pointer.*\(native\.node\)/);
  t.regex(result.output, /#\d+ .*(v8|node)::\w+.*\(node\)/);
});
