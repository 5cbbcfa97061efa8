import { performance } from 'node:perf_hooks';
import * as delays from 'node:timers/promises';
import type { Group } from '../collector.ts';

export const timers: Group = {
  name: 'timers',
  cases: {
    'timeouts fire in the order of their delays': async (log) => {
      const order: number[] = [];
      await Promise.all(
        [80, 5, 40, 1, 20].map(async (delay) => {
          await delays.setTimeout(delay);
          order.push(delay);
        }),
      );
      log(order);
    },

    'phases of the event loop': async (log) => {
      const order: string[] = [];
      const { promise, resolve } = Promise.withResolvers<void>();
      setImmediate(() => {
        order.push('immediate');
        process.nextTick(() => order.push('tick in immediate'));
        queueMicrotask(() => order.push('microtask in immediate'));
        setImmediate(() => {
          order.push('second immediate');
          resolve();
        });
      });
      process.nextTick(() => order.push('tick'));
      queueMicrotask(() => order.push('microtask'));
      order.push('synchronous');
      await promise;
      log(order);
    },

    'a timer never fires early': async (log) => {
      let early = 0;
      for (const delay of [1, 2, 3, 5, 8, 13, 21, 34]) {
        const start = performance.now();
        await delays.setTimeout(delay);
        // Node rounds its loop time to milliseconds, so a timer may seem up to 1 ms early.
        if (performance.now() - start < delay - 1) early++;
      }
      log('early:', early);
    },

    'intervals and clearing': async (log) => {
      let ticks = 0;
      const { promise, resolve } = Promise.withResolvers<void>();
      const interval = setInterval(() => {
        if (++ticks === 10) {
          clearInterval(interval);
          resolve();
        }
      }, 2);
      const never = setTimeout(() => log('a cleared timer fired'), 1);
      clearTimeout(never);
      await promise;
      await delays.setTimeout(20);
      log(ticks);
    },

    'async iteration of an interval': async (log) => {
      const values: string[] = [];
      for await (const value of delays.setInterval(1, 'beat')) {
        if (values.push(value) === 5) break;
      }
      log(values);
    },

    'many timers': async (log) => {
      let fired = 0;
      await Promise.all(
        Array.from({ length: 5000 }, async (_, index) => {
          await delays.setTimeout(index % 50);
          fired++;
        }),
      );
      log(fired);
    },

    'aborting a delay': async (log) => {
      const controller = new AbortController();
      const waiting = delays.setTimeout(60_000, undefined, { signal: controller.signal });
      setTimeout(() => controller.abort(), 1);
      log(await waiting.catch((error: Error) => error.name));
      const signal = AbortSignal.timeout(5);
      await delays.setTimeout(1000, undefined, { signal }).catch(() => {});
      log((signal.reason as Error).name);
      log(await AbortSignal.any([signal, controller.signal]).aborted);
    },

    'unreferenced timers keep nothing alive': async (log) => {
      const timer = setTimeout(() => {}, 1_000_000).unref();
      log(timer.hasRef());
      timer.ref();
      log(timer.hasRef());
      clearTimeout(timer);
      await delays.setImmediate();
    },

    'clocks go forward': async (log) => {
      let backward = 0;
      let last = process.hrtime.bigint();
      let lastNow = performance.now();
      let lastDate = Date.now();
      for (let round = 0; round < 50_000; round++) {
        const time = process.hrtime.bigint();
        const now = performance.now();
        const date = Date.now();
        if (time < last || now < lastNow || date < lastDate) backward++;
        last = time;
        lastNow = now;
        lastDate = date;
      }
      log('backward:', backward);
      log('the date is plausible:', Date.now() > Date.UTC(2024, 0, 1));
    },

    'clocks agree with each other': async (log) => {
      const start = { date: Date.now(), now: performance.now(), time: process.hrtime.bigint() };
      await delays.setTimeout(300);
      const date = Date.now() - start.date;
      const now = performance.now() - start.now;
      const time = Number(process.hrtime.bigint() - start.time) / 1e6;
      log(Math.abs(date - now) < 100, Math.abs(now - time) < 100);
    },

    'the event loop measures itself': async (log) => {
      const before = performance.eventLoopUtilization();
      const end = performance.now() + 30;
      while (performance.now() < end);
      await delays.setTimeout(30);
      const { idle, active, utilization } = performance.eventLoopUtilization(before);
      log(idle > 0, active > 0, utilization > 0 && utilization < 1);
    },

    'promise combinators': async (log) => {
      log(await Promise.all([1, Promise.resolve(2), delays.setTimeout(1, 3)]));
      log(await Promise.race([delays.setTimeout(500, 'slow'), delays.setTimeout(1, 'fast')]));
      log(await Promise.any([Promise.reject(new Error('no')), delays.setTimeout(2, 'yes')]));
      const settled = await Promise.allSettled([Promise.reject(new RangeError('no')), 1]);
      log(settled.map(({ status }) => status));
      log(
        await Promise.try(() => {
          throw new SyntaxError('x');
        }).catch((e: Error) => e.name),
      );
    },

    'a long chain of promises': async (log) => {
      let sum = 0;
      for (let index = 0; index < 200_000; index++) sum += await index;
      log(sum);
    },
  },
};
