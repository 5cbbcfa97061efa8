/** Remote calls between two sides in one thread. */
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { connect } from '../../lib/rpc/src/calls/connection.ts';
import { isRpcError, type RpcError } from '../../lib/rpc/src/calls/errors.ts';
import { release, withOptions } from '../../lib/rpc/src/calls/imports.ts';
import { remote, revocable } from '../../lib/rpc/src/calls/reference.ts';
import type { Reference, Remote, RemoteFunction, Served } from '../../lib/rpc/src/calls/types.ts';
import { memoryChannels } from '../../lib/rpc/src/channels/memory.ts';
import { move } from '../../lib/rpc/src/codec/move.ts';
import { connected, later, ringChannels, type Sides } from './support/rpc.ts';

interface Counter {
  add(by: number): number;
}

interface Calculator {
  add(one: number, other: number): number;
  echo(value: unknown): unknown;
  fail(): never;
  never(): Promise<void>;
  counter(): Reference<Counter>;
  same(value: Reference<Counter>): Reference<Counter>;
  each(values: number[], visit: (value: number) => number): number[];
  callback(): () => string;
  back(bytes: Uint8Array): Uint8Array;
}

class RangeTooSmallError extends RangeError {
  override name = 'RangeTooSmallError';
}

class CounterOf {
  value = 0;
  add(by: number): number {
    this.value += by;
    return this.value;
  }
  secret(): string {
    return 'TypeScript calls this private';
  }
}

function deepInTheServer(): never {
  throw Object.assign(new RangeTooSmallError('0 is too small'), { limit: 1 });
}

const calculator: Served<Calculator> = {
  add: (one, other) => one + other,
  echo: (value) => value,
  fail: deepInTheServer,
  never: () => new Promise<void>(() => {}),
  counter: () => remote<Counter>(new CounterOf(), ['add']),
  same: (value) => value,
  each: async (values, visit) => {
    const results: number[] = [];
    for (const value of values) results.push(await visit(value));
    return results;
  },
  callback: () => () => 'called back',
  back: (bytes) => move(bytes),
};

const code = (expected: RpcError['code']) => ({
  is: (error: unknown) => isRpcError(error, expected),
});

/** Lets the loop turn until something is so. */
async function until(isSo: () => boolean): Promise<void> {
  for (let turns = 0; !isSo(); turns += 1) {
    if (turns > 10_000) throw new Error('It never came to that.');
    await delay(1);
  }
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('It did not fail.');
}

test('methods are called by their names, and answers are told apart', async (t) => {
  const { caller } = connected<Calculator>({ serve: calculator });
  t.is(await caller.remote.add(1, 2), 3);
  const sums = Array.from({ length: 500 }, (_, index) => caller.remote.add(index, 1));
  t.deepEqual(
    await Promise.all(sums),
    Array.from({ length: 500 }, (_, index) => index + 1),
  );
  t.deepEqual(await caller.remote.echo({ list: [1, new Map([['a', -0]])] }), {
    list: [1, new Map([['a', -0]])],
  });
  t.is(caller.statistics.unanswered, 0);
});

test('both sides serve and call, at the same time, also from within a call', async (t) => {
  interface Fibonacci {
    of(n: number): number;
  }
  const make = (other: () => Remote<Fibonacci>): Served<Fibonacci> => ({
    of: async (n) => (n < 2 ? n : (await other().of(n - 1)) + (await other().of(n - 2))),
  });
  const sides: Sides<Fibonacci, Fibonacci> = connected<Fibonacci, Fibonacci>(
    { serve: make(() => sides.server.remote) },
    { serve: make(() => sides.caller.remote) },
  );
  t.is(await sides.caller.remote.of(10), 55);
});

test('an error keeps its type, its message, what it has, and both stacks', async (t) => {
  const { caller } = connected<Calculator>({ serve: calculator });
  async function whoCalls(): Promise<void> {
    await caller.remote.fail();
  }
  const error = await rejection(whoCalls());
  t.true(error instanceof RangeError);
  t.is(error.name, 'RangeTooSmallError');
  t.is(error.message, '0 is too small');
  t.is(Reflect.get(error, 'limit'), 1);
  t.regex(error.stack ?? '', /deepInTheServer[\s\S]+--- called from ---[\s\S]+whoCalls/);
});

