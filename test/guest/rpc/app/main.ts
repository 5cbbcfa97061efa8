// A bare app that calls isolates in every way that there is, and says what came of it.
import { type Isolate, isolates } from '@runtimejs/isolate/isolates.ts';
import { connect } from '@runtimejs/rpc/calls/connection.ts';
import { release, withOptions } from '@runtimejs/rpc/calls/imports.ts';
import { remote, revocable } from '@runtimejs/rpc/calls/reference.ts';
import type { Remote } from '@runtimejs/rpc/calls/types.ts';
import type { Channel } from '@runtimejs/rpc/channel.ts';
import { encodeValue } from '@runtimejs/rpc/codec/codec.ts';
import { move } from '@runtimejs/rpc/codec/move.ts';
import type { SystemBindings } from '@runtimejs/system/generated/bindings.d.ts';
import type { Counter, Owner, Service } from './service.ts';

const { runtime } = globalThis as unknown as { readonly runtime: SystemBindings };
const entry = new URL('./service.ts', import.meta.url);

/** An isolate, and what it serves. */
interface Side {
  readonly isolate: Isolate;
  readonly remote: Remote<Service>;
}

function start(peer?: Channel): Side {
  const capabilities = peer === undefined ? {} : { peer };
  const isolate = isolates().spawn({ name: 'service', entry, capabilities });
  const { remote } = connect<Service, Owner>(isolate.channel, {
    serve: { slow: () => new Promise<string>(() => {}) },
  });
  return { isolate, remote };
}

async function failure(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  return promise.then(
    () => new Error('It did not fail.'),
    (error: Error) => error,
  );
}

/** Lets the loop turn. */
function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

const checks: Readonly<Record<string, (side: Side) => Promise<unknown>>> = {
  async values({ remote: service }) {
    const cyclic: Record<string, unknown> = {
      at: new Date(5),
      list: [1, -0, Number.NaN, 2n ** 70n],
    };
    cyclic.self = cyclic;
    cyclic.map = new Map<unknown, unknown>([['set', new Set([/a/g, undefined])]]);
    cyclic.bytes = Float64Array.of(1.5);
    cyclic.long = 'żółw'.repeat(50_000);
    const back = await service.echo(cyclic);
    return String(encodeValue(back).bytes) === String(encodeValue(cyclic).bytes);
  },
  async callbacks({ remote: service }) {
    return service.visit(100, (index) => index * 2);
  },
  async streams({ remote: service }) {
    let got = 0;
    let ahead = 0;
    for await (const number of await service.numbers(500)) {
      if (number !== got) throw new Error(`${number} instead of ${got}`);
      got += 1;
      if (got % 50 === 0) ahead = Math.max(ahead, (await service.made()) - got);
    }
    async function* numbers(): AsyncGenerator<number> {
      for (let number = 0; number <= 100; number += 1) yield number;
    }
    return { got, bounded: ahead <= 16, sum: await service.sum(numbers()) };
  },
  async errors({ remote: service }) {
    async function whoCalls(): Promise<void> {
      await service.fail();
    }
    const error = await failure(whoCalls());
    const stack = error.stack ?? '';
    return {
      type: error instanceof RangeError,
      text: error.message,
      code: error.code,
      there: stack.includes('failDeepInside'),
      here: stack.includes('whoCalls'),
    };
  },
  async unsendable({ remote: service }) {
    return (await failure(service.echo({ list: [Symbol('s')] }))).message;
  },
  async aborted({ remote: service }) {
    const control = new AbortController();
    const waiting = failure(service.wait(control.signal));
    await pause(1);
    control.abort(new RangeError('enough'));
    return (await waiting).message;
  },
  async released({ remote: service }) {
    const counter = await service.counter();
    await counter.add(1);
    release(counter);
    return { code: (await failure(counter.add(1))).code, exported: await service.exported() };
  },
  async collected({ remote: service }) {
    for (let count = 0; count < 50; count += 1) await (await service.counter()).add(1);
    const before = await service.exported();
    let rounds = 0;
    // Garbage makes the collector run; a bare isolate has no other way to ask for it.
    for (; rounds < 400 && (await service.exported()) > 0; rounds += 1) {
      const garbage = Array.from({ length: 20_000 }, (_, index) => ({ index }));
      if (garbage.length === 0) break;
      await pause(1);
    }
    return { given: before > 0, left: await service.exported() };
  },
  async passedOn() {
    const [one, other] = isolates().channels.create();
    const [first, second] = [start(one), start(other)];
    let total = 0;
    const add = (by: number): number => {
      total += by;
      return total;
    };
    const counter = revocable(remote<Counter>({ add }));
    const results = [
      await first.remote.useElsewhere(counter.reference, 5),
      await first.remote.useElsewhere(counter.reference, 6),
    ];
    counter.revoke('lent for two uses');
    const failed = await failure(first.remote.useElsewhere(counter.reference, 7));
    first.isolate.kill();
    second.isolate.kill();
    return { results, code: failed.code, text: failed.message, total };
  },
  async mutual({ remote: service }) {
    const failed = await failure(withOptions(service, { timeout: 50 }).callBack());
    return { code: failed.code, goesOn: await service.add(1, 2) };
  },
  async changed() {
    const side = start();
    await side.remote.change();
    const failed = await failure(side.remote.add(1, 2));
    side.isolate.kill();
    return { code: failed.code, text: failed.message };
  },
  async forged() {
    const isolate = isolates().spawn({ name: 'service', entry });
    const { channel } = isolate;
    const ended = new Promise<string>((resolve) => {
      channel.start({
        readable: () => {
          while (channel.receive() !== undefined);
        },
        writable() {},
        closed: ({ reason }) => resolve(reason),
      });
    });
    // A greeting, then a call of a method `add` on reference 77, which nobody was given.
    channel.send(Uint8Array.of(0, 0, 1, 100, 100, 100, 0x80, 0x20));
    channel.send(Uint8Array.of(0, 1, 0, 77, 7, 3, 0x61, 0x64, 0x64, 0));
    const reason = await ended;
    isolate.kill();
    return reason;
  },
  async killed() {
    const side = start();
    const waiting = failure(side.remote.wait());
    await side.remote.add(1, 1);
    side.isolate.kill('killed on purpose');
    const failed = await waiting;
    return { code: failed.code, after: (await failure(side.remote.add(1, 1))).code };
  },
};

