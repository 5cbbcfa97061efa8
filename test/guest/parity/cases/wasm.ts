import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Group } from '../collector.ts';
import { instantiateTraps, trapCalls, trapModule, trapRounds } from '../traps.ts';
import { wasmApi } from '../webassembly.ts';

export const wasm: Group = {
  name: 'wasm',
  cases: {
    'every trap becomes a RuntimeError': (log) => {
      for (const [name, call] of Object.entries(trapCalls(instantiateTraps()))) {
        try {
          log(name, call());
        } catch (error) {
          log(
            name,
            (error as Error).name,
            (error as Error).message,
            error instanceof wasmApi.RuntimeError,
          );
        }
      }
    },

    'traps thousands of times': (log) => log(trapRounds(300)),

    'traps in four workers at once': async (log) => {
      const all = Array.from({ length: 4 }, () => {
        const url = new URL('../worker.ts', import.meta.url);
        return new Worker(url, { workerData: { task: 'traps', rounds: 50 } });
      });
      const answers = await Promise.all(all.map((worker) => once(worker, 'message')));
      log(new Set(answers.map(([counts]) => JSON.stringify(counts))).size, answers[0]?.[0]);
    },

    'memory grows and moves its end': (log) => {
      const instance = instantiateTraps();
      log(instance.grow(3), instance.memory.buffer.byteLength);
      log(instance.load(4 * 65_536 - 4));
      instance.store(4 * 65_536 - 4);
      log(new Uint32Array(instance.memory.buffer).at(-1), instance.grow(100_000));
    },

    'asynchronous compilation and validation': async (log) => {
      const { instance } = await wasmApi.instantiate(trapModule());
      log(Object.keys(instance.exports));
      log(wasmApi.validate(trapModule()), wasmApi.validate(new Uint8Array([0, 1, 2, 3])));
      log(await wasmApi.compile(new Uint8Array(4)).catch((error: Error) => error.name));
    },

    'shared memory and many memories': (log) => {
      const shared = new wasmApi.Memory({ initial: 1, maximum: 10, shared: true });
      log(shared.buffer instanceof SharedArrayBuffer, shared.grow(2), shared.buffer.byteLength);
      // Each reserves gigabytes of addresses, and touches nothing.
      const memories = Array.from(
        { length: 50 },
        () => new wasmApi.Memory({ initial: 1, maximum: 65_536 }),
      );
      for (const memory of memories) new Uint8Array(memory.buffer)[65_535] = 1;
      log(memories.length);
    },
  },
};