test('stacks stay at home when they are to', async (t) => {
  const { caller } = connected<Calculator>(
    { serve: calculator, sendsStacks: false },
    { tracesCalls: false },
  );
  const error = await rejection(caller.remote.fail());
  t.is(error.stack, 'RangeTooSmallError: 0 is too small');
});

test('what is thrown and cannot be sent is described, and so is a result', async (t) => {
  const { caller } = connected<Record<'thrown' | 'result' | 'text' | 'trap', () => unknown>>({
    serve: {
      thrown: () => {
        throw Object.assign(new Error('outer'), { symbol: Symbol('s') });
      },
      result: () => ({ list: [Symbol('s')] }),
      text: () => {
        throw 'a string';
      },
      trap: () =>
        Object.defineProperty({}, 'then', {
          get() {
            throw new Error('a trap');
          },
        }),
    },
  });
  t.regex((await rejection(caller.remote.thrown())).message, /outer.*symbol/);
  t.regex((await rejection(caller.remote.result())).message, /result\.list\[0\] cannot be sent/);
  t.is(await caller.remote.text().catch((error: unknown) => error), 'a string');
  t.is((await rejection(caller.remote.trap())).message, 'a trap');
  const own = await rejection(caller.remote.thrown.apply(undefined, [Symbol('s')] as never));
  t.regex(own.message, /arguments\[0\] cannot be sent/);
});

test('only what is exposed can be called, whatever name is asked for', async (t) => {
  const instance = new CounterOf();
  const { caller } = connected<Calculator>({
    serve: remote<Counter>(instance, ['add']) as unknown as Reference<Calculator>,
  });
  const names = caller.remote as unknown as Record<string, () => Promise<unknown>>;
  for (const name of [
    'secret',
    'value',
    'hasOwnProperty',
    'valueOf',
    '__defineGetter__',
    '__lookupGetter__',
    'call',
    'apply',
    'isPrototypeOf',
    '',
  ]) {
    t.true(code('no-such-method').is(await rejection(names[name]!())), name);
  }
  for (const name of ['constructor', '__proto__', 'prototype', 'then'])
    t.is(names[name], undefined);
  const error = await rejection(names.subtract!());
  t.regex(error.message, /no method subtract; it can be asked for add\. Has its interface changed/);
  t.throws(() => remote(new CounterOf()), { message: /Say which methods of this CounterOf/ });
  t.throws(() => remote(new CounterOf(), ['constructor' as 'add']), { instanceOf: TypeError });
  t.throws(() => remote(new CounterOf(), ['value' as 'add']), { instanceOf: TypeError });
});

test('a served interface that changes fails clearly, and what runs goes on', async (t) => {
  const gate = Promise.withResolvers<string>();
  const { caller, server } = connected<{ old(): string; slow(): string }>({
    serve: { old: () => 'old', slow: () => gate.promise },
  });
  t.is(await caller.remote.old(), 'old');
  const slow = caller.remote.slow();
  await until(() => server.statistics.running === 1);
  server.serve({ renamed: () => 'new' });
  t.regex(
    (await rejection(caller.remote.old())).message,
    /no method old; it can be asked for renamed/,
  );
  gate.resolve('done');
  t.is(await slow, 'done');
  server.serve(undefined);
  t.true(code('no-such-method').is(await rejection(caller.remote.old())));
});

test('functions go as references, and come home as what they were', async (t) => {
  const { caller, server } = connected<Calculator>({ serve: calculator });
  t.deepEqual(await caller.remote.each([1, 2, 3], (value) => value * 10), [10, 20, 30]);
  t.is(await (await caller.remote.callback())(), 'called back');
  const mine = (): number => 1;
  t.is(await caller.remote.echo(mine), mine);
  const counter = await caller.remote.counter();
  t.is(await counter.add(2), 2);
  t.is(await counter.add(3), 5);
  t.is<unknown, unknown>(await caller.remote.echo(counter), counter);
  t.true(server.statistics.exported > 0);
});

