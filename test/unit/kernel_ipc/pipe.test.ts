// pipe(7): capacity, atomicity, end of file, poll bits.
import test from 'ava';
import { callAsync, host, onBoth, open, ours, poll, sleepers } from './system.ts';

const capacity = 65536;
const atomic = 4096;
const readable = poll.in | poll.readNormal;
const writable = poll.out | poll.writeNormal;
const everything = readable | writable | poll.readHangUp;

onBoth('bytes come out in order, and nothing else', (t, system) => {
  const [reader, writer] = system.pipe();
  t.is(system.tryRead(reader), 'EAGAIN');
  t.is(system.write(writer, 'hello '), 6);
  t.is(system.write(writer, 'pipe'), 4);
  t.is(system.read(reader, 3), 'hel');
  t.is(system.read(reader), 'lo pipe');
  t.is(system.tryRead(reader), 'EAGAIN');
  system.close(reader, writer);
});

onBoth('holds 64 KiB, and a big write to a full pipe is split', (t, system) => {
  const [reader, writer] = system.pipe();
  t.is(system.write(writer, new Uint8Array(2 * capacity)), capacity);
  t.is(system.write(writer, 'x'), 'EAGAIN');
  t.is(system.poll(writer), 0);
  t.is(system.read(reader, atomic).length, atomic);
  t.is(system.poll(writer), poll.out);
  t.is(system.write(writer, new Uint8Array(2 * atomic)), atomic);
  system.close(reader, writer);
});

test.serial('a write of at most PIPE_BUF goes in whole or not at all', (t) => {
  const [reader, writer] = ours.pipe();
  ours.write(writer, new Uint8Array(capacity));
  ours.read(reader, 100);
  t.is(ours.write(writer, new Uint8Array(101)), 'EAGAIN');
  t.is(ours.write(writer, new Uint8Array(100)), 100);
  t.is(ours.write(writer, 'x'), 'EAGAIN');
  ours.close(reader, writer);
});

onBoth('a reader sees the end once the last writer is gone', (t, system) => {
  const [reader, writer] = system.pipe();
  const second = system.must('dup', writer);
  system.write(writer, 'rest');
  system.close(writer);
  t.is(system.poll(reader, everything), readable);
  system.close(second);
  t.is(system.poll(reader, everything), readable | poll.hangUp);
  t.is(system.read(reader), 'rest');
  t.is(system.tryRead(reader), 0);
  t.is(system.poll(reader, everything), poll.hangUp);
  system.close(reader);
});

onBoth('a writer without readers gets EPIPE', (t, system) => {
  const before = host.state().brokenPipes;
  const [reader, writer] = system.pipe();
  system.close(reader);
  t.is(system.poll(writer, everything), writable | poll.error);
  t.is(system.write(writer, 'lost'), 'EPIPE');
  if (system === ours) t.is(host.state().brokenPipes, before + 1);
  system.close(writer);
});

onBoth('ends refuse the wrong direction, and flags are checked', (t, system) => {
  const [reader, writer] = system.pipe();
  t.is(system.write(reader, 'x'), 'EBADF');
  t.is(system.tryRead(writer), 'EBADF');
  t.is(system.call('pipe2', new Int32Array(2), 1), 'EINVAL');
  t.is(system.call('pipe2', 16, 0), 'EFAULT');
  t.is(system.call('lseek', reader, 0, 0), 'ESPIPE');
  system.close(reader, writer);
});

onBoth('FIONREAD and the size commands of fcntl', (t, system) => {
  const [reader, writer] = system.pipe();
  system.write(writer, '12345');
  const count = new Int32Array(1);
  t.is(system.call('ioctl', reader, 0x541b, count), 0);
  t.is(count[0], 5);
  t.is(system.call('fcntl', writer, 1032, 0), capacity);
  t.is(system.call('fcntl', writer, 1031, 5000), 8192);
  t.is(system.call('fcntl', writer, 1032, 0), 8192);
  t.is(system.read(reader), '12345');
  t.is(system.write(writer, new Uint8Array(capacity)), 8192);
  t.is(system.call('fcntl', writer, 1031, 4096), 'EBUSY');
  system.close(reader, writer);
});