/** Round trips per second, so many at a time. */
async function speed(depth: number, calls: number): Promise<unknown> {
  const { remote: service, isolate } = start();
  const round = async (): Promise<number> => {
    let left = calls;
    const begun = runtime.clock.now();
    const lane = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await service.add(left, 1);
      }
    };
    await Promise.all(Array.from({ length: depth }, lane));
    return (calls * 1e6) / (runtime.clock.now() - begun);
  };
  const rates = [await round(), await round(), await round(), await round()].slice(1);
  isolate.kill();
  return { perSecond: rates.sort((one, other) => one - other)[1] };
}

/** Microseconds that a buffer takes there and back. */
async function moved(size: number, times: number): Promise<unknown> {
  const { remote: service, isolate } = start();
  let bytes: Uint8Array = new Uint8Array(size);
  const taken: number[] = [];
  for (let count = 0; count < times; count += 1) {
    const begun = runtime.clock.now();
    bytes = await service.back(move(bytes as Uint8Array<ArrayBuffer>));
    taken.push(runtime.clock.now() - begun);
  }
  isolate.kill();
  const median = taken.sort((one, other) => one - other)[times >> 1];
  return { microseconds: median, length: bytes.length };
}

let shared: Side | undefined;

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const number = (name: string): number => Number(searchParams.get(name));
    try {
      if (pathname === '/speed') {
        return Response.json(await speed(number('depth'), number('calls')));
      }
      if (pathname === '/move') {
        return Response.json(await moved(number('bytes'), number('times')));
      }
      const check = checks[pathname.slice(1)];
      if (check === undefined) return new Response('served');
      shared ??= start();
      return Response.json({ result: await check(shared) });
    } catch (error) {
      return Response.json({ error: String((error as Error).stack) });
    }
  },
};
