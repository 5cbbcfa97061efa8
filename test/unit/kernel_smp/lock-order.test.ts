// The check of lock orders: it allows the written order, and catches every other.
import test from 'ava';
import { kernel } from './addon.ts';

const { lockRanks, mutexRanks } = kernel;

test('locks may be taken from outer to inner ranks, and released in any order', (t) => {
  const held = new kernel.HeldRanks();
  for (const rank of Object.values(lockRanks).sort((a, b) => a - b))
    t.is(held.take(rank), undefined);
  for (const rank of Object.values(lockRanks)) held.release(rank);
  t.true(held.isEmpty());
});

test('a deliberately wrong order is caught, whichever two locks it is', (t) => {
  for (const ranks of [lockRanks, mutexRanks]) {
    for (const outer of Object.values(ranks)) {
      for (const inner of Object.values(ranks)) {
        const held = new kernel.HeldRanks();
        t.is(held.take(outer), undefined);
        t.is(held.take(inner), inner > outer ? undefined : outer, `${inner} under ${outer}`);
      }
    }
  }
});

test('a lock that was refused does not count as held, and one between two is no exception', (t) => {
  const { Memory, Scheduler, Futex, Timer } = lockRanks as Record<string, number>;
  const held = new kernel.HeldRanks();
  held.take(Memory!);
  held.take(Scheduler!);
  t.is(held.take(Futex!), Scheduler);
  held.release(Scheduler!);
  t.is(held.take(Timer!), undefined);
  t.is(held.take(Memory!), Timer, 'twice');
});