test.serial('memory is taken as bytes arrive and given back as they leave', (t) => {
  const before = host.state().frames;
  const [reader, writer] = ours.pipe();
  t.is(host.state().frames, before);
  ours.write(writer, new Uint8Array(capacity));
  t.is(host.state().frames, before + 16);
  ours.read(reader, capacity - 1);
  t.is(host.state().frames, before + 1);
  ours.close(reader, writer);
  t.is(host.state().frames, before);
});

test.serial('bytes survive wrapping around at every offset', (t) => {
  const [reader, writer] = ours.pipe();
  let next = 0;
  let expected = 0;
  for (let round = 0; round < 300; round += 1) {
    const block = Uint8Array.from({ length: 1 + ((round * 7919) % 30000) }, () => next++ % 251);
    const written = ours.write(writer, block);
    if (typeof written === 'number') next -= block.length - written;
    else next -= block.length;
    const wanted = 1 + ((round * 104729) % 30000);
    const buffer = new Uint8Array(wanted);
    const count = ours.call('read', reader, buffer, wanted);
    for (const byte of buffer.subarray(0, Number(count))) {
      if (byte !== expected++ % 251) t.fail(`byte ${expected - 1} is ${byte}`);
    }
  }
  t.true(expected > 1e6);
  ours.close(reader, writer);
});

test.serial('without memory nothing goes in', (t) => {
  const [reader, writer] = ours.pipe();
  host.limitFrames(0);
  t.is(ours.write(writer, 'x'), 'ENOMEM');
  host.limitFrames(-1);
  t.is(ours.write(writer, 'y'), 1);
  t.is(ours.read(reader), 'y');
  ours.close(reader, writer);
});

onBoth('a bad buffer moves nothing', (t, system) => {
  const [reader, writer] = system.pipe();
  t.is(system.call('write', writer, 16, 8), 'EFAULT');
  t.is(system.tryRead(reader), 'EAGAIN');
  system.write(writer, 'kept');
  t.is(system.call('read', reader, 16, 8), 'EFAULT');
  t.is(system.read(reader), 'kept');
  system.close(reader, writer);
});

test.serial('a reader sleeps until bytes, the end or a signal', async (t) => {
  const [reader, writer] = ours.pipe(0);
  const buffer = Buffer.alloc(10);
  const first = callAsync('read', reader, buffer, 10);
  await sleepers(1);
  ours.write(writer, 'wake');
  t.is(await first, 4);
  t.is(buffer.toString('latin1', 0, 4), 'wake');

  const interrupted = callAsync('read', reader, buffer, 10);
  await sleepers(1);
  host.sendSignal(10, 0, 0);
  t.is(await interrupted, 'restart');
  host.clearSignals();

  const last = callAsync('read', reader, buffer, 10);
  await sleepers(1);
  ours.close(writer);
  t.is(await last, 0);
  ours.close(reader);
});

test.serial('a writer sleeps until all of its bytes are in', async (t) => {
  const [reader, writer] = ours.pipe(0);
  const block = Buffer.alloc(3 * capacity, 'b');
  const written = callAsync('write', writer, block, block.length);
  let received = 0;
  while (received < block.length) received += ours.read(reader, capacity).length;
  t.is(await written, block.length);

  const abandoned = callAsync('write', writer, block, block.length);
  await sleepers(1);
  ours.close(reader);
  t.is(await abandoned, capacity);
  ours.close(writer);
});

test.serial('O_DIRECT packets are refused', (t) => {
  t.is(ours.call('pipe2', new Int32Array(2), open.direct), 'EINVAL');
});
