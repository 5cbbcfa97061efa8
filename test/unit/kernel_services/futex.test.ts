// The futex table and the arithmetic of FUTEX_WAKE_OP.
import test from 'ava';
import { kernel } from './addon.ts';

const ANY = 0xffffffff;
const EVERYBODY = 1n << 60n;

const tableWith = (...waiters: [name: string, address: number, bitset?: number][]) => {
  const table = new kernel.FutexTable();
  for (const [name, address, bitset] of waiters) table.wait(name, address, bitset ?? ANY);
  return table;
};

test('waiters are woken in their order of arrival, at most as many as asked for', (t) => {
  const table = tableWith(['a', 4], ['b', 4], ['other', 8], ['c', 4]);
  t.deepEqual(table.wake(4, 0, ANY), []);
  t.deepEqual(table.wake(4, 2, ANY), ['a', 'b']);
  t.deepEqual(table.wake(4, 2, ANY), ['c']);
  t.deepEqual(table.wake(4, 2, ANY), []);
  t.deepEqual(table.wake(8, 0xffffffff, ANY), ['other']);
});

test('words that share a bucket are kept apart', (t) => {
  // 4096 words over 256 buckets: many share one.
  const table = new kernel.FutexTable();
  for (let i = 0; i < 4096; ++i) table.wait(`w${i}`, i * 4, ANY);
  for (let i = 4095; i >= 0; --i) {
    const woken = table.wake(i * 4, 10, ANY);
    if (woken?.length !== 1 || woken[0] !== `w${i}`) t.fail(`word ${i}: ${woken}`);
  }
  t.pass();
});

test('bitsets choose among waiters', (t) => {
  const table = tableWith(['read', 4, 1], ['write', 4, 2], ['both', 4, 3]);
  t.deepEqual(table.wake(4, 10, 4), []);
  t.deepEqual(table.wake(4, 10, 2), ['write', 'both']);
  t.deepEqual(table.wake(4, 10, ANY), ['read']);
});

test('a waiter that leaves is not woken, and one that was woken has nothing to leave', (t) => {
  const table = tableWith(['a', 4], ['b', 4]);
  t.true(table.leave('a'));
  t.deepEqual(table.wake(4, 10, ANY), ['b']);
  t.false(table.leave('b'));
});

test('requeue wakes some, moves some, and leaves the rest', (t) => {
  const table = tableWith(['a', 4], ['b', 4], ['c', 4], ['d', 4], ['there', 8]);
  t.deepEqual(table.requeue(4, 8, 1, 2, EVERYBODY), [3, ['a']]);
  t.deepEqual(table.wake(4, 10, ANY), ['d']);
  t.deepEqual(table.wake(8, 10, ANY), ['there', 'b', 'c']);
});

test('a moved waiter can leave and is found under its new word only', (t) => {
  const table = tableWith(['a', 4], ['b', 4]);
  t.deepEqual(table.requeue(4, 8, 0, 10, EVERYBODY), [2, []]);
  t.deepEqual(table.wake(4, 10, ANY), []);
  t.true(table.leave('a'));
  t.deepEqual(table.wake(8, 10, ANY), ['b']);
});

test('requeue to the same word ends and keeps the order', (t) => {
  const table = tableWith(['a', 4], ['b', 4], ['c', 4]);
  t.deepEqual(table.requeue(4, 4, 1, 10, EVERYBODY), [3, ['a']]);
  t.deepEqual(table.wake(4, 10, ANY), ['b', 'c']);
});

test('requeue leaves out who arrived after the comparison', (t) => {
  const table = tableWith(['early', 4]);
  const ticket = table.nextTicket();
  table.wait('late', 4, ANY);
  t.deepEqual(table.requeue(4, 8, 0, 10, ticket), [1, []]);
  t.deepEqual(table.wake(8, 10, ANY), ['early']);
  t.deepEqual(table.wake(4, 10, ANY), ['late']);
});

const encode = (change: number, comparison: number, operand: number, compared: number) =>
  ((change << 28) | (comparison << 24) | ((operand & 0xfff) << 12) | (compared & 0xfff)) >>> 0;

test('FUTEX_WAKE_OP changes the word as futex(2) says', (t) => {
  const changed = (change: number, operand: number, old: number) =>
    kernel.futexOperation(encode(change, 0, operand, 0), old)?.[0];
  t.is(changed(0, 7, 100), 7); // set
  t.is(changed(1, 7, 100), 107); // add
  t.is(changed(1, -1, 0), 0xffffffff);
  t.is(changed(2, 6, 1), 7); // or
  t.is(changed(3, 5, 7), 2); // and not
  t.is(changed(4, 5, 7), 2); // exclusive or
  t.is(changed(8 | 2, 31, 1), 0x80000001); // the operand is an exponent
  t.is(changed(5, 0, 0), undefined);
});

test('FUTEX_WAKE_OP compares the old value as signed', (t) => {
  const holds = (comparison: number, compared: number, old: number) =>
    kernel.futexOperation(encode(0, comparison, 0, compared), old)?.[1];
  const minusOne = 0xffffffff;
  t.deepEqual(
    [0, 1, 2, 3, 4, 5].map((c) => holds(c, 5, 5)),
    [true, false, false, true, false, true],
  );
  t.deepEqual(
    [0, 1, 2, 3, 4, 5].map((c) => holds(c, 5, 4)),
    [false, true, true, true, false, false],
  );
  t.deepEqual(
    [0, 1, 2, 3, 4, 5].map((c) => holds(c, 5, 6)),
    [false, true, false, false, true, true],
  );
  t.true(holds(2, 0, minusOne));
  t.true(holds(0, -1, minusOne));
  t.is(holds(6, 0, 0), undefined);
});
