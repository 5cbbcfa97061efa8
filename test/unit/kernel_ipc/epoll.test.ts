// epoll(7): triggers, nesting, descriptors that close, waiting.
import test from 'ava';
import { callAsync, epoll, host, onBoth, ours, poll, sleepers } from './system.ts';

onBoth('level-triggered: reported until it is no longer true', (t, system) => {
  const instance = system.epoll();
  const event = system.eventfd();
  t.is(system.control(instance, epoll.add, event, poll.in, 77), 0);
  t.deepEqual(system.wait(instance), []);
  system.write(event, new Uint8Array(new BigUint64Array([1n]).buffer));
  t.deepEqual(system.wait(instance), [[77, poll.in]]);
  t.deepEqual(system.wait(instance), [[77, poll.in]]);
  system.read(event, 8);
  t.deepEqual(system.wait(instance), []);
  system.close(event, instance);
});

onBoth('edge-triggered: once for each change', (t, system) => {
  const instance = system.epoll();
  const [reader, writer] = system.pipe();
  system.control(instance, epoll.add, reader, poll.in | epoll.edge);
  system.write(writer, 'a');
  t.deepEqual(system.wait(instance), [[reader, poll.in]]);
  t.deepEqual(system.wait(instance), []);
  system.write(writer, 'b');
  t.deepEqual(system.wait(instance), [[reader, poll.in]]);
  system.read(reader);
  t.deepEqual(system.wait(instance), []);
  system.control(instance, epoll.modify, reader, poll.in | epoll.edge);
  t.deepEqual(system.wait(instance), []);
  system.close(reader, writer, instance);
});

onBoth('one-shot: disabled after a report until it is modified', (t, system) => {
  const instance = system.epoll();
  const [reader, writer] = system.pipe();
  system.control(instance, epoll.add, reader, poll.in | epoll.oneShot);
  system.write(writer, 'a');
  t.deepEqual(system.wait(instance), [[reader, poll.in]]);
  system.write(writer, 'b');
  t.deepEqual(system.wait(instance), []);
  system.control(instance, epoll.modify, reader, poll.in | epoll.oneShot);
  t.deepEqual(system.wait(instance), [[reader, poll.in]]);
  system.close(reader, writer, instance);
});

onBoth('errors of epoll_ctl', (t, system) => {
  const instance = system.epoll();
  const event = system.eventfd();
  const file = system.must('open', system.path('epoll-file'), 0o102, 0o600);
  t.is(system.control(instance, epoll.add, file, poll.in), 'EPERM');
  t.is(system.control(instance, epoll.modify, event, poll.in), 'ENOENT');
  t.is(system.control(instance, epoll.remove, event), 'ENOENT');
  t.is(system.control(instance, epoll.add, event, poll.in), 0);
  t.is(system.control(instance, epoll.add, event, poll.in), 'EEXIST');
  t.is(system.control(instance, 9, event, poll.in), 'EINVAL');
  t.is(system.control(instance, epoll.add, instance, poll.in), 'EINVAL');
  t.is(system.control(event, epoll.add, instance, poll.in), 'EINVAL');
  t.is(system.control(instance, epoll.add, 9999, poll.in), 'EBADF');
  t.is(system.control(9999, epoll.add, event, poll.in), 'EBADF');
  t.is(system.call('epoll_ctl', instance, epoll.modify, event, 16), 'EFAULT');
  t.is(system.call('epoll_create', 0), 'EINVAL');
  t.is(system.call('epoll_create1', 1), 'EINVAL');
  t.is(system.call('epoll_wait', instance, Buffer.alloc(12), 0, 0), 'EINVAL');
  t.is(system.call('epoll_wait', event, Buffer.alloc(12), 1, 0), 'EINVAL');
  system.close(file, event, instance);
});

onBoth('exclusive registrations take few flags and cannot be changed', (t, system) => {
  const instance = system.epoll();
  const inner = system.epoll();
  const event = system.eventfd();
  const exclusive = poll.in | epoll.exclusive;
  t.is(system.control(instance, epoll.add, event, exclusive | epoll.oneShot), 'EINVAL');
  t.is(system.control(instance, epoll.add, inner, exclusive), 'EINVAL');
  t.is(system.control(instance, epoll.add, event, exclusive), 0);
  t.is(system.control(instance, epoll.modify, event, poll.in), 'EINVAL');
  system.write(event, new Uint8Array(new BigUint64Array([1n]).buffer));
  t.deepEqual(system.wait(instance), [[event, poll.in]]);
  system.close(event, inner, instance);
});

