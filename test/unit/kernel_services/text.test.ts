// Formatting, the log's ring, the command line, the exit status.
import test from 'ava';
import { kernel } from './addon.ts';

const int = (pattern: string, value: bigint) => kernel.formatNumber(pattern, 'int', value);
const long = (pattern: string, value: bigint) => kernel.formatNumber(pattern, 'long', value);
const asUnsigned = (value: bigint) => BigInt.asUintN(64, value);

test('format writes integers of every size', (t) => {
  t.is(int('%d', 0n), '0');
  t.is(int('%d', asUnsigned(-1n)), '-1');
  t.is(int('%i', 2147483647n), '2147483647');
  t.is(int('%d', asUnsigned(-2147483648n)), '-2147483648');
  t.is(int('%u', 4294967295n), '4294967295');
  t.is(long('%ld', asUnsigned(-(2n ** 63n))), '-9223372036854775808');
  t.is(long('%lu', 2n ** 64n - 1n), '18446744073709551615');
  t.is(long('%llx', 2n ** 64n - 1n), 'ffffffffffffffff');
  t.is(long('%zu', 12n), '12');
  t.is(int('%x', 0xdeadbeefn), 'deadbeef');
  t.is(int('%X', 0xdeadbeefn), 'DEADBEEF');
  t.is(int('%o', 0o755n), '755');
  t.is(kernel.formatNumber('%p', 'pointer', 0xffff800000001000n), '0xffff800000001000');
});

test('format pads to a width, with zeroes behind the sign', (t) => {
  t.is(int('[%5d]', 42n), '[   42]');
  t.is(int('[%-5d]', 42n), '[42   ]');
  t.is(int('[%05d]', asUnsigned(-42n)), '[-0042]');
  t.is(long('[%016llx]', 0x1234n), '[0000000000001234]');
  t.is(int('[%2d]', 12345n), '[12345]');
});

test('format cuts strings at their precision and never reads beyond', (t) => {
  t.is(kernel.formatText('[%s]', 'text'), '[text]');
  t.is(kernel.formatText('[%.*s]', 'text', 2), '[te]');
  t.is(kernel.formatText('[%.*s]', 'te', 50), '[te]');
  t.is(kernel.formatText('[%8s]', 'text'), '[    text]');
  t.is(kernel.formatText('[%-8.3s]', 'text'), '[tex     ]');
});

test('format takes arguments of mixed types in order', (t) => {
  t.is(kernel.formatMixed(), 'text -5 7 abcdef 4096 z %    42|a   |');
});

test('format cuts at the capacity and ends with a NUL', (t) => {
  for (const capacity of [1, 2, 4, 5]) {
    t.is(kernel.formatNumber('%d!', 'int', 123n, capacity), '123!'.slice(0, capacity - 1));
  }
  t.is(kernel.formatNumber('%d', 'int', 123n, 0), '');
});

test('the log ring keeps the newest text and moves late readers on', (t) => {
  t.deepEqual(kernel.readTextRing(['abc', 'def'], 0n, 100), { text: 'abcdef', cursor: 6n });
  t.deepEqual(kernel.readTextRing(['abc', 'def'], 2n, 2), { text: 'cd', cursor: 4n });
  t.deepEqual(kernel.readTextRing(['abc'], 3n, 10), { text: '', cursor: 3n });
  t.deepEqual(kernel.readTextRing(['abc'], 99n, 10), { text: '', cursor: 99n });
  t.deepEqual(kernel.readTextRing(['0123456789', 'abcdefghij'], 0n, 100), {
    text: '456789abcdefghij',
    cursor: 20n,
  });
  t.deepEqual(kernel.readTextRing(['x'.repeat(40), '!'], 0n, 100), {
    text: `${'x'.repeat(15)}!`,
    cursor: 41n,
  });
});

test('an empty command line gives the defaults', (t) => {
  t.deepEqual(kernel.parseCommandLine('  \t '), {
    logLevel: 1,
    traceSystemCalls: false,
    haltsWhenIdle: false,
    fixedLayout: false,
    writableRoot: false,
    warmStart: 0,
    environment: [],
    arguments: [],
  });
});

