/** Values as bytes and back: what survives, what is refused and by which words, and what hostile bytes can do. */
import test from 'ava';
import { decodeValue, encodeValue } from '../../lib/rpc/src/codec/codec.ts';
import { DecodeError, UnsendableError } from '../../lib/rpc/src/codec/limits.ts';
import { move } from '../../lib/rpc/src/codec/move.ts';
import { tag } from '../../lib/rpc/src/codec/tags.ts';

function copy<T>(value: T): T {
  return decodeValue(encodeValue(value)) as T;
}

function decode(...bytes: (number | Uint8Array)[]): unknown {
  const all = bytes.flatMap((part) => (typeof part === 'number' ? [part] : [...part]));
  return decodeValue({ bytes: Uint8Array.from(all), attachments: [] });
}

const primitives: readonly unknown[] = [
  undefined,
  null,
  true,
  false,
  0,
  -0,
  1,
  -1,
  63,
  64,
  -65,
  2 ** 31 - 1,
  -(2 ** 31),
  2 ** 31,
  2 ** 53,
  0.1,
  -1e300,
  5e-324,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
  0n,
  -1n,
  2n ** 64n,
  -(2n ** 200n),
  '',
  'plain',
  'naïve ÿ',
  'żółć 漢字 🦊',
  '\ud800 alone \udc00',
  '\0',
  'x'.repeat(100_000),
  '漢'.repeat(50_000),
];

test('primitives arrive as they were', (t) => {
  for (const value of primitives) t.true(Object.is(copy(value), value), String(value).slice(0, 20));
});

test('objects of the language arrive as they were', (t) => {
  const values = [
    {},
    [],
    { a: 1, b: { c: [1, 'two', null, undefined] }, 'odd key ż': true, '': 0, 7: 'seven' },
    new Date(1_234_567_890_123),
    new Date(Number.NaN),
    /a+(?<name>b)/giu,
    new Map<unknown, unknown>([
      [{ key: 1 }, 'one'],
      ['two', new Map()],
    ]),
    new Set([1, 'a', Number.NaN]),
    Object('boxed'),
    Object(7),
    Object(false),
    Object(7n),
    new ArrayBuffer(0),
    Uint8Array.of(1, 2, 3).buffer,
    Float64Array.of(1.5, Number.NaN, -0),
    BigInt64Array.of(-1n, 2n ** 62n),
    Float16Array.of(1.5),
    new DataView(Uint8Array.of(1, 2, 3).buffer),
    new Uint8ClampedArray(3),
  ];
  for (const value of values) {
    const got = copy(value);
    t.deepEqual(got, value);
    t.is(Object.getPrototypeOf(got), Object.getPrototypeOf(value));
    t.not<unknown, unknown>(got, value);
  }
});

test('what structuredClone gives, this gives', (t) => {
  const value = {
    list: Object.assign([1], { 2: 3, 3: undefined }),
    nested: new Map([['when', new Set([new Date(5), /x/y])]]),
    big: [2n ** 70n],
  };
  t.deepEqual(copy(value), structuredClone(value));
});

test('keys that objects have from their prototype are data like others', (t) => {
  const value = { constructor: 1, toString: 2, hasOwnProperty: 3, prototype: 4 };
  t.deepEqual(copy(value), value);
  t.deepEqual(Object.keys(copy(value)), Object.keys(value));
  const bare = Object.assign(Object.create(null), { a: 1 });
  t.deepEqual(copy(bare), { a: 1 });
});

test('holes of arrays stay holes, and a long array with few elements stays cheap', (t) => {
  const short = copy(Object.assign([1], { 2: 3 }));
  t.is(short.length, 3);
  t.false(1 in short);
  const long: unknown[] = [];
  long[5] = 'five';
  long[4_000_000_000] = 'late';
  long.length = 4_294_967_295;
  const encoded = encodeValue(long);
  t.true(encoded.bytes.length < 64);
  const got = decodeValue(encoded) as unknown[];
  t.is(got.length, long.length);
  t.deepEqual(Object.keys(got), ['5', '4000000000']);
  t.is(got[4_000_000_000], 'late');
  const trailing = Object.assign([1], { length: 30_000_000 });
  t.is(copy(trailing).length, 30_000_000);
});

