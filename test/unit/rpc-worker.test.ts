/** Remote calls between threads of Node, over rings in shared memory. */
import { MessageChannel, Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { connect } from '../../lib/rpc/src/calls/connection.ts';
import { isRpcError } from '../../lib/rpc/src/calls/errors.ts';
import { withOptions } from '../../lib/rpc/src/calls/imports.ts';
import { move } from '../../lib/rpc/src/codec/move.ts';
import { openPortChannel } from '../../lib/rpc/src/node/port-channel.ts';
import { seededRandom } from '../sim/support/random.ts';
import type { Work } from './support/rpc-worker.ts';

async function start(t: ExecutionContext) {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL('support/rpc-worker.ts', import.meta.url), {
    workerData: { port: port2 },
    transferList: [port2],
  });
  const failed = new Promise<Error>((resolve) => worker.once('error', resolve));
  t.teardown(() => worker.terminate());
  const channel = await openPortChannel(port1, { capacity: 8192 });
  return { worker, failed, connection: connect<Work>(channel) };
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

test('calls, callbacks and streams between threads', async (t) => {
  const { connection } = await start(t);
  const { remote } = connection;
  const sums = Array.from({ length: 2000 }, (_, index) => remote.add(index, 1));
  t.deepEqual(
    await Promise.all(sums),
    Array.from({ length: 2000 }, (_, index) => index + 1),
  );
  t.is(await remote.visit(100, (index) => index * 2), 9900);
  let count = 0;
  for await (const number of await remote.numbers(2000)) t.is(number, count++);
  t.is(count, 2000);
  async function* numbers(): AsyncGenerator<number> {
    for (let number = 1; number <= 1000; number += 1) yield number;
  }
  t.is(await remote.sum(numbers()), 500_500);
  connection.close();
});

test('a buffer moves to another thread and back; a large one that is copied goes in pieces', async (t) => {
  const { connection } = await start(t);
  const bytes = new Uint8Array(16 << 20).fill(7);
  const back = await connection.remote.back(move(bytes));
  t.is(bytes.length, 0);
  t.is(back.length, 16 << 20);
  t.is(back[12_345_678], 7);
  const copied = new Uint8Array(1 << 20).fill(9);
  t.deepEqual(await connection.remote.back(copied), copied);
  connection.close();
});

test('through a small ring, everything of any length comes back as it was', async (t) => {
  const { connection } = await start(t);
  const random = seededRandom(11);
  let wrong = 0;
  const lane = async (): Promise<void> => {
    for (let count = 0; count < 400; count += 1) {
      const bytes = new Uint8Array(random.integer(0, random.chance(0.05) ? 20_000 : 300));
      random.fill(bytes);
      const sent = bytes.slice();
      if (random.chance(0.05)) move(bytes);
      const back = await connection.remote.back(bytes);
      if (back.length !== sent.length || back.some((byte, at) => byte !== sent[at])) wrong += 1;
    }
  };
  await Promise.all(Array.from({ length: 24 }, lane));
  t.is(wrong, 0);
  connection.close();
});

test('a port passes through as an attachment', async (t) => {
  const { connection } = await start(t);
  const { port1, port2 } = new MessageChannel();
  const back = await connection.remote.through(port2);
  const answer = new Promise((resolve) => back.once('message', resolve));
  port1.postMessage('still connected');
  t.is(await answer, 'still connected');
  port1.close();
  connection.close();
});

test('a thread that ends in any way rejects what waits for it', async (t) => {
  for (const end of ['exit', 'crash', 'terminate'] as const) {
    const { worker, connection, failed } = await start(t);
    const waiting = failure(
      connection.remote.visit(1, () => new Promise<number>(() => {}) as never),
    );
    if (end === 'terminate') void worker.terminate();
    else void failure(connection.remote[end]());
    if (end === 'crash') t.is((await failed).message, 'crashed on purpose');
    const error = await waiting;
    t.true(isRpcError(error, 'peer-gone'), String(error));
    t.is((await connection.closed).cause, 'died');
  }
});

test('a thread in an endless loop stops nobody else, and a call to it times out', async (t) => {
  const { worker, connection } = await start(t);
  const error = await failure(withOptions(connection.remote, { timeout: 50 }).loop());
  t.true(isRpcError(error, 'timed-out'));
  const other = failure(connection.remote.add(1, 1));
  void worker.terminate();
  t.true(isRpcError(await other, 'peer-gone'));
});

test('a port whose other side opens no channel is refused', async (t) => {
  const { port1, port2 } = new MessageChannel();
  const opening = openPortChannel(port1);
  port2.postMessage({ ring: 'none' });
  await t.throwsAsync(opening, { message: /has not opened a channel/ });
  const { port1: one, port2: other } = new MessageChannel();
  const waiting = openPortChannel(one);
  other.close();
  await t.throwsAsync(waiting, { message: /closed before the other side came/ });
});