test('a reference is released by name, and refuses to be used after that', async (t) => {
  let released = 0;
  const { caller, server } = connected<{ get(): Reference<Counter> }>({
    serve: {
      get: () =>
        remote<Counter>(new CounterOf(), ['add'], {
          released: () => {
            released += 1;
          },
        }),
    },
  });
  const counter = await caller.remote.get();
  const other = await caller.remote.get();
  t.is(server.statistics.exported, 2);
  release(counter);
  release(counter);
  t.true(code('released').is(await rejection(counter.add(1))));
  t.is(await other.add(1), 1);
  t.is(released, 1);
  {
    using last = other;
    t.is(await last.add(1), 2);
  }
  t.true(code('released').is(await rejection(other.add(1))));
  await caller.remote.get();
  t.is(released, 2);
  t.throws(() => release({}), { instanceOf: TypeError });
});

test('the same object is the same reference, until it was released', async (t) => {
  const object: Counter = new CounterOf();
  const { caller } = connected<{ get(): Reference<Counter> }>({
    serve: { get: () => remote(object, ['add']) },
  });
  const [one, other] = await Promise.all([caller.remote.get(), caller.remote.get()]);
  t.is(one, other);
  release(one);
  const again = await caller.remote.get();
  t.not(again, one);
  t.is(await again.add(1), 1);
});

test('what is forgotten is collected, and given back', async (t) => {
  const { setFlagsFromString } = await import('node:v8');
  const { runInNewContext } = await import('node:vm');
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const { caller, server } = connected<Calculator & { numbers(): AsyncIterable<number> }>({
    serve: {
      ...calculator,
      numbers: async function* () {
        yield 1;
      },
    },
  });
  const use = async (): Promise<void> => {
    for (let count = 0; count < 20; count += 1) {
      const counter = await caller.remote.counter();
      t.is(await counter.add(1), 1);
      await caller.remote.numbers();
    }
  };
  await use();
  for (
    let tries = 0;
    tries < 100 && server.statistics.exported + server.statistics.streams > 0;
    tries += 1
  ) {
    collect();
    await delay(5);
  }
  t.is(server.statistics.exported, 0);
  t.is(server.statistics.streams, 0);
  t.is(caller.statistics.imported, 0);
});

test('a capability is passed on to a third side, and revoked', async (t) => {
  const counter = new CounterOf();
  const owner = connected<{ get(): Reference<Counter> }>({
    serve: { get: () => capability.reference },
  });
  const capability = revocable(remote<Counter>(counter, ['add']));
  interface Third {
    use(counter: Reference<Counter>): number;
    useAgain(): number;
  }
  let kept: Remote<Counter> | undefined;
  const third = connected<Third>({
    serve: {
      use: (given) => {
        kept = given;
        return given.add(10);
      },
      useAgain: () => kept?.add(1) ?? -1,
    },
  });
  const mine = await owner.caller.remote.get();
  t.is(await third.caller.remote.use(mine), 10);
  t.is(await third.caller.remote.useAgain(), 11);
  t.true(
    code('no-such-method').is(await rejection((kept as unknown as CounterOf).secret() as never)),
  );
  const passedOn = revocable<Counter>(mine as never);
  t.is(await third.caller.remote.use(passedOn.reference), 21);
  passedOn.revoke('lent for one use');
  t.regex(
    (await rejection(third.caller.remote.useAgain())).message,
    /revoked by its owner: lent for/,
  );
  t.is(await mine.add(1), 22);
  capability.revoke();
  t.true(code('revoked').is(await rejection(mine.add(1))));
  t.is(counter.value, 22);
});

test('a call that waits when its reference is revoked fails', async (t) => {
  const slow = revocable(remote({ wait: () => new Promise<void>(() => {}) }));
  const { caller } = connected<{ get(): Reference<{ wait(): void }> }>({
    serve: { get: () => slow.reference },
  });
  const reference = await caller.remote.get();
  const waiting = reference.wait();
  await delay(1);
  slow.revoke('enough');
  t.true(code('revoked').is(await rejection(waiting)));
});

test('a buffer moves, and everything else is copied', async (t) => {
  for (const channels of [memoryChannels({ later }), ringChannels(4096)]) {
    const { caller } = connected<Calculator>({ serve: calculator }, {}, channels);
    const large = new Uint8Array(16 << 20);
    large[5] = 6;
    const moved = await caller.remote.back(move(large));
    t.is(large.length, 0);
    t.is(moved.length, 16 << 20);
    t.is(moved[5], 6);
    const small = Uint8Array.of(1, 2, 3);
    t.deepEqual(await caller.remote.echo(small), small);
    t.is(small.length, 3);
  }
});

