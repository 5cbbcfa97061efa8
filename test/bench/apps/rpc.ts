// What bench:rpc runs, on this host or in a machine of its own: two threads of Node that call each other, by RPC and by
// messages on a bare MessagePort, and in a machine two isolates without Node. All make the same calls: a number, a
// method's name and its arguments there, the number and the result back. Rounds of all alternate;
// a figure is the median over the rounds, and so is the ratio.

import { setTimeout } from 'node:timers/promises';
import {
  isMainThread,
  MessageChannel,
  type MessagePort,
  Worker,
  workerData,
} from 'node:worker_threads';
import { isolates } from '@runtimejs/isolate/isolates.ts';
import { connect } from '../../../lib/rpc/src/calls/connection.ts';
import { move } from '../../../lib/rpc/src/codec/move.ts';
import { openPortChannel } from '../../../lib/rpc/src/node/port-channel.ts';
import { summarise } from '../support/statistics.ts';
import { type Add, type Adder, type Back, makeCalls, movesIn } from './adder.ts';
import type { Caller } from './isolates/caller.ts';

/** How a call looks on the bare port. */
interface BareCall {
  readonly id: number;
  readonly method: 'add' | 'back';
  readonly values: readonly [Uint8Array] | readonly [number, number];
}

/** What the environment asks for. */
const rounds = Number(process.env.ROUNDS ?? 9);
const calls = Number(process.env.CALLS ?? 30_000);
/** Milliseconds in which the host reads a counter. */
const timeToLook = 500;
const movesToWarmUp = 1000;
const concurrency = (process.env.CONCURRENCY ?? '1,16,64').split(',').map(Number);

/** The other thread: answers calls over RPC, and messages over the bare port. */
async function answer(bare: MessagePort, port: MessagePort): Promise<void> {
  bare.on('message', ({ id, method, values }: BareCall) => {
    if (method === 'add') {
      const [one, other] = values as readonly [number, number];
      bare.postMessage({ id, result: one + other });
    } else {
      const [bytes] = values as readonly [Uint8Array<ArrayBuffer>];
      bare.postMessage({ id, result: bytes }, [bytes.buffer]);
    }
  });
  connect<unknown, Adder>(await openPortChannel(port), {
    serve: { add: (one, other) => one + other, back: (bytes) => move(bytes) },
  });
}

/** What calls cost. */
interface Cost {
  readonly perSecond: number;
  /** Microseconds of processor time for each, of both threads: what other load on this machine changes least. */
  readonly processor: number;
}

/** Starts the other thread. */
async function start() {
  const [forBare, forRpc] = [new MessageChannel(), new MessageChannel()];
  new Worker(new URL(import.meta.url), {
    workerData: { bare: forBare.port2, port: forRpc.port2 },
    transferList: [forBare.port2, forRpc.port2],
  });
  const waiting = new Map<number, (result: unknown) => void>();
  let next = 1;
  forBare.port1.on('message', ({ id, result }: { id: number; result: unknown }) => {
    waiting.get(id)?.(result);
    waiting.delete(id);
  });
  const ask = <R>(method: BareCall['method'], values: BareCall['values'], moved: ArrayBuffer[]) =>
    new Promise<R>((resolve) => {
      const id = next;
      next += 1;
      waiting.set(id, resolve as (result: unknown) => void);
      const call: BareCall = { id, method, values };
      forBare.port1.postMessage(call, moved);
    });
  const { remote } = connect<Adder>(await openPortChannel(forRpc.port1));
  return {
    bare: {
      add: ((one, other) => ask('add', [one, other], [])) as Add,
      back: ((bytes) => ask('back', [bytes], [bytes.buffer])) as Back,
    },
    rpc: {
      add: ((one, other) => remote.add(one, other)) as Add,
      back: ((bytes) => remote.back(move(bytes))) as Back,
    },
  };
}

/** What calls cost. */
interface Cost {
  readonly perSecond: number;
  /** Microseconds of processor time for each, of both threads: what other load on this machine changes least. */
  readonly processor: number;
}

