import assert from 'node:assert/strict';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { mock, suite, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { Group } from '../collector.ts';

export const testRunner: Group = {
  name: 'test-runner',
  cases: {
    // In a worker, where the runner's own report is separate and ends with the thread.
    'tests run and are reported': async (log) => {
      const url = new URL('../worker.ts', import.meta.url);
      const worker = new Worker(url, { workerData: { task: 'tests' }, stdout: true });
      const report = text(worker.stdout);
      log(await once(worker, 'exit'));
      const lines = (await report).split('\n');
      // Indented lines hold durations, places and stack traces.
      log(
        lines
          .filter((line) => /^(✔|✖|▶|﹣|ok|not ok|ℹ (tests|pass|fail|skip))/.test(line))
          .map((line) => line.replace(/ \([\d.]+ms\)/, '')),
      );
    },

    'mocks and their calls': (log) => {
      const double = mock.fn((n: number) => n * 2);
      log(
        double(4),
        double(5),
        double.mock.calls.map((call) => call.result),
      );
      const object = { method: () => 'real' };
      mock.method(object, 'method', () => 'mocked');
      log(object.method());
      mock.restoreAll();
      log(object.method());
    },

    'mocked timers': (log) => {
      mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000 });
      let fired = 0;
      setTimeout(() => fired++, 60_000);
      mock.timers.tick(59_999);
      log(fired, Date.now());
      mock.timers.tick(1);
      log(fired, Date.now());
      mock.timers.reset();
    },

    'assertions explain themselves': (log) => {
      try {
        assert.deepEqual({ a: [1, 2] }, { a: [1, 3] });
      } catch (error) {
        log((error as Error).message);
      }
      assert.throws(() => {
        throw new TypeError('x');
      }, TypeError);
      log(typeof suite, typeof test);
    },
  },
};