test('shared references stay shared, and cycles end', (t) => {
  const shared = { name: 'shared' };
  const value: Record<string, unknown> = { one: shared, other: [shared] };
  value.self = value;
  value.map = new Map([[value, shared]]);
  const got = copy(value) as {
    one: object;
    other: object[];
    self: object;
    map: Map<object, object>;
  };
  t.is(got.one, got.other[0] as object);
  t.is(got.self, got);
  t.is(got.map.get(got), got.one);
  const error = new Error('loops') as Error & { own?: unknown };
  error.cause = error;
  const again = copy(error);
  t.is(again.cause, again);
});

test('errors keep type, message, stack, cause and what was added', (t) => {
  class AppError extends TypeError {
    override name = 'AppError';
  }
  const cause = new RangeError('too far');
  const error = Object.assign(new AppError('went wrong', { cause }), {
    code: 'E_APP',
    at: { line: 3 },
  });
  const got = copy(error);
  t.true(got instanceof TypeError);
  t.is(got.name, 'AppError');
  t.is(got.message, 'went wrong');
  t.is(got.stack, error.stack);
  t.is(got.code, 'E_APP');
  t.deepEqual(got.at, { line: 3 });
  t.true(got.cause instanceof RangeError);
  t.false(Object.keys(got).includes('cause'));
  const several = copy(new AggregateError([new SyntaxError('one'), 'other'], 'both'));
  t.true(several instanceof AggregateError);
  t.true(several.errors[0] instanceof SyntaxError);
  t.is(several.errors[1], 'other');
});

test('a view takes along what it shows and no more of its buffer', (t) => {
  const secret = new TextEncoder().encode('visible and secret');
  const encoded = encodeValue(secret.subarray(0, 7));
  t.false(String.fromCharCode(...encoded.bytes).includes('secret'));
  const got = decodeValue(encoded) as Uint8Array;
  t.is(String.fromCharCode(...got), 'visible');
  t.is(got.buffer.byteLength, 7);
});

test('a view is of the kind that it is, whatever it says of itself', (t) => {
  class Mine extends Uint16Array {
    override get [Symbol.toStringTag](): 'Uint16Array' {
      return 'Float64Array' as 'Uint16Array';
    }
  }
  t.deepEqual(copy(Mine.of(1, 2)), Uint16Array.of(1, 2));
  t.deepEqual(copy(Buffer.from('ab')), Uint8Array.of(97, 98));
  t.deepEqual(copy(new DataView(new ArrayBuffer(2))), new DataView(new ArrayBuffer(2)));
});

test('two views of one whole buffer share it afterwards', (t) => {
  const buffer = new ArrayBuffer(8);
  const [bytes, words] = copy([new Uint8Array(buffer), new Uint32Array(buffer)] as const);
  bytes[0] = 7;
  t.is(words[0], 7);
});

test('a buffer moves when it is told to', (t) => {
  const bytes = move(Uint8Array.of(1, 2, 3, 4).subarray(1, 3));
  const { buffer } = bytes;
  const encoded = encodeValue({ bytes, same: buffer });
  t.true(buffer.detached);
  t.is(encoded.attachments.length, 1);
  const got = decodeValue(encoded) as { bytes: Uint8Array; same: ArrayBuffer };
  t.deepEqual([...got.bytes], [2, 3]);
  t.is(got.bytes.buffer, got.same);
  t.throws(() => move(buffer), { message: /moved away already/ });
  t.throws(() => encodeValue([buffer]), {
    message: /\[0\] cannot be sent: this buffer has been moved/,
  });
  t.throws(() => move(new Uint8Array(new SharedArrayBuffer(4))), { message: /Shared memory/ });
});

test('shared memory stays shared', (t) => {
  const shared = new Uint8Array(new SharedArrayBuffer(4));
  copy(shared)[0] = 9;
  t.is(shared[0], 9);
});

