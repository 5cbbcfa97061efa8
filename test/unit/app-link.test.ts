// What an app in Node calls of services: through lives of services, and of the system isolate. In one process.
import { AppLink, type LinkHost } from '@runtimejs/isolate/app-link.ts';
import { serveThread } from '@runtimejs/placement/services/app-endpoints.ts';
import { remote as reference } from '@runtimejs/rpc/calls/reference.ts';
import type { Reference } from '@runtimejs/rpc/calls/types.ts';
import { type MemoryChannel, memoryChannels } from '@runtimejs/rpc/channels/memory.ts';
import { serveClient } from '@runtimejs/system/service/serve.ts';
import { type MakePair, Switchboard } from '@runtimejs/system/service/switchboard.ts';
import test from 'ava';

interface Counter {
  add(): number;
  hang(): void;
  numbers(): AsyncIterable<number>;
  other(): Reference<{ add(): number }>;
}

const later = setImmediate;
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 30; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** Lives of the system isolate, and a thread of an app that calls it. */
class Machine {
  /** Ends that no life has taken yet. */
  readonly #calling: MemoryChannel[] = [];
  /** What runs once a pause is over. */
  readonly #timers = new Set<() => void>();
  readonly #made: MemoryChannel[] = [];
  #switchboard: Switchboard | undefined;
  readonly #names: readonly string[];
  held = 0;
  /** What streams and references wait for. */
  go: Promise<void> = Promise.resolve();
  readonly link: AppLink;

  constructor(names: readonly string[]) {
    this.#names = names;
    const idleAfter: LinkHost['after'] = (_milliseconds, run) => {
      this.#timers.add(run);
      return () => this.#timers.delete(run);
    };
    this.link = new AppLink({
      dial: () => {
        const [theirs, own] = memoryChannels({
          later,
          carries: (value) => 'longestMessage' in value,
        });
        this.#calling.push(theirs);
        this.#accept();
        return own;
      },
      after: () => () => {},
      idleAfter,
      hold: () => {
        this.held += 1;
        return () => {
          this.held -= 1;
        };
      },
    });
  }

  readonly #pair: MakePair = () => {
    const pair = memoryChannels({ later });
    this.#made.push(...(pair as unknown as MemoryChannel[]));
    return pair;
  };

  /** A life of the system isolate begins. */
  start(): void {
    this.#switchboard = new Switchboard();
    this.#accept();
  }

  #accept(): void {
    if (this.#switchboard === undefined) return;
    for (const channel of this.#calling.splice(0)) {
      this.#made.push(channel);
      serveThread(channel, this.#names, this.#switchboard, this.#pair);
    }
  }

  /** It ends, and all that it had. */
  end(): void {
    this.#switchboard = undefined;
    for (const each of this.#made.splice(0)) if (each.closure === undefined) each.die('it failed');
  }

  /** Refuses who calls, as a life does that has no endpoints for the app. */
  refuse(reason: string): void {
    for (const channel of this.#calling.splice(0)) channel.close(reason);
  }

  /** A life of the counter begins. @returns what ends it */
  count(from: number): () => void {
    let count = from;
    const untilTold = () => this.go;
    const ends: MemoryChannel[] = [];
    const withdraw = this.#switchboard?.offer({
      name: 'counter',
      isFar: true,
      pair: this.#pair,
      serve: (channel, client) => {
        ends.push(channel as MemoryChannel);
        serveClient(channel, client, () => ({
          add: () => ++count,
          hang: () => new Promise<void>(() => {}),
          async *numbers() {
            await untilTold();
            yield* [1, 2];
          },
          other: () => reference({ add: () => untilTold().then(() => ++count) }),
        }));
      },
    });
    return () => {
      withdraw?.();
      for (const each of ends) each.die('killed');
    };
  }

  /** The pause before the system isolate is called again is over. */
  async fire(): Promise<void> {
    for (const run of [...this.#timers]) {
      this.#timers.delete(run);
      run();
    }
    await settled();
  }
}

test('calls wait for the system isolate and the service, and go to each next life', async (t) => {
  const machine = new Machine(['counter']);
  const counter = machine.link.endpoint<Counter>('counter');
  t.is(machine.link.endpoint('counter'), counter, 'one reference for all');
  const early = counter.add();
  t.is(machine.held, 1, 'the event loop goes on');
  machine.start();
  await settled();
  const end = machine.count(0);
  t.is(await early, 1);
  t.is(machine.held, 0);
  const pending = counter.hang();
  await settled();
  end();
  await t.throwsAsync(pending, {
    code: 'peer-gone',
    message: /^counter has ended while hang\(\) was under way/,
  });
  const between = counter.add();
  await settled();
  machine.count(100);
  t.is(await between, 101);
  t.is(machine.held, 0);
});

test('a system isolate that has ended is called again, and its next life connects', async (t) => {
  const machine = new Machine(['counter']);
  machine.start();
  const counter = machine.link.endpoint<Counter>('counter');
  await settled();
  machine.count(0);
  t.is(await counter.add(), 1);
  const pending = counter.hang();
  await settled();
  machine.end();
  await t.throwsAsync(pending, { code: 'peer-gone' });
  await settled();
  const between = counter.add();
  await settled();
  machine.start();
  machine.count(10);
  await machine.fire();
  t.is(await between, 11);
});

test('what the composition does not give the app fails with a sentence, at once and later', async (t) => {
  const machine = new Machine(['users', 'counter']);
  machine.start();
  const sockets = machine.link.endpoint<{ listen(): void }>('sockets');
  for (let round = 0; round < 2; round += 1) {
    await t.throwsAsync(async () => sockets.listen(), {
      name: 'RangeError',
      message:
        /The composition gives the app no endpoint sockets \(it gives users, counter\): add it to "endpoints"/,
    });
  }
  t.is(machine.held, 0);
});

test('where there is nothing for the app calls fail at once, until a life has something', async (t) => {
  const machine = new Machine(['counter']);
  const counter = machine.link.endpoint<Counter>('counter');
  const call = counter.add();
  machine.refuse('The composition gives the app no endpoints.');
  const expectation = {
    name: 'RangeError',
    message: /^The composition gives the app no endpoints/,
  };
  await t.throwsAsync(call, expectation);
  await t.throwsAsync(async () => counter.add(), expectation);
  machine.start();
  await machine.fire();
  machine.count(0);
  await settled();
  t.is(await counter.add(), 1);
});

test('streams and calls of references keep the event loop going, and are no reason once they have ended', async (t) => {
  const machine = new Machine(['counter']);
  machine.start();
  machine.count(0);
  const counter = machine.link.endpoint<Counter>('counter');
  const { promise, resolve } = Promise.withResolvers<void>();
  machine.go = promise;
  const numbers = await counter.numbers();
  const other = await counter.other();
  await settled();
  const sum = (async () => {
    let all = 0;
    for await (const number of numbers) all += number;
    return all;
  })();
  await settled();
  t.is(machine.held, 1, 'a stream is open');
  resolve();
  t.is(await sum, 3);
  await settled();
  t.is(machine.held, 0);
  const again = Promise.withResolvers<void>();
  machine.go = again.promise;
  const call = other.add();
  t.is(machine.held, 1, 'a call of a reference is under way');
  again.resolve();
  t.is(await call, 1);
  await settled();
  t.is(machine.held, 0);
});