test('values longer than the channel go in pieces', async (t) => {
  for (const channels of [memoryChannels({ later, capacity: 2048 }), ringChannels(1024)]) {
    const { caller } = connected<Calculator>({ serve: calculator }, {}, channels);
    const text = 'żółw '.repeat(100_000);
    const [one, sum, other] = await Promise.all([
      caller.remote.echo(text),
      caller.remote.add(1, 1),
      caller.remote.echo([text, 1]),
    ]);
    t.is(one, text);
    t.is(sum, 2);
    t.deepEqual(other, [text, 1]);
  }
});

test('a value beyond what the peer takes is refused by name, and nothing else is lost', async (t) => {
  const { caller } = connected<Calculator>({
    serve: calculator,
    allowance: { messageBytes: 5000 },
  });
  await caller.remote.add(1, 1);
  t.regex(
    (await rejection(caller.remote.echo('x'.repeat(6000)))).message,
    /arguments\[0\] cannot be sent: its encoding is longer than 5000/,
  );
  t.is(await caller.remote.add(1, 1), 2);
  const long = connected<{ fail(): void }>(
    {
      serve: {
        fail: () => {
          throw new Error('y'.repeat(9000));
        },
      },
    },
    { allowance: { messageBytes: 4096 } },
  );
  t.regex(
    (await rejection(long.caller.remote.fail())).message,
    /What was thrown cannot be sent \(Error: yyy/,
  );
  t.throws(() => connected({}, { allowance: { messageBytes: 100 } }), { instanceOf: RangeError });
});

test('calls beyond what the peer allows wait, and too many of those fail', async (t) => {
  const gates: (() => void)[] = [];
  const { caller, server } = connected<{ wait(): void; ready(): void }>(
    {
      serve: {
        ready: () => {},
        wait: () => new Promise<void>((resolve) => gates.push(resolve)),
      },
      allowance: { calls: 4 },
    },
    { mostWaitingCalls: 6 },
  );
  await caller.remote.ready();
  const calls = Array.from({ length: 10 }, () => caller.remote.wait());
  const refused = Array.from({ length: 3 }, () => caller.remote.wait());
  for (const call of refused) t.true(code('overload').is(await rejection(call)));
  const all = Promise.all(calls);
  await until(() => server.statistics.running === 4);
  t.is(caller.statistics.waiting, 6);
  let most = 0;
  for (let opened = 0; opened < 10; ) {
    most = Math.max(most, server.statistics.running);
    const gate = gates.shift();
    if (gate === undefined) await delay(1);
    else {
      gate();
      opened += 1;
    }
  }
  await all;
  t.is(most, 4);
});

test('a slow peer slows who calls, and memory stays bounded', async (t) => {
  const { caller, server } = connected<Calculator>(
    { serve: calculator },
    {},
    memoryChannels({ later, capacity: 4096 }),
  );
  let most = 0;
  const text = 'x'.repeat(500);
  const calls = Array.from({ length: 3000 }, async () => {
    await caller.remote.echo(text);
    most = Math.max(most, server.statistics.running, server.statistics.waitingBytes / 1000);
  });
  await Promise.all(calls);
  t.true(most <= 1024);
});

test('two sides that wait for each other do not stop the loop, and time out', async (t) => {
  interface Mutual {
    go(): string;
  }
  const sides: Sides<Mutual, Mutual> = connected<Mutual, Mutual>(
    { serve: { go: () => sides.server.remote.go() }, timeout: 40 },
    { serve: { go: () => new Promise<string>(() => {}) } },
  );
  const { caller } = sides;
  const call = rejection(caller.remote.go());
  await delay(1);
  t.true(code('timed-out').is(await call));
  const own = rejection(withOptions(caller.remote, { timeout: 10 }).go());
  t.regex((await own).message, /within 10 ms/);
});

test('an AbortSignal cancels on both sides, and tells the reason', async (t) => {
  let seen: unknown;
  const stopped = Promise.withResolvers<void>();
  const { caller } = connected<{ work(options: { signal: AbortSignal }): void }>({
    serve: {
      work: ({ signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            seen = signal.reason;
            stopped.resolve();
            reject(signal.reason);
          });
        }),
    },
  });
  const control = new AbortController();
  const call = caller.remote.work({ signal: control.signal });
  await delay(1);
  const reason = new RangeError('not needed any more');
  control.abort(reason);
  t.is(await rejection(call), reason);
  await stopped.promise;
  t.true(seen instanceof RangeError);
  t.is((seen as Error).message, reason.message);
  t.is(await rejection(caller.remote.work({ signal: control.signal })), reason);
  await until(() => caller.statistics.unanswered === 0);
  t.pass();
});

