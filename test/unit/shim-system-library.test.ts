/** lib/system's pure parts. */
import { format as nodeFormat } from 'node:util';
import test from 'ava';
import { createConsole } from '../../lib/system/src/console.ts';
import { format, inspect } from '../../lib/system/src/format.ts';
import { dataUrlText, originalPlace, parseSourceMap } from '../../lib/system/src/source-map.ts';
import { type CallSite, createPrepareStackTrace } from '../../lib/system/src/stack-trace.ts';

class Named {
  value = 1;
}

test('values are formatted as in Node', (t) => {
  const cases: readonly (readonly unknown[])[] = [
    [],
    ['text', 'more', 1, -0, 5n, true, null, undefined, Symbol('s')],
    [1, 'text'],
    ['%s is %d of %i or %f%%', 'x', '4.5', '4.9', '1.5x', 'rest'],
    ['%s %s', 'only one'],
    ['%d %d', 5n, {}],
    ['%j %o', { a: [1] }, 'x'],
    ['%c styled', 'color: red'],
    ['%x 100%', 1],
    ['%%'],
    [{ a: 1, 'b-c': 'x', [Symbol('k')]: [1, 2, 3], nested: { deep: { deeper: { deepest: 1 } } } }],
    [[1, 'two', [3, [4, [5, [6]]]]]],
    [
      new Map<unknown, unknown>([
        ['a', 1],
        [{ b: 1 }, new Set([1, 2])],
      ]),
    ],
    [new Named(), Object.create(null), () => {}, class A {}, function named() {}],
    [new Uint8Array([1, 2, 3]), new BigUint64Array(1), /x/g, new Date(0), new Date(Number.NaN)],
    [{ quoted: 'it"s', slash: 'a\\b\n' }],
    [{}, [], new Map(), new Set()],
  ];
  for (const values of cases) t.is(format(...values), nodeFormat(...values));
});

test('showing a value runs none of its code, and ends', (t) => {
  let called = false;
  const circular: Record<string, unknown> = {
    get danger(): number {
      called = true;
      return 1;
    },
  };
  circular.self = circular;
  t.is(inspect(circular), '{ danger: [Getter], self: [Circular] }');
  t.false(called);
  t.is(format('%j', circular), '[Circular]');
  t.regex(inspect(Array.from({ length: 1000 }, () => 7)), /\.\.\. 900 more items/);
  t.regex(inspect({ a: 'x'.repeat(50), b: 'y'.repeat(50) }), /^\{\n {2}a: 'x+',\n {2}b: 'y+'\n\}$/);
});

test('errors show their stack and cause', (t) => {
  const error = new Error('outer', { cause: new TypeError('inner') });
  t.regex(inspect(error), /^Error: outer\n {4}at [\s\S]*\[cause\]: TypeError: inner/);
});

test('each console function has its level', (t) => {
  const written: [number, string][] = [];
  const console = createConsole((level, text) => written.push([level, text]));
  console.error('a');
  console.warn('b %d', 1);
  console.info('c');
  console.log('d', { e: 1 });
  console.debug('f');
  t.deepEqual(written, [
    [0, 'a'],
    [1, 'b 1'],
    [2, 'c'],
    [2, 'd { e: 1 }'],
    [3, 'f'],
  ]);
});

// Line 1 has no source; line 2 has two stretches of a.ts and one of b.ts.
const map = JSON.stringify({
  version: 3,
  sources: ['a.ts', 'b.ts'],
  names: [],
  mappings: ';AAUA,IACI,gBCgCkB',
});

test('places are found in their sources', (t) => {
  const parsed = parseSourceMap(map);
  t.is(originalPlace(parsed, 1, 1), undefined);
  t.deepEqual(originalPlace(parsed, 2, 1), { file: 'a.ts', line: 11, column: 1 });
  t.deepEqual(originalPlace(parsed, 2, 4), { file: 'a.ts', line: 11, column: 1 });
  t.deepEqual(originalPlace(parsed, 2, 5), { file: 'a.ts', line: 12, column: 5 });
  t.deepEqual(originalPlace(parsed, 2, 9999), { file: 'b.ts', line: 44, column: 23 });
  t.is(originalPlace(parsed, 3, 1), undefined);
});

test('a damaged source map is refused', (t) => {
  for (const text of [
    '',
    '{}',
    '{"version":2,"sources":[],"mappings":""}',
    '{"version":3,"sources":[],"mappings":5}',
  ]) {
    t.throws(() => parseSourceMap(text), { instanceOf: SyntaxError });
  }
  t.throws(() => parseSourceMap('{"version":3,"sources":[],"mappings":"A!"}'), {
    message: /'!' is no base 64 digit/,
  });
});

test('data URLs are decoded', (t) => {
  for (const text of ['', 'a', 'ab', 'abc', 'grüße 🚀', map]) {
    const base64 = Buffer.from(text).toString('base64');
    t.is(dataUrlText(`data:application/json;charset=utf-8;base64,${base64}`), text);
    t.is(dataUrlText(`data:application/json,${encodeURIComponent(text)}`), text);
  }
  t.is(dataUrlText('main.js.map'), undefined);
});

function site(line: number, column: number): CallSite {
  return {
    getScriptNameOrSourceURL: () => '/system/main.js',
    getLineNumber: () => line,
    getColumnNumber: () => column,
    toString: () => `f$& (/system/main.js:${line}:${column})`,
  };
}

test('stack traces name sources where the map has them', (t) => {
  let loads = 0;
  const prepare = createPrepareStackTrace(() => {
    loads++;
    return `data:application/json;base64,${btoa(map)}`;
  });
  const expected = 'Error: e\n    at f$& (a.ts:12:5)\n    at f$& (/system/main.js:1:1)';
  t.is(prepare(new Error('e'), [site(2, 5), site(1, 1)]), expected);
  t.is(prepare(new Error('e'), [site(2, 5), site(1, 1)]), expected);
  t.is(loads, 1);
});

test('without a usable map the stack is as it was', (t) => {
  for (const url of [undefined, 'x.map', 'data:,broken']) {
    const prepare = createPrepareStackTrace(() => url);
    t.is(prepare('thrown', [site(2, 5)]), 'thrown\n    at f$& (/system/main.js:2:5)');
  }
});
