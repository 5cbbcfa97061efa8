// eventfd(2), signalfd(2), timerfd_create(2).
import test from 'ava';
import { callAsync, host, onBoth, open, ours, poll, sleepers } from './system.ts';

const word = (value: bigint): Uint8Array => new Uint8Array(new BigUint64Array([value]).buffer);
const second = 1_000_000_000;

onBoth('eventfd counts, and gives all of it at once', (t, system) => {
  const event = system.eventfd(3);
  const count = new BigUint64Array(1);
  t.is(system.poll(event), poll.in | poll.out);
  system.write(event, word(4n));
  t.is(system.call('read', event, count, 8), 8);
  t.is(count[0], 7n);
  t.is(system.tryRead(event, 8), 'EAGAIN');
  t.is(system.poll(event), poll.out);
  t.is(system.tryRead(event, 7), 'EINVAL');
  t.is(system.write(event, new Uint8Array(7)), 'EINVAL');
  system.close(event);
});

onBoth('eventfd as a semaphore gives one at a time', (t, system) => {
  const event = system.eventfd(2, open.nonBlocking | 1);
  const count = new BigUint64Array(1);
  t.deepEqual([system.call('read', event, count, 8), count[0]], [8, 1n]);
  t.deepEqual([system.call('read', event, count, 8), count[0]], [8, 1n]);
  t.is(system.tryRead(event, 8), 'EAGAIN');
  system.close(event);
});

onBoth('eventfd never overflows', (t, system) => {
  const event = system.eventfd();
  const most = 2n ** 64n - 2n;
  t.is(system.write(event, word(most + 1n)), 'EINVAL');
  t.is(system.write(event, word(most)), 8);
  t.is(system.poll(event), poll.in);
  t.is(system.write(event, word(1n)), 'EAGAIN');
  t.is(system.write(event, word(0n)), 8);
  system.close(event);
  t.is(system.call('eventfd2', 0, 8), 'EINVAL');
});

test.serial('eventfd writers wait for readers and the other way round', async (t) => {
  const event = ours.eventfd(0, 0);
  const count = new BigUint64Array(1);
  const reading = callAsync('read', event, count, 8);
  await sleepers(1);
  ours.write(event, word(2n ** 64n - 2n));
  t.is(await reading, 8);
  ours.write(event, word(2n ** 64n - 2n));
  const value = word(5n);
  const writing = callAsync('write', event, value, 8);
  await sleepers(1);
  t.is(ours.tryRead(event, 8), 8);
  t.is(await writing, 8);
  ours.call('read', event, count, 8);
  t.is(count[0], 5n);
  ours.close(event);
});

const timerSpec = (value: number, interval = 0): BigUint64Array =>
  new BigUint64Array([
    BigInt(Math.floor(interval / second)),
    BigInt(interval % second),
    BigInt(Math.floor(value / second)),
    BigInt(value % second),
  ]);
const expirations = (timer: number): bigint | string => {
  const count = new BigUint64Array(1);
  const outcome = ours.call('read', timer, count, 8);
  return typeof outcome === 'string' ? outcome : (count[0] as bigint);
};

test.serial('timerfd expires once, at its time', (t) => {
  const timer = ours.must('timerfd_create', 1, open.nonBlocking);
  ours.must('timerfd_settime', timer, 0, timerSpec(2 * second), null);
  host.advance(2 * second - 1);
  t.is(expirations(timer), 'EAGAIN');
  t.is(ours.poll(timer), 0);
  const left = new BigUint64Array(4);
  ours.must('timerfd_gettime', timer, left);
  t.deepEqual([...left], [0n, 0n, 0n, 1n]);
  host.advance(1);
  t.is(ours.poll(timer), poll.in);
  t.is(expirations(timer), 1n);
  t.is(expirations(timer), 'EAGAIN');
  ours.must('timerfd_gettime', timer, left);
  t.deepEqual([...left], [0n, 0n, 0n, 0n]);
  ours.close(timer);
});