test('a call that nobody waits for any longer aborts the signals of its method', async (t) => {
  const aborted = Promise.withResolvers<unknown>();
  const { caller } = connected<{ work(signal: AbortSignal): void }>({
    serve: {
      work: (signal) => {
        signal.addEventListener('abort', () => aborted.resolve(signal.reason));
        return new Promise<void>(() => {});
      },
    },
  });
  const call = withOptions(caller.remote, { timeout: 5 }).work(new AbortController().signal);
  t.true(code('timed-out').is(await rejection(call)));
  t.true(isRpcError(await aborted.promise, 'timed-out'));
  const control = new AbortController();
  const other = withOptions(caller.remote, { signal: control.signal }).work(
    new AbortController().signal,
  );
  control.abort('stop');
  t.is(await other.catch((error: unknown) => error), 'stop');
});

test('streams go both ways, at the pace of who reads', async (t) => {
  let made = 0;
  let closed = 0;
  const { caller, server } = connected<{
    count(to: number): AsyncIterable<number>;
    sum(numbers: AsyncIterable<number>): number;
    broken(): AsyncIterable<number>;
  }>({
    serve: {
      count: async function* (to) {
        try {
          for (let number = 0; number < to; number += 1) {
            made += 1;
            yield number;
          }
        } finally {
          closed += 1;
        }
      },
      sum: async (numbers) => {
        let sum = 0;
        for await (const number of numbers) sum += number;
        return sum;
      },
      broken: async function* () {
        yield 1;
        throw new SyntaxError('half way');
      },
    },
  });
  const all: number[] = [];
  for await (const number of await caller.remote.count(1000)) {
    all.push(number);
    t.true(made - all.length <= 16);
  }
  t.is(all.length, 1000);
  t.is(closed, 1);
  const idle = await caller.remote.count(1000);
  made = 0;
  await delay(5);
  t.is(made, 0, 'a stream begins when it is read');
  t.deepEqual(await idle.next(), { done: false, value: 0 });
  await delay(5);
  t.true(made <= 17);
  await idle.return();
  t.deepEqual(await idle.next(), { done: true, value: undefined });
  for await (const number of await caller.remote.count(1000)) if (number === 3) break;
  await until(() => closed === 3);
  async function* numbers(): AsyncGenerator<number> {
    for (let number = 1; number <= 100; number += 1) yield number;
  }
  t.is(await caller.remote.sum(numbers()), 5050);
  const broken = await caller.remote.broken();
  t.is((await broken.next()).value, 1);
  t.true((await rejection(broken.next())) instanceof SyntaxError);
  t.true((await broken.next()).done);
  t.is(server.statistics.streams, 0);
  t.is(caller.statistics.streams, 0);
});

