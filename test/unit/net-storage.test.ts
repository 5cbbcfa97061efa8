import { HostMemory, internetChecksum } from '@runtimejs/net/memory.ts';
import { ReceiveRing, SendRing } from '@runtimejs/net/storage/ring.ts';
import { never, Timer, TimerQueue } from '@runtimejs/net/storage/timers.ts';
import test from 'ava';
import { seededRandom } from '../sim/support/random.ts';

test('timers fire in order, also when they are moved, stopped and removed', (t) => {
  const seed = 7;
  t.log(`seed ${seed}`);
  const random = seededRandom(seed);
  const queue = new TimerQueue();
  const fired: number[] = [];
  const timers = Array.from(
    { length: 200 },
    (_, index): Timer => new Timer(() => fired.push(index)),
  );
  const expected = new Map<number, number>();
  for (let round = 0; round < 5000; round += 1) {
    const index = random.integer(0, timers.length - 1);
    const timer = timers[index] as Timer;
    const what = random.integer(0, 9);
    if (what < 7) {
      const deadline = random.integer(0, 1_000_000);
      queue.set(timer, deadline);
      expected.set(index, deadline);
    } else {
      if (what === 7) queue.remove(timer);
      else queue.cancel(timer);
      expected.delete(index);
    }
    t.is(timer.isSet, expected.has(index));
  }
  t.is(queue.active, expected.size);
  t.is(queue.next, Math.min(...expected.values()));
  const order = [...expected].sort(([, a], [, b]) => a - b);
  queue.run(500_000);
  t.deepEqual(
    fired.map((index) => expected.get(index)),
    order.map(([, deadline]) => deadline).filter((deadline) => deadline <= 500_000),
  );
  queue.run(1_000_000);
  t.is(fired.length, order.length);
  t.is(queue.next, never);
  t.is(queue.size, 0);
});

test('a timer may set itself again from its own firing', (t) => {
  const queue = new TimerQueue();
  const at: number[] = [];
  const timer: Timer = new Timer((now) => {
    at.push(now);
    if (at.length < 3) queue.set(timer, now + 10);
  });
  queue.set(timer, 10);
  for (let now = 0; now <= 100; now += 5) queue.run(now);
  t.deepEqual(at, [10, 20, 30]);
  t.is(queue.size, 0);
});

test('rings carry bytes across their end and across 2^32', (t) => {
  const memory = new HostMemory(65536);
  const [offset, capacity, head, tail] = [0, 1, 2, 3];
  const words = { offset, capacity, head, tail };
  memory.words[offset] = 4096;
  memory.words[capacity] = 64;
  memory.words[head] = -20; // 20 bytes before the index wraps
  memory.words[tail] = -20;
  const send = new SendRing(memory, words);
  const receive = new ReceiveRing(memory, words, () => false);
  const source = 1024;
  for (let at = 0; at < 60; at += 1) memory.bytes[source + at] = at + 1;
  t.true(receive.write(0, source, 60));
  t.is(receive.length, 0, 'nothing is readable before produce()');
  receive.produce(60);
  t.is(send.length, 60);
  send.copy(10, 2048, 50);
  t.deepEqual(
    [...memory.bytes.slice(2048, 2098)],
    Array.from({ length: 50 }, (_, at) => at + 11),
  );
  send.consume(60);
  t.is(send.length, 0);
  t.is(memory.words[tail], 40);
});

test('a receive ring grows for what it cannot hold, and says when it cannot', (t) => {
  const memory = new HostMemory(65536);
  const words = { offset: 0, capacity: 1, head: 2, tail: 3 };
  const asked: number[] = [];
  const ring = new ReceiveRing(memory, words, (capacity) => {
    asked.push(capacity);
    if (capacity > 8192) return false;
    memory.words[0] = 16384;
    memory.words[1] = capacity;
    return true;
  });
  t.true(ring.write(4000, 0, 200));
  t.deepEqual(asked, [8192]);
  t.false(ring.write(8000, 0, 200));
  t.deepEqual(asked, [8192, 16384]);
  t.is(ring.length, 0);
});

test('the checksum is that of RFC 1071, for any place and length', (t) => {
  const bytes = new Uint8Array([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
  t.is(internetChecksum(bytes, 0, 8, 0), 0xddf2);
  t.is(internetChecksum(bytes, 0, 7, 0), 0xddf2 - 0xf7);
  t.is(internetChecksum(bytes, 1, 0, 0x1234), 0x1234);
  const ones = new Uint8Array(65536).fill(0xff);
  t.is(internetChecksum(ones, 0, ones.length, 0xffff), 0xffff);
});
