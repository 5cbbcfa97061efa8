// How long an idle CPU looks for work before it halts.
import test from 'ava';
import { kernel } from './addon.ts';

const microsecond = 1000;
const limits = (...idle: number[]) =>
  kernel
    .idlePollLimits(...idle.map((time) => time * microsecond))
    .map((limit) => limit / microsecond);

test('a CPU that is idle for long does not look', (t) => {
  t.deepEqual(limits(1_000_000, 5000, 300), [0, 0, 0]);
});

test('work that comes soon makes it look as long as that takes', (t) => {
  t.deepEqual(limits(10, 10, 20), [25, 25, 25]);
  t.deepEqual(limits(90, 90, 90, 90), [25, 50, 100, 100]);
  t.deepEqual(limits(200, 200, 200, 200, 200, 200), [25, 50, 100, 200, 200, 200]);
});

test('it gives up step by step when work stays away', (t) => {
  t.deepEqual(
    limits(150, 150, 150, 150, 201, 5000, 5000, 5000, 5000),
    [25, 50, 100, 200, 100, 50, 25, 0, 0],
  );
});
