// The service's life: sockets before it, through its end, and in the next life; and a service that writes
// nonsense into the shared memory.
import test from 'ava';
import {
  abi,
  call,
  callAsync,
  closeAndRelease,
  connected,
  datagram,
  getOption,
  host,
  inet,
  inet6,
  listening,
  loopback,
  mapped,
  must,
  nameOf,
  nonBlocking,
  offer,
  poll,
  read,
  readiness,
  Service,
  setOption,
  sleepers,
  socketAddress,
  stream,
  write,
} from './kernel_broker/service.ts';

const { socketBlock: block } = abi;
const everything = 0xffff;

/** What was asked, as short texts. */
const summary = (service: Service, from = 0) =>
  service.asked
    .slice(from)
    .map(({ operation, value0, value1, port }) =>
      operation === abi.requestSetOption
        ? `option ${value0}/${value1}`
        : `${['', 'bind', 'connect', 'listen'][operation] ?? operation} ${port || value0}`,
    );

test.serial(
  'before there is a service: options are kept, requests wait, signals interrupt',
  async (t) => {
    const fd = must('socket', inet, stream, 0);
    t.is(setOption(fd, 6, 1, 1), 0); // TCP_NODELAY
    t.is(setOption(fd, 6, 4, 600), 0); // TCP_KEEPIDLE
    t.is(setOption(fd, 6, 1, 0), 0);
    t.is(setOption(fd, 6, 1, 1), 0);
    t.deepEqual(getOption(fd, 6, 4), [600]);
    const address = loopback(4242);
    let bound = callAsync('bind', fd, address, 16);
    await sleepers(1);
    host.sendSignal(10, 0, 0);
    t.is(await bound, 'restart');
    host.clearSignals();
    bound = callAsync('bind', fd, address, 16);
    await sleepers(1);
    const service = new Service();
    t.is(await service.until(bound), 0);
    t.deepEqual(summary(service), ['option 6/4', 'option 6/1', 'bind 4242']);
    t.is(nameOf('getsockname', fd), '127.0.0.1:4242');
    closeAndRelease(service, fd, service.newest());
    service.end();
  },
);

test.serial('a second service is refused while one runs', (t) => {
  const service = new Service();
  t.is(host.attach(), -16);
  const epoch = service.words[abi.sharedPage.epoch >> 2] as number;
  service.end();
  const next = new Service();
  t.is(next.words[abi.sharedPage.epoch >> 2], epoch + 1);
  next.end();
  next.end();
});

test.serial('connections end with ECONNRESET, whoever waits hears of it', async (t) => {
  const service = new Service();
  const reader = await connected(service);
  const writer = await connected(service, nonBlocking);
  const connecting = must('socket', inet, stream | nonBlocking, 0);
  t.is(await service.serve('connect', connecting, loopback(9), 16), 'EINPROGRESS');
  const buffer = Buffer.alloc(10);
  const done = callAsync('read', reader.fd, buffer, 10);
  await sleepers(1);
  service.deliver(writer.id, 'lost');
  const pages = host.statistics().pages;
  const lost = host.statistics().lostConnections;
  service.end();
  t.is(await done, 'ECONNRESET');
  t.is(read(reader.fd), '');
  t.true(host.statistics().pages < pages);
  t.is(host.statistics().lostConnections, lost + 3);
  t.is(
    readiness(writer.fd, everything),
    poll.in | poll.out | poll.error | poll.hangUp | poll.readHangUp,
  );
  t.is(write(writer.fd, 'x'), 'ECONNRESET');
  t.is(call('sendto', writer.fd, Buffer.from('x'), 1, 0x4000, null, 0), 'EPIPE');
  t.is(call('connect', connecting, loopback(9), 16), 'ECONNRESET');
  // Such a socket can connect anew, once there is a service.
  const again = callAsync('connect', connecting, loopback(10), 16);
  await sleepers(1);
  const next = new Service();
  t.is(await next.until(again), 'EINPROGRESS');
  for (const fd of [reader.fd, writer.fd]) must('close', fd);
  t.deepEqual(next.take(), []); // the new life never hears of those
  closeAndRelease(next, connecting, next.newest());
  t.is(host.statistics().sockets, 0);
  next.end();
});

