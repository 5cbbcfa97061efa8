// A CPU's queue of runnable threads.
import test from 'ava';
import { kernel } from './addon.ts';

const everywhere = 0xffff_ffff_ffff_ffffn;
const millisecond = 1_000_000n;

function queueOf(...entries: [string, bigint, bigint?][]) {
  const queue = new kernel.RunQueue();
  for (const [name, runtime, affinity = everywhere] of entries) {
    queue.add(name, runtime, affinity, 0);
  }
  return queue;
}

test('who has had least of the CPU is first; among equals, who came first', (t) => {
  const queue = queueOf(['b', 20n], ['a', 10n], ['c', 20n], ['d', 15n]);
  const order: (string | undefined)[] = [];
  while (queue.length() > 0) order.push(queue.takeFor(0));
  t.deepEqual(order, ['a', 'd', 'b', 'c']);
  t.is(queue.takeFor(0), undefined);
  t.is(queue.first(), undefined);
});

test('a CPU takes what it may run only', (t) => {
  const queue = queueOf(
    ['first', 1n, 0b01n],
    ['second', 2n, 0b10n],
    ['third', 3n],
    ['last', 4n, 0b01n],
  );
  t.is(queue.takeFor(63), 'third', 'CPU 63 is in no mask but the full one');
  t.is(queue.takeFor(63), undefined);
  t.is(queue.takeLastFor(0b10n), 'second');
  t.is(queue.takeLastFor(0b10n), undefined);
  t.is(queue.takeLastFor(0b01n), 'last');
  t.is(queue.length(), 1);
  queue.remove('first');
  t.is(queue.length(), 0);
});

test('CPU time keeps its meaning between queues', (t) => {
  const busy = queueOf(['old', 900n * millisecond], ['moved', 905n * millisecond]);
  busy.advance('old');
  busy.remove('moved');
  t.is(busy.leave('moved'), 5n * millisecond, 'what it was ahead');
  const fresh = queueOf(['other', 40n * millisecond]);
  fresh.advance('other');
  // The same entry in another queue: the map of names is that of `busy`, so its twin stands in.
  fresh.add('twin', 5n * millisecond, everywhere, 0);
  fresh.remove('twin');
  t.is(fresh.enter('twin'), 45n * millisecond);
});

test('a long sleep gives a small credit, and a queue never goes back', (t) => {
  const queue = queueOf(
    ['runner', 100n * millisecond],
    ['sleeper', 1n],
    ['recent', 99n * millisecond],
  );
  queue.advance('runner');
  t.is(queue.limitCredit('sleeper', 0), 97n * millisecond);
  t.is(queue.limitCredit('recent', 0), 99n * millisecond);
  queue.advance('recent');
  queue.remove('recent');
  t.is(queue.leave('recent'), 0n, 'behind the minimum of 100 ms, which stays');
});

test('beside what has little weight the credit is as much more as its time counts', (t) => {
  const counted = kernel.weightedRuntime(3n * millisecond, 10);
  t.true(counted > 25n * millisecond);
  const credit = (running: number, ...waiting: readonly number[]): bigint => {
    const queue = queueOf(['sleeper', 1n]);
    queue.remove('sleeper');
    for (const [index, nice] of waiting.entries()) {
      queue.add(`waiting ${index}`, 1000n * millisecond, everywhere, nice);
    }
    queue.add('runs', 1000n * millisecond, everywhere, running);
    queue.advance('runs');
    queue.remove('runs');
    return 1000n * millisecond - queue.limitCredit('sleeper', running);
  };
  t.is(credit(10), counted);
  t.is(credit(10, 15, 10), counted);
  t.is(credit(10, 0), 3n * millisecond, 'the heaviest of the others counts');
  t.is(credit(0, 10), 3n * millisecond);
  t.is(credit(-5), 3n * millisecond, 'never less than that');
});

test('another weight does not make time count that was used before', (t) => {
  const queue = queueOf(['first', 100n * millisecond]);
  queue.advance('first');
  const used = 2n * millisecond;
  const counted = kernel.weightedRuntime(used, 15);
  queue.add('helper', 100n * millisecond + counted, everywhere, 15);
  queue.add('other', 103n * millisecond, everywhere, 0);
  queue.remove('first');
  t.is(queue.first(), 'other');
  const raised = queue.reweigh('helper', 0) - 100n * millisecond;
  t.true(raised <= used && raised > (used * 99n) / 100n, `${raised} ns of ${used}`);
  t.is(queue.takeFor(0), 'helper', 'it is in its new place');
  t.is(queue.takeFor(0), 'other');
  const lowered = queue.reweigh('helper', 15) - 100n * millisecond;
  t.true(lowered <= counted && lowered > (counted * 99n) / 100n, 'when it is in no queue as well');
});

test('who is behind stays there with another weight', (t) => {
  const queue = queueOf(['first', 100n * millisecond], ['sleeper', 90n * millisecond]);
  queue.advance('first');
  t.is(queue.reweigh('sleeper', 10), 90n * millisecond);
});

test('each step of nice is worth a quarter, in both directions', (t) => {
  t.is(kernel.weightedRuntime(1000n, 0), 1000n);
  const weight = (nice: number) => Number(kernel.weightedRuntime(1_000_000_000n, nice)) / 1e9;
  for (let nice = -20; nice < 19; nice += 1) {
    const ratio = weight(nice + 1) / weight(nice);
    t.true(ratio > 1.15 && ratio < 1.35, `nice ${nice}: ${ratio}`);
  }
});