/** One way to call. */
interface Way {
  readonly name: string;
  /** @returns calls per second */
  calls(concurrency: number, calls: number): Promise<number>;
  /** @returns microseconds of each move */
  moves(size: number, times: number): Promise<number[]>;
}

/** Two isolates, of which one calls the other; undefined where there is no Runtime.JS. */
function isolateWay(): Way | undefined {
  const entry = new URL('./isolates/caller.ts', import.meta.url);
  const adderEntry = { entry: new URL('./isolates/adder.ts', import.meta.url) };
  try {
    const own = isolates();
    const [adder, caller] = own.channels.create();
    own.spawn({ name: 'adder', ...adderEntry, capabilities: { caller } });
    const { channel } = own.spawn({ name: 'caller', entry, capabilities: { adder } });
    const { remote } = connect<Caller>(channel);
    return {
      name: 'RPC of isolates',
      calls: (concurrency, count) => remote.calls(concurrency, count),
      moves: (size, times) => remote.moves(size, times),
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_NOT_RUNTIME') return undefined;
    throw error;
  }
}

async function measure(way: Way, concurrency: number, calls: number): Promise<Cost> {
  const used = process.cpuUsage();
  const perSecond = await way.calls(concurrency, calls);
  const { user, system } = process.cpuUsage(used);
  return { perSecond, processor: (user + system) / calls };
}

async function run(): Promise<void> {
  const { bare, rpc } = await start();
  const way = (name: string, { add, back }: { add: Add; back: Back }): Way => ({
    name,
    calls: (concurrency, count) => makeCalls(add, concurrency, count),
    moves: (size, times) => movesIn(back, size, times),
  });
  const port = way('MessagePort', bare);
  const apart = isolateWay();
  const ways = [port, way('RPC of threads', rpc), ...(apart === undefined ? [] : [apart])];
  for (const under of concurrency) {
    const costs = ways.map((): Cost[] => []);
    // The first round warms all up.
    for (let round = 0; round <= rounds; round += 1) {
      for (const [index, each] of ways.entries()) {
        const cost = await measure(each, under, calls);
        if (round > 0) costs[index]?.push(cost);
      }
    }
    const [ports = []] = costs;
    const median = (list: readonly Cost[], of: keyof Cost): number =>
      summarise(list.map((cost) => cost[of])).median;
    const ratio = (list: readonly Cost[], of: keyof Cost): string =>
      summarise(list.map((cost, round) => cost[of] / (ports[round] as Cost)[of])).median.toFixed(2);
    for (const [index, each] of ways.entries()) {
      const list = costs[index] ?? [];
      say(
        `${under} at a time, ${each.name}: ${median(list, 'perSecond').toFixed(0)}/s, ` +
          `${ratio(list, 'perSecond')} times; processor time ` +
          `${median(list, 'processor').toFixed(2)} µs, ${ratio(list, 'processor')} times`,
      );
    }
  }
  if (process.env.COUNTED === '1') await runCounted(ways);
  for (const bytes of [1 << 10, 16 << 20]) {
    // Little of this was called so far: to be compiled takes longer than to be measured.
    for (const each of ways) await each.moves(bytes, movesToWarmUp);
    for (const each of ways) {
      const { median } = summarise(await each.moves(bytes, 20 * rounds));
      say(`${bytes} bytes moved there and back, ${each.name}: ${median.toFixed(0)} µs`);
    }
  }
}

/** For who counts the machine's instructions: it hears when calls begin and end, and has time to look. */
async function runCounted(ways: readonly Way[]): Promise<void> {
  for (const under of concurrency) {
    for (const way of ways) {
      console.log('count: begin');
      await setTimeout(timeToLook);
      await way.calls(under, calls);
      console.log(`count: ${calls} ${under} at a time, ${way.name}`);
      await setTimeout(timeToLook);
    }
  }
}

/** A line for bench:rpc. */
function say(line: string): void {
  console.log(`bench: ${line}`);
}

if (isMainThread) {
  await run();
  process.exit(0);
} else {
  const { bare, port } = workerData as { bare: MessagePort; port: MessagePort };
  await answer(bare, port);
}
