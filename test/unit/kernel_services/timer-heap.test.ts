// Active timers.
import test from 'ava';
import { kernel, type TimerHeap } from './addon.ts';

/** Takes all out and tells their numbers. */
function drain(heap: TimerHeap): number[] {
  const order: number[] = [];
  for (let first = heap.first(); first !== undefined; first = heap.first()) {
    order.push(first);
    heap.remove(first);
  }
  return order;
}

test('the earliest is first; of those with one deadline, who came first', (t) => {
  const heap = new kernel.TimerHeap();
  t.is(heap.first(), undefined);
  for (const deadline of [30n, 10n, 20n, 10n, 30n, 10n]) heap.add(deadline);
  t.deepEqual(drain(heap), [1, 3, 5, 2, 0, 4]);
});

test('deadlines are not cut to 63 bits', (t) => {
  const heap = new kernel.TimerHeap();
  for (const deadline of [2n ** 64n - 1n, 2n ** 63n, 1n]) heap.add(deadline);
  t.deepEqual(drain(heap), [2, 1, 0]);
});

test('whatever is added and removed, the order is that of a sorted list', (t) => {
  let state = 1;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  const heap = new kernel.TimerHeap();
  const expected: { number: number; deadline: number }[] = [];
  for (let step = 0; step < 4000; step++) {
    if (random(5) < 3 || expected.length === 0) {
      const deadline = random(500);
      expected.push({ number: heap.add(BigInt(deadline)), deadline });
      expected.sort((a, b) => a.deadline - b.deadline || a.number - b.number);
    } else {
      const [gone] = expected.splice(random(2) ? random(expected.length) : 0, 1);
      heap.remove(gone!.number);
    }
    t.is(heap.first(), expected[0]?.number);
    if (step % 50 === 0) t.true(heap.isLeftist());
  }
  t.deepEqual(
    drain(heap),
    expected.map(({ number }) => number),
  );
});

for (const [name, deadline] of [
  ['rising', (index: number) => index],
  ['falling', (index: number) => 100_000 - index],
] as const) {
  test(`with 10,000 ${name} deadlines no operation goes deeper than the logarithm`, (t) => {
    const heap = new kernel.TimerHeap();
    for (let index = 0; index < 10_000; index++) heap.add(BigInt(deadline(index)));
    t.true(heap.rank() <= Math.log2(10_001));
    // From the middle, as timeouts are that did not come.
    for (let index = 0; index < 10_000; index += 2) heap.remove(index);
    t.true(heap.rank() <= Math.log2(5001));
    t.is(drain(heap).length, 5000);
  });
}
