/** What the types of remote calls allow and refuse: the compiler looks at this file, and so the lint does. */
import test from 'ava';
import { remote } from '../../lib/rpc/src/calls/reference.ts';
import type { Reference, Remote, RemoteStream, Served } from '../../lib/rpc/src/calls/types.ts';

interface Counter {
  add(by: number): number;
}

interface Service {
  text(value: string): string;
  nested(value: { list: { run: (value: number) => string }[] }): Map<string, Reference<Counter>>;
  stream(values: AsyncIterable<number>, signal?: AbortSignal): AsyncIterable<Reference<Counter>>;
  slow(): Promise<Uint8Array>;
  counter(counter: Reference<Counter>): void;
  readonly notAMethod: number;
}

/** Compiles, and never runs. */
async function calls(service: Remote<Service>, counter: Remote<Counter>): Promise<void> {
  const text: string = await service.text('a');
  const map = await service.nested({ list: [{ run: (value) => `${value + text.length}` }] });
  const sum: number | undefined = await map.get('a')?.add(1);
  const stream: RemoteStream<Remote<Counter>> = await service.stream(
    (async function* () {
      yield sum ?? 1;
    })(),
    new AbortController().signal,
  );
  for await (const item of stream) await item.add(1);
  const bytes: Uint8Array = await service.slow();
  await service.counter(counter);
  await service.counter(remote<Counter>({ add: () => bytes.length }));
  using held = counter;
  await held.add(1);
  // @ts-expect-error a number is no string
  await service.text(1);
  // @ts-expect-error it has no such method
  await service.missing();
  // @ts-expect-error properties do not go across
  service.notAMethod;
  // @ts-expect-error a promise is no string
  const wrong: string = service.text('a');
  // @ts-expect-error an object is no reference to one
  await service.counter({ add: () => 1 });
  // @ts-expect-error the function gives a number instead of a string
  await service.nested({ list: [{ run: (value) => value }] });
  throw new Error(wrong);
}

const served: Served<Service> = {
  text: (value) => value.toUpperCase(),
  nested: async ({ list }) => {
    // What was passed as a function is called across, and so gives a promise.
    const given: string = (await list[0]?.run(1)) ?? '';
    return new Map([[given, remote<Counter>({ add: (by) => by })]]);
  },
  stream: async function* (values) {
    for await (const value of values) yield remote<Counter>({ add: (by) => by + value });
  },
  slow: () => new Uint8Array(1),
  counter: async (counter) => {
    await counter.add(1);
  },
};

const wrong: Served<Pick<Service, 'text'>> = {
  // @ts-expect-error it gives a number instead of a string
  text: (value) => value.length,
};

test('an interface can be served by what its types ask for', (t) => {
  t.is(typeof calls, 'function');
  t.is(served.text('a'), 'A');
  t.truthy(wrong);
});
