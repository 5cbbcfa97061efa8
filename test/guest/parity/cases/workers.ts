import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import {
  BroadcastChannel,
  getEnvironmentData,
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  setEnvironmentData,
  Worker,
} from 'node:worker_threads';
import { digest, type Group, patternBytes } from '../collector.ts';

/** Starts the helper worker with one of its tasks. */
function start(task: string, data: object = {}, options: object = {}): Worker {
  const url = new URL('../worker.ts', import.meta.url);
  return new Worker(url, { workerData: { task, ...data }, ...options });
}

async function answerOf(worker: Worker): Promise<unknown> {
  const [answer] = await once(worker, 'message');
  return answer;
}

export const workers: Group = {
  name: 'workers',
  cases: {
    'a worker computes and ends': async (log) => {
      const worker = start('fibonacci', { n: 25 });
      const ended = once(worker, 'exit');
      log(await answerOf(worker), (await ended)[0]);
    },

    'four workers count together with Atomics': async (log) => {
      const shared = new SharedArrayBuffer(8);
      const all = Array.from({ length: 4 }, () => start('count', { shared, rounds: 100_000 }));
      await Promise.all(all.map((worker) => once(worker, 'exit')));
      log(Atomics.load(new Int32Array(shared), 0));
    },

    'four workers take turns with Atomics.wait': async (log) => {
      const shared = new SharedArrayBuffer(16);
      const all = Array.from({ length: 4 }, (_, seat) =>
        start('turns', { shared, seat, seats: 4, rounds: 200 }),
      );
      await Promise.all(all.map((worker) => once(worker, 'exit')));
      log(Atomics.load(new Int32Array(shared), 1));
    },

    'a mutex of Atomics protects plain data': async (log) => {
      const shared = new SharedArrayBuffer(16);
      const all = Array.from({ length: 4 }, () => start('mutex', { shared, rounds: 5000 }));
      await Promise.all(all.map((worker) => once(worker, 'exit')));
      log(new Int32Array(shared)[1]);
    },

    'Atomics.wait times out, waitAsync answers': async (log) => {
      const cells = new Int32Array(new SharedArrayBuffer(8));
      log(Atomics.wait(cells, 0, 0, 5), Atomics.wait(cells, 0, 1));
      const waiting = Atomics.waitAsync(cells, 0, 0);
      Atomics.store(cells, 0, 1);
      log(Atomics.notify(cells, 0), await waiting.value);
    },

    'a transferred buffer leaves its sender': async (log) => {
      const worker = start('hash');
      const bytes = Uint8Array.from(patternBytes(4 << 20));
      worker.postMessage(bytes, [bytes.buffer]);
      log(bytes.length, await answerOf(worker));
      await worker.terminate();
    },

    'many messages keep their order': async (log) => {
      const worker = start('echo');
      const received: number[] = [];
      const { promise, resolve } = Promise.withResolvers<void>();
      worker.on('message', (value: number) => {
        if (received.push(value) === 5000) resolve();
      });
      for (let index = 0; index < 5000; index++) worker.postMessage(index);
      await promise;
      log(
        received.every((value, index) => value === index),
        received.length,
      );
      await worker.terminate();
    },

    'an endless worker is terminated': async (log) => {
      const worker = start('spin');
      await answerOf(worker);
      log(Number.isInteger(await worker.terminate()));
      const waiting = start('wait for ever');
      await answerOf(waiting);
      log(Number.isInteger(await waiting.terminate()));
    },

    'errors and exit codes arrive': async (log) => {
      const worker = start('throw');
      const [error] = (await once(worker, 'error')) as [Error];
      log(error.name, error.message);
      const exiting = start('exit', { code: 5 });
      log((await once(exiting, 'exit'))[0]);
    },

    'a worker out of memory ends alone': async (log) => {
      const worker = start('fill heap', {}, { resourceLimits: { maxOldGenerationSizeMb: 16 } });
      const [error] = (await once(worker, 'error')) as [NodeJS.ErrnoException];
      log(error.code);
    },

    'deep recursion in a worker': async (log) => {
      log(await answerOf(start('recurse')));
      log(await answerOf(start('recurse', {}, { resourceLimits: { stackSizeMb: 1 } })));
    },

    'twenty workers come and go': async (log) => {
      const answers: unknown[] = [];
      for (let round = 0; round < 5; round++) {
        const some = Array.from({ length: 4 }, (_, index) => start('fibonacci', { n: index + 10 }));
        const ends = some.map((worker) => once(worker, 'exit'));
        answers.push(await Promise.all(some.map(answerOf)));
        await Promise.all(ends);
      }
      log(answers);
    },

    'channels between threads': async (log) => {
      const { port1, port2 } = new MessageChannel();
      const worker = start('port', { port: port2 }, { transferList: [port2] });
      port1.postMessage({ text: 'hello', when: new Date(0), map: new Map([[1, new Set([2n])]]) });
      log((await once(port1, 'message'))[0]);
      port1.close();
      await worker.terminate();
      const pair = new MessageChannel();
      pair.port1.postMessage('synchronous');
      log(receiveMessageOnPort(pair.port2), receiveMessageOnPort(pair.port2));
      (pair.port1 as MessagePort).close();
    },

    'broadcast channels': async (log) => {
      const channel = new BroadcastChannel('parity');
      const worker = start('broadcast');
      const message = await new Promise((resolve) => {
        channel.onmessage = (event) => resolve((event as unknown as { data: unknown }).data);
      });
      log(message);
      channel.postMessage('stop');
      log((await once(worker, 'exit'))[0]);
      channel.close();
    },

    'environment data, names and locks': async (log) => {
      setEnvironmentData('key', { value: 1 });
      log(getEnvironmentData('key'));
      const worker = start(
        'environment',
        {},
        { name: 'helper', env: { ONLY: 'this' }, argv: ['a'] },
      );
      log(await answerOf(worker));
      await worker.terminate();
    },

    'output of a worker': async (log) => {
      const worker = start('print', {}, { stdout: true });
      let text = '';
      worker.stdout.on('data', (chunk) => {
        text += chunk;
      });
      await once(worker, 'exit');
      await delay(1);
      log(text);
    },

    'heap of a worker': async (log) => {
      const worker = start('echo');
      worker.postMessage('x');
      await answerOf(worker);
      const statistics = await worker.getHeapStatistics();
      log(statistics.used_heap_size > 0);
      log(worker.performance.eventLoopUtilization().utilization >= 0);
      await worker.terminate();
    },

    'structured clones': (log) => {
      const cyclic: Record<string, unknown> = {
        date: new Date(0),
        error: new RangeError('x'),
        pattern: /a/gi,
      };
      cyclic.self = cyclic;
      const copy = structuredClone(cyclic);
      log(copy.self === copy, copy.date, (copy.error as Error).name, copy.pattern);
      log(digest(structuredClone(patternBytes(100_000))));
    },
  },
};
