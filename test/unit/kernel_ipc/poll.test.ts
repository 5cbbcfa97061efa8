// poll(2), select(2) and their variants.
import test from 'ava';
import { callAsync, host, onBoth, ours, poll, sleepers } from './system.ts';

const one = new Uint8Array(new BigUint64Array([1n]).buffer);

/** An array of struct pollfd. */
function pollSet(...items: [fd: number, events: number][]): Buffer {
  const set = Buffer.alloc(8 * items.length);
  items.forEach(([fd, events], index) => {
    set.writeInt32LE(fd, index * 8);
    set.writeInt16LE(events, index * 8 + 4);
  });
  return set;
}
const results = (set: Buffer): number[] =>
  Array.from({ length: set.length / 8 }, (_, index) => set.readUInt16LE(index * 8 + 6));

/** An fd_set. */
const fdSet = (...fds: number[]): BigUint64Array => {
  const set = new BigUint64Array(16);
  for (const fd of fds) set[fd >> 6] = (set[fd >> 6] ?? 0n) | (1n << BigInt(fd & 63));
  return set;
};

onBoth('poll: many descriptors, negative ones, bad ones, files', (t, system) => {
  const [reader, writer] = system.pipe();
  const file = system.must('open', system.path('polled'), 0o102, 0o600);
  const set = pollSet(
    [reader, poll.in],
    [writer, poll.out],
    [-1, poll.in],
    [9999, poll.in],
    [file, poll.in | poll.out],
  );
  t.is(system.call('poll', set, 5, 0), 3);
  t.deepEqual(results(set), [0, poll.out, 0, poll.invalid, poll.in | poll.out]);
  t.is(system.call('poll', 16, 1, 0), 'EFAULT');
  t.is(system.call('poll', null, 0, 0), 0);
  system.close(reader, writer, file);
});

onBoth('select: sets in, sets out', (t, system) => {
  const [reader, writer] = system.pipe();
  const limit = Math.max(reader, writer) + 1;
  const [reads, writes] = [fdSet(reader), fdSet(writer)];
  const zero = new BigUint64Array(2);
  t.is(system.call('select', limit, reads, writes, null, zero), 1);
  t.deepEqual([reads, writes], [fdSet(), fdSet(writer)]);
  system.close(writer);
  const again = fdSet(reader);
  t.is(system.call('select', limit, again, null, null, zero), 1);
  t.is(system.call('select', limit, fdSet(writer), null, null, zero), 'EBADF');
  t.is(system.call('select', -1, null, null, null, zero), 'EINVAL');
  t.is(
    system.call('select', 0, null, null, null, new BigUint64Array([0n, 2n ** 64n - 1n])),
    'EINVAL',
  );
  system.close(reader);
});

test.serial('poll sleeps until one of its files is ready', async (t) => {
  const events = [ours.eventfd(), ours.eventfd(), ours.eventfd()];
  const set = pollSet(...events.map((fd): [number, number] => [fd, poll.in]));
  const polling = callAsync('poll', set, 3, -1);
  await sleepers(1);
  ours.write(events[1] as number, one);
  t.is(await polling, 1);
  t.deepEqual(results(set), [0, poll.in, 0]);
  ours.close(...events);
});

test.serial('time-outs are exact, and ppoll writes back the time left', async (t) => {
  const event = ours.eventfd();
  const set = pollSet([event, poll.in]);
  const polling = callAsync('poll', set, 1, 3);
  await sleepers(1);
  host.advance(2_999_999);
  t.is(host.state().sleepers, 1);
  host.advance(1);
  t.is(await polling, 0);

  const timeout = new BigUint64Array([1n, 500_000_000n]);
  const timed = callAsync('ppoll', set, 1, timeout, null, 8);
  await sleepers(1);
  host.advance(1_000_000_000);
  ours.write(event, one);
  t.is(await timed, 1);
  t.deepEqual([...timeout], [0n, 500_000_000n]);
  ours.close(event);
});

test.serial('signals interrupt poll and select; they are never restarted', async (t) => {
  const event = ours.eventfd();
  const calls: [string, ...(number | null | Buffer | BigUint64Array)[]][] = [
    ['poll', pollSet([event, poll.in]), 1, -1],
    ['ppoll', pollSet([event, poll.in]), 1, null, new BigUint64Array([0n]), 8],
    ['select', event + 1, fdSet(event), null, null, null],
    ['pselect6', event + 1, fdSet(event), null, null, null, null],
  ];
  for (const [name, ...words] of calls) {
    const waiting = callAsync(name, ...words);
    await sleepers(1);
    host.sendSignal(10, 0, 0);
    t.is(await waiting, 'EINTR', name);
    host.clearSignals();
  }
  ours.close(event);
});

test.serial('pselect6 takes its mask as a pointer and a size', async (t) => {
  const event = ours.eventfd();
  const mask = new BigUint64Array([1n << 9n]);
  const sized = new BigUint64Array([host.address(mask), 8n]);
  const waiting = callAsync('pselect6', event + 1, fdSet(event), null, null, null, sized);
  await sleepers(1);
  host.sendSignal(10, 0, 0);
  ours.write(event, one);
  t.is(await waiting, 1);
  host.clearSignals();
  t.is(mask.length, 1);
  const wrong = new BigUint64Array([host.address(mask), 4n]);
  t.is(ours.call('pselect6', 0, null, null, null, null, wrong), 'EINVAL');
  ours.close(event);
});

test.serial('an epoll instance wakes poll', async (t) => {
  const instance = ours.epoll();
  const event = ours.eventfd();
  ours.control(instance, 1, event, poll.in);
  const set = pollSet([instance, poll.in]);
  const polling = callAsync('poll', set, 1, -1);
  await sleepers(1);
  ours.write(event, one);
  t.is(await polling, 1);
  t.deepEqual(results(set), [poll.in]);
  ours.close(event, instance);
});
