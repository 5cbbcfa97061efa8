// Services and their endpoints: who may call whom, and what becomes of calls when one of them ends. In one process, in
// virtual time.
import { type Connection, connect } from '@runtimejs/rpc/calls/connection.ts';
import type { Channel } from '@runtimejs/rpc/channel.ts';
import { type MemoryChannel, memoryChannels } from '@runtimejs/rpc/channels/memory.ts';
import type { SystemContext } from '@runtimejs/system/compose.ts';
import type { After } from '@runtimejs/system/reload/within.ts';
import { Endpoints } from '@runtimejs/system/service/endpoint.ts';
import { hosted } from '@runtimejs/system/service/hosted.ts';
import { serveClient } from '@runtimejs/system/service/serve.ts';
import { type MakePair, Switchboard } from '@runtimejs/system/service/switchboard.ts';
import type { PlaceableService } from '@runtimejs/system/service/types.ts';
import test from 'ava';

interface Counter {
  add(by: number): number;
  hang(): void;
}

const later = setImmediate;
const pair: MakePair = () => memoryChannels({ later });
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** Timers that fire when the test says so. */
function timers(): { readonly after: After; fire(): void; readonly size: number } {
  const set = new Set<() => void>();
  return {
    after: (_milliseconds, run) => {
      set.add(run);
      return () => set.delete(run);
    },
    fire: () => {
      for (const run of [...set]) run();
    },
    get size() {
      return set.size;
    },
  };
}

/** A life of a service that counts, at one end of a channel. */
function countAt(channel: Channel, start = 0): Connection<unknown> {
  let count = start;
  return connect<unknown, Counter>(channel, {
    serve: {
      add: (by) => {
        count += by;
        return count;
      },
      hang: () => new Promise<void>(() => {}),
    },
  });
}

test('calls wait for the first life, go to each next one, and fail clearly with one that ends', async (t) => {
  const clock = timers();
  const endpoints = new Endpoints('caller', ['counter'], clock.after);
  const counter = endpoints.get<Counter>('counter');
  const early = counter.add(1);
  const [served, calling] = memoryChannels({ later });
  countAt(served);
  endpoints.connected('counter', calling);
  t.is(await early, 1);
  t.is(await counter.add(1), 2);
  const pending = counter.hang();
  await settled();
  (served as MemoryChannel).die('killed: it took 5 s\n    at loop.ts:1');
  await t.throwsAsync(pending, {
    name: 'RpcError',
    code: 'peer-gone',
    message:
      /^counter has ended while hang\(\) was under way, .* Later calls go to its next life\.$/s,
  });
  const between = counter.add(5);
  const [next, again] = memoryChannels({ later });
  countAt(next, 100);
  endpoints.connected('counter', again);
  t.is(await between, 105);
  t.is(clock.size, 0);
});

test('a call that waits too long says why, and not too many wait', async (t) => {
  const clock = timers();
  const endpoints = new Endpoints('caller', ['counter'], clock.after);
  const counter = endpoints.get<Counter>('counter');
  const [served, calling] = memoryChannels({ later });
  countAt(served);
  endpoints.connected('counter', calling);
  await counter.add(1);
  served.die('heap limit of 16 MiB reached');
  await settled();
  const waiting = Array.from({ length: 1000 }, () => counter.add(1));
  await t.throwsAsync(counter.add(1), {
    code: 'overload',
    message: /1000 calls wait for counter already \(it has ended: .*heap limit of 16 MiB reached\)/,
  });
  clock.fire();
  for (const result of await Promise.allSettled(waiting)) {
    t.like(result, { status: 'rejected', reason: { code: 'peer-gone' } });
  }
  await t.throwsAsync(waiting[0] as Promise<number>, {
    message:
      /^counter is not there \(it has ended: .*\): add\(\) has waited 30 s for its next life\.$/,
  });
});

test('nobody calls what the composition does not give', (t) => {
  const endpoints = new Endpoints('caller', ['counter'], timers().after);
  t.throws(() => endpoints.get('sockets'), {
    instanceOf: RangeError,
    message: /gives caller no endpoint sockets \(it gives counter\): add it to "endpoints"/,
  });
  const [served, calling] = memoryChannels({ later });
  served.start({ readable() {}, writable() {}, closed() {} });
  endpoints.connected('sockets', calling);
  t.is(calling.closure?.reason, 'nobody has asked for it');
});