test.serial('listeners and bound sockets come back, with all that made them', async (t) => {
  const service = new Service();
  const listener = await listening(service, nonBlocking, 0);
  const port = nameOf('getsockname', listener.fd).split(':')[1];
  t.is(setOption(listener.fd, 6, 1, 1), 0);
  service.turn();
  offer(service, listener.id);
  host.accept(listener.id);
  const udp = must('socket', inet, datagram | nonBlocking, 0);
  t.is(setOption(udp, 1, 2, 1), 0); // SO_REUSEADDR
  t.is(await service.serve('bind', udp, socketAddress([0, 0, 0, 0], 5353), 16), 0);
  const group = Buffer.from([224, 0, 0, 251, 0, 0, 0, 0]);
  const other = Buffer.from([224, 0, 0, 252, 0, 0, 0, 0]);
  for (const which of [group, other]) {
    t.is(await service.serve('setsockopt', udp, 0, 35, which, 8), 0);
  }
  t.is(await service.serve('setsockopt', udp, 0, 36, other, 8), 0); // leaves again
  t.is(setOption(udp, 0, 33, 4), 0); // IP_MULTICAST_TTL
  service.turn();
  const auto = must('socket', inet, datagram | nonBlocking, 0);
  t.is(await service.serve('connect', auto, loopback(53), 16), 0);
  service.end();
  t.deepEqual(getOption(listener.fd, 1, 30), [1]);
  t.is(call('accept4', listener.fd, null, null, 0), 'EAGAIN'); // what nobody accepted is gone
  t.is(host.statistics().sockets, 3);

  const next = new Service();
  for (let round = 0; round < 8; round++) next.turn();
  const of = (id: number) =>
    next.asked
      .filter((asked) => asked.id === id)
      .map(({ operation, value0, value1, port, data }) =>
        [operation, value0, value1, port, data.toString('hex')].join(' '),
      );
  t.deepEqual(of(listener.id), [`1 0 0 ${port} `, '3 16 0 0 ', '4 6 1 0 01000000']);
  t.deepEqual(
    next.asked.filter(({ port }) => port === 5353).map(({ value0 }) => value0),
    [abi.bindReuseAddress],
  );
  const udpId = next.asked.find((asked) => asked.port === 5353)?.id as number;
  t.deepEqual(of(udpId).slice(1), [`4 0 35 0 ${group.toString('hex')}`, '4 0 33 0 04000000']);
  t.deepEqual(
    next.asked
      .filter(({ id }) => id !== udpId && id !== listener.id)
      .map(({ operation }) => operation),
    [abi.requestBind, abi.requestConnect],
  );
  const child = offer(next, listener.id);
  const fd = must('accept4', listener.fd, null, null, 0);
  closeAndRelease(next, fd, child);
  next.deliverDatagram(udpId, 'still here', { address: mapped(1, 2, 3, 4), port: 5 });
  t.is(read(udp), 'still here');
  closeAndRelease(next, listener.fd, listener.id);
  closeAndRelease(next, udp, udpId);
  const autoId = next.asked.find(({ operation }) => operation === abi.requestConnect)?.id as number;
  t.is(nameOf('getpeername', auto), '127.0.0.1:53');
  closeAndRelease(next, auto, autoId);
  t.is(host.statistics().sockets, 0);
  next.end();
});

test.serial("what the next life refuses shows as the socket's error", async (t) => {
  const service = new Service();
  const listener = await listening(service, nonBlocking);
  service.end();
  const failures = host.statistics().failedReplays;
  const next = new Service();
  next.answer = () => 98;
  for (let round = 0; round < 4; round++) next.turn();
  t.is(host.statistics().failedReplays, failures + 2);
  t.deepEqual(getOption(listener.fd, 1, 4), [98]);
  closeAndRelease(next, listener.fd, listener.id);
  next.end();
});

