// What bench:rpc runs, on this host or in a machine of its own: two threads of Node that call each other, by RPC and by
// messages on a bare MessagePort. Both make the same calls: a number, a method's name and its arguments there, the number
// and the result back. Rounds of both alternate; a figure is the median over the rounds, and so is the ratio.
import {
  isMainThread,
  MessageChannel,
  type MessagePort,
  Worker,
  workerData,
} from 'node:worker_threads';
import { connect } from '../../../lib/rpc/src/calls/connection.ts';
import { move } from '../../../lib/rpc/src/codec/move.ts';
import { openPortChannel } from '../../../lib/rpc/src/node/port-channel.ts';
import { summarise } from '../support/statistics.ts';

/** What is called both ways. */
interface Adder {
  add(one: number, other: number): number;
  back(bytes: Uint8Array): Uint8Array;
}

/** How a call looks on the bare port. */
interface BareCall {
  readonly id: number;
  readonly method: 'add' | 'back';
  readonly values: readonly [Uint8Array] | readonly [number, number];
}

type Add = (one: number, other: number) => Promise<number>;
type Back = (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>;

/** What the environment asks for. */
const rounds = Number(process.env.ROUNDS ?? 9);
const calls = Number(process.env.CALLS ?? 30_000);
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

/** Makes calls, so many of them under way at a time. */
async function measure(add: Add, concurrency: number, calls: number): Promise<Cost> {
  let left = calls;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      if ((await add(left, 1)) !== left + 1 && concurrency === 1) throw new Error('A wrong sum.');
    }
  };
  const used = process.cpuUsage();
  const begin = performance.now();
  await Promise.all(Array.from({ length: concurrency }, lane));
  const perSecond = (calls * 1000) / (performance.now() - begin);
  const { user, system } = process.cpuUsage(used);
  return { perSecond, processor: (user + system) / calls };
}

/** @returns microseconds that a buffer takes there and back, each of the times */
async function movesIn(back: Back, size: number, times: number): Promise<number[]> {
  const taken: number[] = [];
  let bytes: Uint8Array = new Uint8Array(size);
  for (let count = 0; count < times; count += 1) {
    const begin = performance.now();
    bytes = await back(bytes as Uint8Array<ArrayBuffer>);
    taken.push((performance.now() - begin) * 1000);
    if (bytes.length !== size) throw new Error('It came back changed.');
  }
  return taken;
}

async function run(): Promise<void> {
  const { bare, rpc } = await start();
  for (const under of concurrency) {
    const port: Cost[] = [];
    const call: Cost[] = [];
    // The first round warms both up.
    for (let round = 0; round <= rounds; round += 1) {
      const costs = [await measure(bare.add, under, calls), await measure(rpc.add, under, calls)];
      if (round === 0) continue;
      port.push(costs[0] as Cost);
      call.push(costs[1] as Cost);
    }
    const median = (costs: readonly Cost[], of: keyof Cost): number =>
      summarise(costs.map((cost) => cost[of])).median;
    const ratio = (of: keyof Cost): string =>
      summarise(call.map((cost, round) => cost[of] / (port[round] as Cost)[of])).median.toFixed(2);
    say(
      `${under} at a time: MessagePort ${median(port, 'perSecond').toFixed(0)}/s, ` +
        `RPC ${median(call, 'perSecond').toFixed(0)}/s, ${ratio('perSecond')} times; ` +
        `processor time ${median(port, 'processor').toFixed(2)} and ` +
        `${median(call, 'processor').toFixed(2)} µs, ${ratio('processor')} times`,
    );
  }
  for (const bytes of [1 << 10, 16 << 20]) {
    const [port, call] = [
      await movesIn(bare.back, bytes, 20 * rounds),
      await movesIn(rpc.back, bytes, 20 * rounds),
    ].map((list) => summarise(list).median.toFixed(0));
    say(`${bytes} bytes moved there and back: MessagePort ${port} µs, RPC ${call} µs`);
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
