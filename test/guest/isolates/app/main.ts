// A bare app that serves HTTP while isolates that it has started misbehave.

import { type Isolate, isolates, type SpawnOptions } from '@runtimejs/isolate/isolates.ts';
import type { Ending } from '@runtimejs/isolate/life.ts';
import type { Supervisor } from '@runtimejs/isolate/supervisor.ts';
import { connect } from '@runtimejs/rpc/calls/connection.ts';
import type { SystemBindings } from '@runtimejs/system/generated/bindings.d.ts';
import type { Calculator } from './calculator.ts';

const { runtime } = globalThis as unknown as { readonly runtime: SystemBindings };
const misbehave = new URL('./misbehave.ts', import.meta.url);
const calculator = new URL('./calculator.ts', import.meta.url);
const echo = new URL('./echo.ts', import.meta.url);

const limits: Readonly<Record<string, Partial<SpawnOptions>>> = {
  loop: { turnLimit: 2000 },
  full: { turnLimit: 2000 },
  flood: { messageLimit: 10_000 },
};

function ended(isolate: Isolate): Promise<Ending> {
  return new Promise((resolve) => isolate.onEnded(resolve));
}

async function run(kind: string): Promise<unknown> {
  const isolate = isolates().spawn({
    name: kind,
    entry: misbehave,
    argument: kind,
    heapLimit: 16 << 20,
    ...limits[kind],
  });
  const ending = await ended(isolate);
  return { ...ending, usage: isolate.usage(), left: isolates().list().length };
}

/** Bytes of memory that nobody uses. */
function freeMemory(): number {
  const figures = { total: 0, free: 0, image: 0, kernelHeap: 0, pageTables: 0 };
  return runtime.memory.statistics({
    ...figures,
    application: 0,
    tmpfs: 0,
    pageFaults: 0,
    copyOnWriteCopies: 0,
  }).free;
}

/** Starts isolates, some at a time, and has them end. */
async function cycle(count: number): Promise<unknown> {
  const before = freeMemory();
  let left = count;
  const one = async (): Promise<void> => {
    while (left-- > 0) {
      const isolate = isolates().spawn({ name: 'short', entry: misbehave, argument: null });
      const { how, report } = await ended(isolate);
      if (how !== 'finished') throw new Error(report);
    }
  };
  await Promise.all(Array.from({ length: 8 }, one));
  return { lost: before - freeMemory(), left: isolates().list().length };
}

/** Sends buffers there and back. @returns microseconds for each */
async function move(bytes: number, rounds: number): Promise<unknown> {
  const isolate = isolates().spawn({ name: 'echo', entry: echo });
  const { channel } = isolate;
  let buffer = new ArrayBuffer(bytes);
  new Uint8Array(buffer)[bytes - 1] = 7;
  const begun = runtime.clock.now();
  const nothing = new Uint8Array(1);
  await new Promise<void>((resolve) => {
    let left = rounds;
    channel.start({
      readable: () => {
        const message = channel.receive();
        if (message === undefined) return;
        channel.receive();
        buffer = message.attachments[0] as ArrayBuffer;
        if (--left === 0) resolve();
        else channel.send(nothing, [buffer]);
      },
      writable() {},
      closed() {},
    });
    channel.send(nothing, [buffer]);
  });
  const took = (runtime.clock.now() - begun) / rounds;
  isolate.kill();
  await ended(isolate);
  return { microseconds: took, last: new Uint8Array(buffer)[bytes - 1] };
}

/** Calls another isolate, which calls back. */
async function call(): Promise<unknown> {
  const isolate = isolates().spawn({ name: 'calculator', entry: calculator });
  const { remote } = connect<Calculator>(isolate.channel);
  const doubled = await remote.map([1, 2, 3], (value) => value * 2);
  const failure = await remote
    .divide(1, 0)
    .catch((error: Error) => `${error.name}: ${error.message}`);
  const pending = remote.never().catch((error: { code?: string }) => error.code);
  isolate.kill('enough');
  return { doubled, failure, pending: await pending };
}

let supervisor: Supervisor | undefined;
let lives = 0;

function supervise(): unknown {
  supervisor ??= isolates().spawn({
    name: 'fails',
    entry: misbehave,
    argument: 'exception',
    restart: { mostRestarts: 3, firstPause: 10 },
    started: () => lives++,
  });
  return {};
}

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const count = Number(searchParams.get('count') ?? 1);
    switch (pathname) {
      case '/run':
        return Response.json(await run(searchParams.get('kind') ?? ''));
      case '/cycle':
        return Response.json(await cycle(count));
      case '/move':
        return Response.json(await move(Number(searchParams.get('bytes')), count));
      case '/call':
        return Response.json(await call());
      case '/supervise':
        return Response.json(supervise());
      case '/list':
        return Response.json(isolates().list());
      case '/supervisor':
        return Response.json({ ...supervisor?.status(), lives });
      default:
        return new Response('served');
    }
  },
};