test.serial('a request that its service does not live to answer is asked again', async (t) => {
  const service = new Service();
  service.answer = () => undefined;
  const fd = must('socket', inet, stream, 0);
  const bound = callAsync('bind', fd, loopback(77), 16);
  while (service.asked.length === 0) {
    service.turn();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await sleepers(1);
  service.end();
  await new Promise((resolve) => setTimeout(resolve, 5));
  t.is(host.state().sleepers, 1);
  const next = new Service();
  t.is(await next.until(bound), 0);
  t.deepEqual(summary(next), ['bind 77']);
  closeAndRelease(next, fd, next.newest());
  next.end();
});

test.serial('sockets that were closed when the service ended are gone', async (t) => {
  const service = new Service();
  const { fd } = await connected(service);
  write(fd, 'unsent');
  must('close', fd);
  service.end();
  t.is(host.statistics().sockets, 0);
});

test.serial('without a service for good: ENETDOWN, also for those who wait', async (t) => {
  const fd = must('socket', inet, stream, 0);
  const bound = callAsync('bind', fd, loopback(0), 16);
  await sleepers(1);
  host.noService();
  t.is(await bound, 'ENETDOWN');
  t.is(call('connect', fd, loopback(1), 16), 'ENETDOWN');
  t.is(call('listen', fd, 1), 'ENETDOWN');
  const udp = must('socket', inet6, datagram, 0);
  t.is(
    call('sendto', udp, Buffer.from('x'), 1, 0, socketAddress(new Array(16).fill(1), 5), 28),
    'ENETDOWN',
  );
  must('close', fd);
  must('close', udp);
  const service = new Service(); // takes it back
  service.end();
});

// --- A service that is wrong ----------------------------------------------------------------------

test.serial('indices that make no sense end that socket with EIO', async (t) => {
  const service = new Service();
  const quiet = await connected(service, nonBlocking);
  const attacks: [string, (id: number) => void, (fd: number) => unknown][] = [
    ['receive_head without a ring', (id) => service.set(id, block.receiveHead, 500), read],
    [
      'receive_head beyond the ring',
      (id) => {
        service.deliver(id, 'abc');
        service.set(id, block.receiveHead, 100000);
      },
      read,
    ],
    ['receive_head behind the tail', (id) => service.set(id, block.receiveHead, -1), read],
    [
      'send_tail beyond send_head',
      (id) => service.set(id, block.sendTail, 1),
      (fd) => write(fd, 'x'),
    ],
  ];
  for (const [name, attack, use] of attacks) {
    const bad = host.statistics().badIndices;
    const { fd, id } = await connected(service, nonBlocking);
    attack(id);
    t.is(use(fd), 'EIO', name);
    t.is(host.statistics().badIndices, bad + 1, name);
    t.is(service.get(id, block.kernelFlags) & 17, abi.kernelFlagClosed | abi.kernelFlagReset);
    t.truthy(readiness(fd, everything) & poll.hangUp);
    service.take();
    host.release(id);
    must('close', fd);
  }
  service.deliver(quiet.id, 'unharmed');
  t.is(read(quiet.fd), 'unharmed');
  closeAndRelease(service, quiet.fd, quiet.id);
  t.is(host.statistics().sockets, 0);
  service.end();
});

test.serial('records that make no sense', async (t) => {
  const service = new Service();
  const from = { address: mapped(10, 0, 2, 2), port: 53 };
  for (const length of [100000, 5000, 0xfffffffe, 17]) {
    const fd = must('socket', inet, datagram | nonBlocking, 0);
    await service.serve('bind', fd, loopback(0), 16);
    const id = service.newest();
    service.deliverDatagram(id, 'short', { ...from, length });
    t.is(read(fd), 'EIO', String(length));
    service.take();
    host.release(id);
    must('close', fd);
  }
  const fd = must('socket', inet, datagram | nonBlocking, 0);
  await service.serve('bind', fd, loopback(0), 16);
  const id = service.newest();
  service.deliverDatagram(id, 'x', from);
  service.bytes.writeUInt32LE(abi.datagramWrap, service.get(id, block.receiveOffset));
  t.is(read(fd), 'EIO');
  service.take();
  host.release(id);
  must('close', fd);
  service.end();
});

test.serial(
  'attention lists with circles and wild ids, calls about sockets that are none',
  async (t) => {
    const service = new Service();
    const { fd, id } = await connected(service, nonBlocking);
    const head = abi.sharedPage.kernelAttention >> 2;
    service.set(id, block.kernelNext, id);
    Atomics.store(service.words, head, id);
    t.true(host.notify() > 0);
    for (const wild of [0x7fffffff, 65535, 60000, -1]) {
      Atomics.store(service.words, head, wild);
      t.is(host.notify(), 0);
    }
    t.is(host.accept(id), -22);
    t.is(host.accept(0), -22);
    t.is(host.resize(9999, 0, 4096), -22);
    t.is(host.resize(id, 2, 4096), -22);
    t.is(host.resize(id, 0, 1 << 30), -22);
    const bad = host.statistics().badCalls;
    host.release(id); // it is open
    host.release(4711);
    host.free(0x4000000);
    host.free(3);
    t.is(host.statistics().badCalls, bad + 4);
    service.fail(id, 0x7fffffff);
    t.is(read(fd), 'EIO');
    service.set(id, block.replySequence, 12345);
    service.push(id);
    closeAndRelease(service, fd, id);
    service.end();
  },
);

test.serial('an id rests while a list leads through its block', async (t) => {
  const service = new Service();
  const { fd, id } = await connected(service, nonBlocking);
  must('close', fd);
  // The service releases it before it takes its list: the block is still in it.
  host.release(id);
  const second = must('socket', inet, stream, 0);
  const bound = service.serve('bind', second, loopback(0), 16);
  t.is(await bound, 0);
  t.not(service.newest(), id);
  closeAndRelease(service, second, service.newest());
  service.end();
  t.is(host.statistics().sockets, 0);
});
