// An isolate that serves whoever has started it, and whoever has the other end of its capability `peer`.
import type { IsolateContext } from '@runtimejs/isolate/program.ts';
import { connect } from '@runtimejs/rpc/calls/connection.ts';
import { remote } from '@runtimejs/rpc/calls/reference.ts';
import type { Reference, Remote, Served } from '@runtimejs/rpc/calls/types.ts';
import { move } from '@runtimejs/rpc/codec/move.ts';

export interface Counter {
  add(by: number): number;
}

export interface Service {
  echo(value: unknown): unknown;
  add(one: number, other: number): number;
  back(bytes: Uint8Array): Uint8Array;
  visit(count: number, visitor: (index: number) => number): number;
  numbers(to: number): AsyncIterable<number>;
  made(): number;
  sum(values: AsyncIterable<number>): number;
  fail(): never;
  wait(signal?: AbortSignal): string;
  counter(): Reference<Counter>;
  exported(): number;
  use(counter: Reference<Counter>, by: number): number;
  useElsewhere(counter: Reference<Counter>, by: number): number;
  callBack(): string;
  change(): void;
}

/** What it asks of who has started it. */
export interface Owner {
  slow(): string;
}

class CounterOf implements Counter {
  #value = 0;

  add(by: number): number {
    this.#value += by;
    return this.#value;
  }
}

function failDeepInside(): never {
  throw Object.assign(new RangeError('failed on purpose'), { code: 'E_PURPOSE' });
}

export default ({ channel, capabilities }: IsolateContext): void => {
  let made = 0;
  let elsewhere: Remote<Service> | undefined;
  const service: Served<Service> = {
    echo: (value) => value,
    add: (one, other) => one + other,
    back: (bytes) => move(bytes),
    visit: async (count, visitor) => {
      let sum = 0;
      for (let index = 0; index < count; index += 1) sum += await visitor(index);
      return sum;
    },
    numbers: async function* (to) {
      for (let number = 0; number < to; number += 1) {
        made += 1;
        yield number;
      }
    },
    made: () => made,
    sum: async (values) => {
      let sum = 0;
      for await (const value of values) sum += value;
      return sum;
    },
    fail: failDeepInside,
    wait: (signal) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
      }),
    counter: () => remote<Counter>(new CounterOf(), ['add']),
    exported: () => connection.statistics.exported,
    use: (counter, by) => counter.add(by),
    useElsewhere: (counter, by) => {
      if (elsewhere === undefined) throw new Error('It was given no peer.');
      return elsewhere.use(counter, by);
    },
    callBack: () => connection.remote.slow(),
    change: () => connection.serve({ changed: () => true }),
  };
  const connection = connect<Owner, Service>(channel, { serve: service });
  if (capabilities.peer !== undefined) {
    elsewhere = connect<Service, Service>(capabilities.peer, { serve: service }).remote;
  }
};