onBoth('a closed descriptor stays watched until its last duplicate closes', (t, system) => {
  const instance = system.epoll();
  const [reader, writer] = system.pipe();
  const duplicate = system.must('dup', reader);
  system.control(instance, epoll.add, reader, poll.in, 5);
  system.close(reader);
  system.write(writer, 'x');
  t.deepEqual(system.wait(instance), [[5, poll.in]]);
  t.is(system.control(instance, epoll.remove, duplicate), 'ENOENT');
  system.close(duplicate);
  t.deepEqual(system.wait(instance), []);
  system.close(writer, instance);
});

onBoth('a reused descriptor number is a new registration', (t, system) => {
  const instance = system.epoll();
  const first = system.eventfd(1);
  const duplicate = system.must('dup', first);
  system.control(instance, epoll.add, first, poll.in, 1);
  system.close(first);
  const second = system.eventfd(1);
  t.is(second, first);
  t.is(system.control(instance, epoll.add, second, poll.in, 2), 0);
  t.deepEqual(system.wait(instance).sort(), [
    [1, poll.in],
    [2, poll.in],
  ]);
  system.close(duplicate, second, instance);
});

onBoth('a failed read of a half-closed pipe reports hang-up unasked', (t, system) => {
  const instance = system.epoll();
  const [reader, writer] = system.pipe();
  system.control(instance, epoll.add, reader, 0);
  system.control(instance, epoll.add, writer, 0);
  t.deepEqual(system.wait(instance), []);
  system.close(reader);
  t.deepEqual(system.wait(instance), [[writer, poll.error]]);
  system.close(writer, instance);
});

onBoth('events rotate when there are more than fit', (t, system) => {
  const instance = system.epoll();
  const events = [1, 2, 3].map(() => system.eventfd(1));
  for (const event of events) system.control(instance, epoll.add, event, poll.in);
  const seen = [0, 1, 2].map(() => system.wait(instance, 1)[0]?.[0]);
  t.deepEqual(seen, events);
  system.close(...events, instance);
});

onBoth('an instance is itself pollable, and nests', (t, system) => {
  const inner = system.epoll();
  const outer = system.epoll();
  const [reader, writer] = system.pipe();
  system.control(inner, epoll.add, reader, poll.in);
  t.is(system.control(outer, epoll.add, inner, poll.in, 9), 0);
  t.is(system.poll(inner), 0);
  t.deepEqual(system.wait(outer), []);
  system.write(writer, 'x');
  t.is(system.poll(inner), poll.in);
  t.deepEqual(system.wait(outer), [[9, poll.in]]);
  t.deepEqual(system.wait(inner), [[reader, poll.in]]);
  system.read(reader);
  t.deepEqual(system.wait(outer), []);
  t.is(system.poll(inner), 0);
  system.close(inner);
  system.write(writer, 'y');
  t.deepEqual(system.wait(outer), []);
  system.close(reader, writer, outer);
});

onBoth('an edge-triggered nested instance reports each change', (t, system) => {
  const inner = system.epoll();
  const outer = system.epoll();
  const event = system.eventfd();
  const one = new Uint8Array(new BigUint64Array([1n]).buffer);
  system.control(inner, epoll.add, event, poll.in);
  system.control(outer, epoll.add, inner, poll.in | epoll.edge, 9);
  system.write(event, one);
  t.deepEqual(system.wait(outer), [[9, poll.in]]);
  t.deepEqual(system.wait(outer), []);
  system.write(event, one);
  t.deepEqual(system.wait(outer), [[9, poll.in]]);
  system.close(event, inner, outer);
});

onBoth('instances cannot watch one another', (t, system) => {
  const [a, b, c] = [system.epoll(), system.epoll(), system.epoll()];
  t.is(system.control(a, epoll.add, b, poll.in), 0);
  t.is(system.control(b, epoll.add, c, poll.in), 0);
  t.is(system.control(c, epoll.add, a, poll.in), 'ELOOP');
  t.is(system.control(b, epoll.add, a, poll.in), 'ELOOP');
  system.close(b);
  t.is(system.control(c, epoll.add, a, poll.in), 0);
  system.close(a, c);
});