test('the end of a peer rejects everything that waits for it, on both sides', async (t) => {
  const channels = memoryChannels({ later });
  let given: RemoteFunction<() => void> | undefined;
  const aborted = Promise.withResolvers<void>();
  let returned = false;
  let releases = 0;
  const { caller, server } = connected<
    Calculator & {
      take(run: () => void): void;
      work(signal: AbortSignal): void;
      stream(): AsyncIterable<number>;
      lend(): Reference<Counter>;
    }
  >(
    {
      serve: {
        ...calculator,
        take: (run) => {
          given = run;
        },
        work: (signal) => {
          signal.addEventListener('abort', () => aborted.resolve());
          return new Promise<void>(() => {});
        },
        stream: async function* () {
          try {
            yield 1;
            yield* [2, 3, 4].values();
            await new Promise(() => {});
          } finally {
            returned = true;
          }
        },
        lend: () =>
          remote<Counter>(new CounterOf(), ['add'], {
            released: () => {
              releases += 1;
            },
          }),
      },
    },
    {},
    channels,
  );
  await caller.remote.take(() => {});
  const lent = await caller.remote.lend();
  // Nobody waits for this one: it must not become an unhandled rejection.
  void caller.remote.never();
  const stream = await caller.remote.stream();
  t.is((await stream.next()).value, 1);
  const pending = [caller.remote.never(), caller.remote.work(new AbortController().signal)].map(
    rejection,
  );
  await delay(1);
  channels[0].die('heap limit of 16 MiB reached');
  for (const failed of await Promise.all(pending)) {
    t.true(isRpcError(failed, 'peer-gone'));
  }
  await aborted.promise;
  t.is((await server.closed).reason, 'heap limit of 16 MiB reached');
  t.regex((await rejection(given!())).message, /other side has died: heap limit of 16 MiB/);
  t.true(isRpcError(await rejection(lent.add(1)), 'peer-gone'));
  t.is(releases, 1);
  t.is(returned, false);
  let got = 0;
  const failed = await rejection(
    (async () => {
      for await (const _ of stream) got += 1;
    })(),
  );
  t.true(isRpcError(failed, 'peer-gone'));
  t.true(got <= 3);
  t.true(isRpcError(await rejection(caller.remote.add(1, 1)), 'peer-gone'));
  t.is(caller.statistics.unanswered + server.statistics.running, 0);
});

test('close() says why, and is safe twice', async (t) => {
  const { caller, server } = connected<Calculator>({ serve: calculator });
  const waiting = rejection(caller.remote.never());
  await caller.remote.add(1, 1);
  server.close('reloaded');
  server.close();
  t.regex((await waiting).message, /other side has closed the connection: reloaded/);
  t.is((await caller.closed).by, 'peer');
  t.is((await server.closed).by, 'here');
});

test('a reference that was never given breaks the connection, and nothing else', async (t) => {
  const [one, other] = memoryChannels({ later });
  const server = connect(one, { serve: calculator });
  other.start({ readable: () => {}, writable: () => {}, closed: () => {} });
  const hello = [0, 0, 1, 100, 100, 100, 0x80, 0x20];
  const call = (target: number): number[] => [0, 1, 1, target, 7, 3, 97, 100, 100, 0];
  other.send(Uint8Array.from(hello));
  other.send(Uint8Array.from(call(77)));
  const closure = await server.closed;
  t.is(closure.cause, 'broken');
  t.regex(closure.reason, /reference 77 is used without having been given/);
});

const offences: readonly (readonly [what: string, bytes: readonly number[], why: RegExp])[] = [
  ['no greeting', [0, 1, 1, 0, 7, 0, 0], /greeting/],
  ['an empty frame', [], /empty/],
  ['a frame of no kind', [9, 1], /no known kind/],
  ['crumbs', [1, 1], /too small/],
  ['another version', [0, 0, 99, 1, 1, 1, 1], /version 99/],
  ['too small an allowance', [0, 0, 1, 1, 1, 1, 1], /allows less/],
  ['nothing at all', [0], /ends too early/],
];
for (const [what, bytes, why] of offences) {
  test(`a peer that begins with ${what} is left`, async (t) => {
    const [one, other] = memoryChannels({ later });
    const server = connect(one, { serve: calculator });
    other.start({ readable: () => {}, writable: () => {}, closed: () => {} });
    other.send(Uint8Array.from(bytes));
    const closure = await server.closed;
    t.is(closure.cause, 'broken');
    t.regex(closure.reason, why);
  });
}

test('a getter that makes a call while its object is sent does no harm', async (t) => {
  const { caller } = connected<Calculator>({ serve: calculator });
  let inner: Promise<number> | undefined;
  const value = {
    get lazy() {
      inner = caller.remote.add(20, 22);
      return 'read';
    },
    after: 1,
  };
  t.deepEqual(await caller.remote.echo(value), { lazy: 'read', after: 1 });
  t.is(await inner, 42);
});

test('a Remote is no promise, cannot be changed, and can be printed', async (t) => {
  const { caller } = connected<Calculator>({ serve: calculator });
  const counter = await caller.remote.counter();
  t.is(await Promise.resolve(counter), counter);
  t.is(String(counter), '[remote reference]');
  t.is(JSON.stringify({ counter }), '{}');
  t.throws(() => Object.assign(counter as object, { add: 1 }), { instanceOf: TypeError });
  t.throws(() => Reflect.construct(counter as never, []), { instanceOf: TypeError });
});