test('the switchboard connects both orders of starts, every life, and none that has ended', async (t) => {
  const switchboard = new Switchboard();
  const made: string[] = [];
  const demand = (name: string): (() => void) =>
    switchboard.demand({
      name,
      isFar: false,
      pair,
      endpoints: ['counter'],
      connected: (endpoint) => made.push(`${name} has ${endpoint}`),
    });
  const offer = (life: string): (() => void) =>
    switchboard.offer({
      name: 'counter',
      isFar: false,
      pair,
      serve: (_channel, client) => made.push(`${life} serves ${client}`),
    });
  const take = (): string[] => made.splice(0);
  const leave = demand('early');
  t.deepEqual(take(), []);
  const withdraw = offer('first');
  t.deepEqual(take(), ['first serves early', 'early has counter']);
  demand('late');
  t.deepEqual(take(), ['first serves late', 'late has counter']);
  t.throws(() => offer('double'), { message: /Two services have the name counter/ });
  withdraw();
  leave();
  offer('second');
  t.deepEqual(take(), ['second serves late', 'late has counter']);
});

test('channels are made by who has an isolate of its own', (t) => {
  for (const [isOfferFar, isDemandFar, expected] of [
    [false, false, 'demand'],
    [true, false, 'offer'],
    [false, true, 'demand'],
    [true, true, 'offer'],
  ] as const) {
    const switchboard = new Switchboard();
    const makers: string[] = [];
    const makerOf =
      (who: string): MakePair =>
      () => {
        makers.push(who);
        return pair();
      };
    const base = { name: 'counter', serve() {} };
    switchboard.offer({ ...base, isFar: isOfferFar, pair: makerOf('offer') });
    const demand = { name: 'caller', endpoints: ['counter'], connected() {} };
    switchboard.demand({ ...demand, isFar: isDemandFar, pair: makerOf('demand') });
    t.deepEqual(makers, [expected]);
  }
});

/** What services need of the system isolate here. */
function fakeContext(): SystemContext {
  return {
    bindings: { clock: { wall: () => 7n }, random: { fill: () => {} } },
    platform: { now: () => 5, at: () => () => {} },
    switchboard: new Switchboard(),
    log: () => {},
  } as unknown as SystemContext;
}

test('services in the system isolate have a context of their own, and hear when a client is gone', async (t) => {
  const context = fakeContext();
  const seen: unknown[] = [];
  const gone: string[] = [];
  const counter: PlaceableService = {
    name: 'counter',
    start: async ({ name, argument, now, wall }) => {
      seen.push(name, argument, now(), wall());
    },
    serve: (client) => {
      client.onGone(() => gone.push(client.name));
      return { add: (by: number) => by + 1 };
    },
    handOver: () => 'state',
    takeOver: (state) => {
      seen.push(state);
    },
  };
  const results: unknown[] = [];
  const caller: PlaceableService = {
    name: 'caller',
    start: async ({ endpoint }) => {
      results.push(await endpoint<Counter>('one').add(1));
      try {
        endpoint('other');
      } catch (error) {
        results.push((error as Error).message);
      }
    },
  };
  const services = [
    hosted(caller, { name: 'caller', endpoints: ['one'] }),
    hosted(counter, { name: 'one', argument: { some: 'thing' } }),
  ];
  for (const each of services) t.is(each.start(context)(), Number.POSITIVE_INFINITY);
  await settled();
  t.deepEqual(seen, ['one', { some: 'thing' }, 5, 7n]);
  t.is(results[0], 2);
  t.regex(String(results[1]), /gives caller no endpoint other/);
  t.is(await services[1]?.handOver?.(), 'state');
  await services[1]?.takeOver?.('before');
  t.is(seen.at(-1), 'before');
  t.is(services[0]?.handOver, undefined, 'who has no state is not asked for it');
  const [served, calling] = memoryChannels({ later });
  serveClient(served, 'client', (client) => counter.serve?.(client) as object);
  calling.die('killed');
  await settled();
  t.deepEqual(gone, ['client']);
});

test('what a service does in each turn is kept, and what it is', (t) => {
  class Turning implements PlaceableService {
    readonly name = 'turning';
    readonly start: PlaceableService['start'] = function (this: Turning) {
      return () => this.name.length * 6;
    };
  }
  const service = hosted(new Turning(), { name: 'turning' });
  t.is(service.start(fakeContext())(), 42);
});

test('a client learns when serve() fails', async (t) => {
  const [served, calling] = memoryChannels({ later });
  const { closed } = connect(calling);
  t.throws(() =>
    serveClient(served, 'client', () => {
      throw new Error('not for you');
    }),
  );
  t.like(await closed, { reason: 'its serve() failed: Error: not for you' });
});