onBoth('a chain of instances has a limit', (t, system) => {
  const chain = Array.from({ length: 8 }, () => system.epoll());
  const outcomes = chain.slice(1).map((outer, index) => {
    return system.control(outer, epoll.add, chain[index] as number, poll.in);
  });
  t.deepEqual(outcomes, [0, 0, 0, 0, 'ELOOP', 0, 0]);
  system.close(...chain);
});

test.serial('an unwritable event array loses no event', (t) => {
  const instance = ours.epoll();
  const event = ours.eventfd(1);
  ours.control(instance, epoll.add, event, poll.in | epoll.edge, 3);
  t.is(ours.call('epoll_wait', instance, 16, 4, 0), 'EFAULT');
  t.deepEqual(ours.wait(instance), [[3, poll.in]]);
  ours.close(event, instance);
});

test.serial('a waiter sleeps until an event, the deadline or a signal', async (t) => {
  const instance = ours.epoll();
  const [reader, writer] = ours.pipe();
  ours.control(instance, epoll.add, reader, poll.in, 4);
  const events = Buffer.alloc(12);

  const woken = callAsync('epoll_wait', instance, events, 1, -1);
  await sleepers(1);
  ours.write(writer, 'x');
  t.is(await woken, 1);
  t.is(events.readUInt32LE(0), poll.in);
  ours.read(reader);

  const late = callAsync('epoll_wait', instance, events, 1, 50);
  await sleepers(1);
  host.advance(49_999_999);
  t.is(host.state().sleepers, 1);
  host.advance(1);
  t.is(await late, 0);

  const interrupted = callAsync('epoll_wait', instance, events, 1, -1);
  await sleepers(1);
  host.sendSignal(10, 0, 0);
  t.is(await interrupted, 'EINTR');
  host.clearSignals();
  ours.close(reader, writer, instance);
});

test.serial(
  'epoll_pwait blocks signals while it waits, and leaves the rest to the handler',
  async (t) => {
    const instance = ours.epoll();
    const event = ours.eventfd();
    ours.control(instance, epoll.add, event, poll.in);
    const events = Buffer.alloc(12);
    const left = host.state().masksLeftToHandlers;

    const blocked = callAsync(
      'epoll_pwait',
      instance,
      events,
      1,
      -1,
      new BigUint64Array([1n << 9n]),
      8,
    );
    await sleepers(1);
    host.sendSignal(10, 0, 0);
    ours.write(event, new Uint8Array(new BigUint64Array([1n]).buffer));
    t.is(await blocked, 1);
    t.is(host.state().masksLeftToHandlers, left);

    ours.read(event, 8);
    t.is(
      await callAsync('epoll_pwait', instance, events, 1, -1, new BigUint64Array([0n]), 8),
      'EINTR',
    );
    t.is(host.state().masksLeftToHandlers, left + 1);
    host.clearSignals();
    t.is(ours.call('epoll_pwait', instance, events, 1, 0, new BigUint64Array([0n]), 4), 'EINVAL');
    const timeout = new BigUint64Array([0n, 1_000_000_000n]);
    t.is(ours.call('epoll_pwait2', instance, events, 1, timeout, null, 8), 'EINVAL');
    ours.close(event, instance);
  },
);

test.serial('closing the last reference while a thread waits wakes nobody wrongly', async (t) => {
  const instance = ours.epoll();
  const [reader, writer] = ours.pipe();
  ours.control(instance, epoll.add, reader, poll.in);
  const events = Buffer.alloc(12);
  const waiting = callAsync('epoll_wait', instance, events, 1, -1);
  await sleepers(1);
  ours.close(reader, writer);
  const event = ours.eventfd(1);
  ours.control(instance, epoll.add, event, poll.in, 8);
  t.is(await waiting, 1);
  t.is(events.readBigUInt64LE(4), 8n);
  ours.close(event, instance);
});

test.serial('many threads, many changes: no wake-up is lost', async (t) => {
  const instance = ours.epoll();
  const event = ours.eventfd();
  ours.control(instance, epoll.add, event, poll.in | epoll.edge);
  const one = new Uint8Array(new BigUint64Array([1n]).buffer);
  let reported = 0;
  for (let round = 0; round < 300; round += 1) {
    const events = Buffer.alloc(12);
    const waiting = callAsync('epoll_wait', instance, events, 1, -1);
    ours.write(event, one);
    reported += Number(await waiting);
  }
  t.is(reported, 300);
  ours.close(event, instance);
});