test('what cannot be sent is refused by its path', (t) => {
  class Account {
    balance = 1;
  }
  const refused: readonly (readonly [value: unknown, path: string, why: RegExp])[] = [
    [{ list: [{ callback: () => {} }] }, '.list[0].callback', /functions go only through remote/],
    [[1, Symbol('s')], '[1]', /symbol/],
    [{ who: new Account() }, '.who', /instance of Account: pass remote/],
    [{ later: Promise.resolve() }, '.later', /await it first/],
    [new Map([['key', new WeakMap()]]), 'key', /weakly/],
    [new Map([[() => {}, 1]]), '(a key)', /functions/],
    [new Set([new WeakRef({})]), '(an element)', /weakly/],
    [JSON.parse('{"a":{"__proto__":1}}'), '.a.__proto__', /trap/],
    [{ nested: Object.fromEntries([['then', () => {}]]) }, '.nested.then', /promise/],
  ];
  for (const [value, path, why] of refused) {
    const error = t.throws(() => encodeValue(value), { instanceOf: UnsendableError, message: why });
    t.true(error?.path.includes(path.replace(/^\./, '')), error?.message);
  }
  const thrower = {
    get broken() {
      throw new Error('own words');
    },
  };
  const error = t.throws(() => encodeValue({ thrower }), { message: /thrower\.broken.*own words/ });
  t.is((error?.cause as Error | undefined)?.message, 'own words');
  t.throws(() => encodeValue(Object.setPrototypeOf({}, Map.prototype)), {
    instanceOf: UnsendableError,
  });
});

test('limits hold on both sides', (t) => {
  const deep = (levels: number): unknown => {
    let value: unknown = 1;
    for (let level = 0; level < levels; level += 1) value = [value];
    return value;
  };
  t.notThrows(() => copy(deep(500)));
  t.throws(() => encodeValue(deep(501)), { message: /more than 500 deep/ });
  const limits = { bytes: 1000, objects: 10, depth: 5 };
  t.throws(() => encodeValue('x'.repeat(2000), limits), { message: /longer than 1000 bytes/ });
  t.throws(
    () =>
      encodeValue(
        Array.from({ length: 11 }, () => ({})),
        limits,
      ),
    { message: /10 objects/ },
  );
  const many = encodeValue(Array.from({ length: 11 }, () => ({})));
  t.throws(() => decodeValue(many, limits), { instanceOf: DecodeError, message: /10 objects/ });
  t.throws(() => decodeValue(encodeValue(deep(6)), limits), { message: /5 deep/ });
});

test('hostile bytes are refused before they cost anything', (t) => {
  const huge = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f);
  const refuse = (why: RegExp, ...bytes: (number | Uint8Array)[]): void => {
    t.throws(() => decode(...bytes), { instanceOf: DecodeError, message: why });
  };
  for (const kind of [tag.array, tag.map, tag.set, tag.object, tag.latin1, tag.utf16, tag.buffer]) {
    refuse(/ends too early/, kind, huge);
  }
  refuse(/ends too early/);
  refuse(/tag 200/, 200);
  refuse(/tag 10/, tag.hole);
  refuse(/earlier value/, tag.again, 0);
  refuse(/earlier value/, tag.view, 2, 0, 1, tag.again, 0);
  refuse(/too long/, tag.again, new Uint8Array(9).fill(0xff));
  refuse(/attachment is missing/, tag.attachment, 0);
  refuse(/not of a buffer/, tag.view, 2, 0, 1, tag.null);
  refuse(/outside its buffer/, tag.view, 2, 0, 9, tag.buffer, 1, 0);
  refuse(/outside its buffer/, tag.view, 7, 1, 0, tag.buffer, 4, 0, 0, 0, 0);
  refuse(/no known kind/, tag.view, 99, 0, 0, tag.buffer, 0);
  refuse(/regular expression/, tag.regExp, tag.latin1, 1, 40, tag.latin1, 0);
  refuse(/is not data/, tag.reference, 0, 1);
  refuse(/no such element/, tag.sparseArray, huge, 1, huge, tag.null);
  refuse(/no such length/, tag.sparseArray, 0, 0);
  refuse(/bigint/, tag.bigint, 0, 1, 120);
  refuse(/more follows/, tag.null, tag.null);
  refuse(
    /__proto__/,
    tag.object,
    1,
    tag.latin1,
    9,
    new TextEncoder().encode('__proto__'),
    tag.object,
    0,
  );
  refuse(
    /__proto__/,
    tag.error,
    0,
    tag.latin1,
    1,
    69,
    tag.latin1,
    0,
    tag.undefined,
    1,
    tag.latin1,
    9,
    new TextEncoder().encode('__proto__'),
    tag.null,
  );
  t.is(Object.getPrototypeOf({}), Object.prototype);
  t.false('polluted' in {});
});