test.serial('timerfd counts the periods that nobody read', (t) => {
  const timer = ours.must('timerfd_create', 7, open.nonBlocking);
  ours.must('timerfd_settime', timer, 0, timerSpec(100, 1000), null);
  host.advance(100);
  t.is(expirations(timer), 1n);
  host.advance(3500);
  t.is(expirations(timer), 3n);
  const left = new BigUint64Array(4);
  ours.must('timerfd_gettime', timer, left);
  t.deepEqual([...left], [0n, 1000n, 0n, 500n]);
  host.advance(500);
  t.is(expirations(timer), 1n);
  const old = new BigUint64Array(4);
  ours.must('timerfd_settime', timer, 0, timerSpec(0), old);
  t.deepEqual([...old], [0n, 1000n, 0n, 1000n]);
  host.advance(5000);
  t.is(expirations(timer), 'EAGAIN');
  ours.close(timer);
});

test.serial('timerfd takes absolute times on both clocks; a past one is due at once', (t) => {
  for (const clock of [0, 1]) {
    const timer = ours.must('timerfd_create', clock, open.nonBlocking);
    ours.must('timerfd_settime', timer, 1, timerSpec(1), null);
    host.advance(0);
    t.is(expirations(timer), 1n);
    ours.close(timer);
  }
  t.is(ours.call('timerfd_create', 5, 0), 'EINVAL');
  t.is(ours.call('timerfd_create', 9, 0), 'EPERM');
  const event = ours.eventfd();
  t.is(ours.call('timerfd_settime', event, 0, timerSpec(1), null), 'EINVAL');
  t.is(ours.call('timerfd_gettime', 9999, timerSpec(1)), 'EBADF');
  ours.close(event);
});

test.serial('a reader of a timerfd sleeps until it expires', async (t) => {
  const timer = ours.must('timerfd_create', 1, 0);
  ours.must('timerfd_settime', timer, 0, timerSpec(500), null);
  const count = new BigUint64Array(1);
  const reading = callAsync('read', timer, count, 8);
  await sleepers(1);
  host.advance(500);
  t.is(await reading, 8);
  ours.close(timer);
});

test.serial('signalfd gives blocked signals as records', (t) => {
  const descriptor = ours.must(
    'signalfd4',
    -1,
    new BigUint64Array([1n << 9n]),
    8,
    open.nonBlocking,
  );
  t.is(ours.poll(descriptor), 0);
  t.is(ours.tryRead(descriptor), 'EAGAIN');
  host.sendSignal(12, 0, 0);
  t.is(ours.poll(descriptor), 0);
  host.sendSignal(10, -1, 42);
  t.is(ours.poll(descriptor), poll.in);
  t.is(ours.tryRead(descriptor, 127), 'EINVAL');
  const record = Buffer.alloc(256);
  t.is(ours.call('read', descriptor, record, 256), 128);
  t.deepEqual(
    [
      record.readUInt32LE(0),
      record.readInt32LE(8),
      record.readUInt32LE(12),
      record.readInt32LE(44),
    ],
    [10, -1, 1, 42],
  );
  t.is(ours.must('signalfd4', descriptor, new BigUint64Array([1n << 11n]), 8, 0), descriptor);
  t.is(ours.poll(descriptor), poll.in);
  host.clearSignals();
  t.is(ours.call('signalfd4', -1, new BigUint64Array(1), 4, 0), 'EINVAL');
  ours.close(descriptor);
});

test.serial('a reader of a signalfd sleeps until a signal comes', async (t) => {
  const descriptor = ours.must('signalfd4', -1, new BigUint64Array([1n << 9n]), 8, 0);
  const set = Buffer.alloc(8);
  set.writeInt32LE(descriptor, 0);
  set.writeInt16LE(poll.in, 4);
  const blocked = new BigUint64Array([1n << 9n]);
  const waiting = callAsync('ppoll', set, 1, null, blocked, 8);
  await sleepers(1);
  host.sendSignal(10, 0, 0);
  t.is(await waiting, 1);
  t.is(ours.tryRead(descriptor), 128);
  ours.close(descriptor);
});