test('the command line gives every option', (t) => {
  const line =
    'log=debug env.A=1 trace=syscalls idle=halt layout=fixed root=rw warm=freeze env.B=x=y "env.C=two words" ' +
    'env.D="also two" env.E= -- --port 80 "a b" "" log=error';
  t.deepEqual(kernel.parseCommandLine(line), {
    logLevel: 3,
    traceSystemCalls: true,
    haltsWhenIdle: true,
    fixedLayout: true,
    writableRoot: true,
    warmStart: 2,
    environment: ['A=1', 'B=x=y', 'C=two words', 'D=also two', 'E='],
    arguments: ['--port', '80', 'a b', '', 'log=error'],
  });
});

test('a warm image can be told to start anew', (t) => {
  t.is(kernel.parseCommandLine('warm=off').warmStart, 1);
});

test('a wrong option is refused with its name and what is known', (t) => {
  const error = (line: string) => kernel.parseCommandLine(line).error ?? '';
  t.regex(error('quiet'), /unknown option "quiet"; known options are log=.*env\.NAME=value.*--/);
  t.regex(error('trace=all'), /unknown option "trace=all"/);
  t.regex(error('root=ro'), /unknown option "root=ro"/);
  t.regex(error('warm=on'), /unknown option "warm=on"; known options are .*warm=freeze\|off/);
  t.regex(error('log=loud'), /"log=loud" is not a log level; use log=error/);
  t.regex(error('env.NAME'), /"env\.NAME" is not of the form env\.NAME=value/);
  t.regex(error('env.=x'), /"env\.=x" is not of the form/);
  t.regex(error('-- "open'), /quote in "open" is not closed/);
  t.regex(error('x'.repeat(5000)), /5000 characters are too long; at most 4095/);
  t.regex(error('y'.repeat(3000)), /unknown option "y{80}"/);
});

test('more entries than there is room for are refused, not dropped', (t) => {
  const environment = (count: number) =>
    Array.from({ length: count }, (_, i) => `env.N${i}=${i}`).join(' ');
  const words = (count: number) => `-- ${'w '.repeat(count)}`;
  t.is(kernel.parseCommandLine(environment(64)).environment.length, 64);
  const again = kernel.parseCommandLine(`${environment(64)} env.N1=other`);
  t.deepEqual(again.environment.slice(0, 3), ['N0=0', 'N1=other', 'N2=2'], 'the last counts');
  t.regex(kernel.parseCommandLine(environment(65)).error ?? '', /more than 64 env\. options/);
  t.is(kernel.parseCommandLine(words(64)).arguments.length, 64);
  t.regex(kernel.parseCommandLine(words(65)).error ?? '', /more than 64 arguments after --/);
});

const status = (code: number, reason: string | Uint8Array, capacity = 512) => {
  const bytes = typeof reason === 'string' ? Buffer.from(reason) : reason;
  const line = kernel.formatExitStatus(code, Buffer.concat([bytes, Buffer.of(0)]), capacity);
  return Buffer.from(line).toString();
};

test('the exit status is one line of JSON', (t) => {
  t.is(status(134, 'signal 6 (SIGABRT)'), '{"code":134,"reason":"signal 6 (SIGABRT)"}\n');
  t.is(status(-1, ''), '{"code":-1,"reason":""}\n');
});

test('the exit status survives any reason', (t) => {
  const reason = 'quote " backslash \\ newline \n tab \t bell \u0007 żółć 💥';
  t.deepEqual(JSON.parse(status(1, reason)), { code: 1, reason });
  t.deepEqual(JSON.parse(status(1, Buffer.from([0x61, 0xff, 0xc3, 0x62]))), {
    code: 1,
    reason: 'a??b',
  });
});

test('a reason that does not fit is cut between characters', (t) => {
  for (let capacity = 40; capacity < 60; ++capacity) {
    const line = status(1, 'a"ż💥'.repeat(20), capacity);
    t.true(Buffer.byteLength(line) < capacity);
    t.true('a"ż💥'.repeat(20).startsWith(JSON.parse(line).reason));
  }
});
