import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mock, run, suite, test } from 'node:test';
import { type Group, inTemporaryFolder } from '../collector.ts';

export const testRunner: Group = {
  name: 'test-runner',
  cases: {
    'tests run and are reported': async (log) =>
      inTemporaryFolder(async (folder) => {
        const file = join(folder, 'some.test.mjs');
        writeFileSync(
          file,
          [
            `import test from 'node:test'; import assert from 'node:assert';`,
            `test('adds', () => assert.equal(1 + 1, 2));`,
            `test('fails', () => assert.equal(1, 2));`,
            `test('skips', { skip: true }, () => {});`,
            `test('nests', async (t) => { await t.test('inside', () => {}); });`,
          ].join('\n'),
        );
        const events: string[] = [];
        for await (const { type, data } of run({ files: [file], isolation: 'none' })) {
          if (type !== 'test:pass' && type !== 'test:fail') continue;
          events.push(`${type} ${data.nesting} ${data.name}${data.skip ? ' skipped' : ''}`);
        }
        log(events);
      }),

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
