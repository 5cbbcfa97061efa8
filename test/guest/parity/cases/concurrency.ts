import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import diagnostics from 'node:diagnostics_channel';
import { EventEmitter, on, once } from 'node:events';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { errorOf, type Group } from '../collector.ts';

export const concurrency: Group = {
  name: 'concurrency',
  cases: {
    'AsyncLocalStorage follows every kind of continuation': async (log) => {
      const storage = new AsyncLocalStorage<string>();
      const seen: string[] = [];
      const note = (where: string) => seen.push(`${where}=${storage.getStore()}`);
      await storage.run('outer', async () => {
        await delay(1);
        note('timer');
        await storage.run('inner', async () => {
          await turn();
          note('immediate');
        });
        await new Promise<void>((resolve) =>
          process.nextTick(() => {
            note('tick');
            resolve();
          }),
        );
        queueMicrotask(() => note('microtask'));
        await new Promise<void>((resolve) =>
          setTimeout(() => {
            note('callback');
            resolve();
          }, 1),
        );
        storage.exit(() => note('exit'));
        const bound = AsyncLocalStorage.bind(() => note('bound'));
        storage.run('other', bound);
      });
      note('after');
      log(seen);
    },

    'AsyncLocalStorage keeps hundreds of tasks apart': async (log) => {
      const storage = new AsyncLocalStorage<number>();
      let wrong = 0;
      await Promise.all(
        Array.from({ length: 300 }, (_, id) =>
          storage.run(id, async () => {
            for (let step = 0; step < 5; step++) {
              await delay(id % 7);
              if (storage.getStore() !== id) wrong++;
            }
          }),
        ),
      );
      log(wrong);
    },

    'asynchronous resources': (log) => {
      const storage = new AsyncLocalStorage<string>();
      const resource = storage.run('made here', () => new AsyncResource('parity'));
      storage.run('used there', () => resource.runInAsyncScope(() => log(storage.getStore())));
      resource.emitDestroy();
    },

    'events, once, on, and targets': async (log) => {
      const emitter = new EventEmitter({ captureRejections: true });
      setImmediate(() => emitter.emit('go', 1, 2));
      log(await once(emitter, 'go'));
      setImmediate(() => {
        for (let n = 0; n < 3; n++) emitter.emit('item', n);
      });
      const items: unknown[] = [];
      for await (const [item] of on(emitter, 'item')) if (items.push(item) === 3) break;
      log(items, emitter.listenerCount('item'));
      emitter.on('fail', async () => {
        throw new RangeError('rejected in a listener');
      });
      setImmediate(() => emitter.emit('fail'));
      log(((await once(emitter, 'error').catch((e) => [e]))[0] as Error).message);
      log(await errorOf(() => new EventEmitter().emit('error', new TypeError('nobody listens'))));
      const target = new EventTarget();
      target.addEventListener('x', (event) => log(event.type, event.cancelable), { once: true });
      log(
        target.dispatchEvent(new Event('x', { cancelable: true })),
        target.dispatchEvent(new CustomEvent('x')),
      );
    },

    'diagnostics channels': async (log) => {
      const seen: unknown[] = [];
      const channel = diagnostics.channel('parity:plain');
      channel.subscribe((message) => seen.push(message));
      channel.publish({ n: 1 });
      const tracing = diagnostics.tracingChannel('parity:traced');
      tracing.subscribe({
        start: () => seen.push('start'),
        end: () => seen.push('end'),
        asyncStart: () => seen.push('asyncStart'),
        asyncEnd: () => seen.push('asyncEnd'),
        error: () => seen.push('error'),
      });
      log(await tracing.tracePromise(async () => delay(1, 'result')));
      log(seen);
    },

    'message channels in one thread': async (log) => {
      const { port1, port2 } = new MessageChannel();
      const received: unknown[] = [];
      port2.onmessage = ({ data }) => received.push(data);
      for (let index = 0; index < 3; index++) port1.postMessage({ index });
      const buffer = new ArrayBuffer(8);
      port1.postMessage(buffer, [buffer]);
      while (received.length < 4) await turn();
      log(received, buffer.byteLength);
      port1.close();
    },

    'unhandled rejections and uncaught exceptions can be caught': async (log) => {
      const rejection = new Promise((resolve) => process.once('unhandledRejection', resolve));
      void Promise.reject(new Error('nobody handles this'));
      log(((await rejection) as Error).message);
      const exception = new Promise((resolve) => process.once('uncaughtException', resolve));
      setImmediate(() => {
        throw new Error('nobody catches this');
      });
      log(((await exception) as Error).message);
      const warning = new Promise((resolve) => process.once('warning', resolve));
      process.removeAllListeners('warning').once('warning', (w) => log(w.name));
      process.emitWarning('careful', 'ParityWarning');
      void warning;
      await turn();
    },

    'weak references and finalizers': async (log) => {
      const collect = globalThis.gc ?? (await collector());
      let finalized = 0;
      const registry = new FinalizationRegistry(() => finalized++);
      let made: WeakRef<object> | undefined;
      (() => {
        const object = { big: new Array(1000).fill(0) };
        made = new WeakRef(object);
        registry.register(object, 'token');
      })();
      for (let round = 0; round < 10 && finalized === 0; round++) {
        await delay(1);
        collect();
      }
      log(made?.deref() === undefined, finalized);
    },

    'a hundred thousand ticks and microtasks': async (log) => {
      let count = 0;
      await new Promise<void>((resolve) => {
        const step = () => {
          if (++count === 100_000) resolve();
          else if (count % 3 === 0) process.nextTick(step);
          else if (count % 1000 === 1) setImmediate(step);
          else queueMicrotask(step);
        };
        step();
      });
      log(count);
    },

    'resources dispose themselves': async (log) => {
      const order: string[] = [];
      {
        using first = { [Symbol.dispose]: () => void order.push('first') };
        await using second = { [Symbol.asyncDispose]: async () => void order.push('second') };
        order.push(typeof first, typeof second);
      }
      log(order);
    },
  },
};

/** The garbage collector as a function, without a command-line flag at start. */
async function collector(): Promise<() => void> {
  const { setFlagsFromString } = await import('node:v8');
  const { runInNewContext } = await import('node:vm');
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
