// TCP sockets as an app sees them: states, errors, blocking, readiness. tcp(7), connect(2), poll(2).
import test from 'ava';
import {
  abi,
  call,
  callAsync,
  closeAndRelease,
  connected,
  getOption,
  host,
  inet,
  inet6,
  listening,
  loopback,
  message,
  must,
  nameOf,
  nonBlocking,
  offer,
  poll,
  read,
  readiness,
  receive,
  Service,
  setOption,
  sleepers,
  socketAddress,
  stream,
  write,
} from './kernel_broker/service.ts';

const service = new Service();
const { socketBlock: block } = abi;
const everything = 0xffff;
const resetByPeer = 104;
const refused = 111;

test.afterEach(() => {
  host.clearSignals();
});

test.serial('kinds of sockets and what they say of themselves', (t) => {
  const fd = must('socket', inet, stream, 6);
  t.deepEqual(getOption(fd, 1, 3), [stream]); // SO_TYPE
  t.deepEqual(getOption(fd, 1, 38), [6]); // SO_PROTOCOL
  t.deepEqual(getOption(fd, 1, 39), [inet]); // SO_DOMAIN
  t.deepEqual(getOption(fd, 1, 30), [0]); // SO_ACCEPTCONN
  t.is(nameOf('getsockname', fd), '0.0.0.0:0');
  t.is(nameOf('getpeername', fd), 'ENOTCONN');
  t.is(readiness(fd), poll.out | poll.hangUp);
  must('close', fd);
  t.is(call('socket', inet, stream, 17), 'EPROTONOSUPPORT');
  t.is(call('socket', inet, 3, 0), 'ESOCKTNOSUPPORT');
  t.is(call('socketpair', inet, stream, 0, new Int32Array(2)), 'EOPNOTSUPP');
  t.is(host.statistics().sockets, 0);
});

test.serial('a socket that is not connected', (t) => {
  const fd = must('socket', inet, stream | nonBlocking, 0);
  t.is(read(fd), 'ENOTCONN');
  const pipes = host.state().brokenPipes;
  t.is(write(fd, 'x'), 'EPIPE');
  t.is(host.state().brokenPipes, pipes + 1);
  t.is(call('sendto', fd, Buffer.from('x'), 1, message.noSignal, null, 0), 'EPIPE');
  t.is(host.state().brokenPipes, pipes + 1);
  t.is(call('shutdown', fd, 1), 'ENOTCONN');
  t.is(call('accept4', fd, null, null, 0), 'EINVAL');
  t.is(call('connect', fd, loopback(80), 8), 'EINVAL');
  t.is(call('connect', fd, socketAddress(new Array(16).fill(0), 80), 28), 'EAFNOSUPPORT');
  must('close', fd);
});

test.serial('bind and getsockname; a second bind; errors of the service', async (t) => {
  const fd = must('socket', inet, stream, 0);
  const address = loopback(0);
  t.is(await service.serve('bind', fd, address, 16), 0);
  t.regex(nameOf('getsockname', fd), /^127\.0\.0\.1:4\d{4}$/);
  t.is(call('bind', fd, address, 16), 'EINVAL');
  const second = must('socket', inet, stream, 0);
  const { answer } = service;
  service.answer = () => 98;
  t.is(await service.serve('bind', second, address, 16), 'EADDRINUSE');
  service.answer = answer;
  t.is(await service.serve('bind', second, address, 16), 0);
  t.is(call('bind', second, address, 12), 'EINVAL');
  t.is(call('bind', second, socketAddress(new Array(16).fill(0), 0), 28), 'EAFNOSUPPORT');
  const ids = service.asked.slice(-3).map(({ id }) => id);
  closeAndRelease(service, fd, ids[0] as number);
  closeAndRelease(service, second, ids[2] as number);
});

test.serial('SO_REUSEADDR, SO_REUSEPORT and IPV6_V6ONLY go along with bind', async (t) => {
  const fd = must('socket', inet6, stream, 0);
  t.is(setOption(fd, 1, 2, 1), 0);
  t.is(setOption(fd, 1, 15, 7), 0);
  t.deepEqual(getOption(fd, 1, 15), [1]);
  t.is(setOption(fd, 41, 26, 1), 0);
  const any = socketAddress(new Array(16).fill(0), 4000);
  t.is(await service.serve('bind', fd, any, 28), 0);
  t.is(service.asked.at(-1)?.value0, abi.bindReuseAddress | abi.bindReusePort | abi.bindV6Only);
  t.is(setOption(fd, 41, 26, 0), 'EINVAL');
  t.is(nameOf('getsockname', fd), `[${'00'.repeat(16)}%0]:4000`);
  closeAndRelease(service, fd, service.newest());
});

test.serial('connect blocks until the handshake is over', async (t) => {
  const fd = must('socket', inet, stream, 0);
  const address = loopback(80);
  const done = callAsync('connect', fd, address, 16);
  while (service.turn().length === 0) await new Promise((resolve) => setImmediate(resolve));
  const id = service.newest();
  t.is(service.asked.at(-1)?.port, 80);
  await sleepers(1);
  t.is(readiness(fd, everything), 0);
  t.is(nameOf('getpeername', fd), 'ENOTCONN');
  service.flags(id, abi.serviceFlagConnected, abi.serviceFlagConnecting);
  t.is(await done, 0);
  t.is(readiness(fd, everything), poll.out);
  t.is(nameOf('getpeername', fd), '127.0.0.1:80');
  t.is(call('connect', fd, address, 16), 'EISCONN');
  t.is(call('listen', fd, 1), 'EINVAL');
  closeAndRelease(service, fd, id);
});

test.serial(
  'a connect that does not block: EINPROGRESS, EALREADY, EPOLLOUT, SO_ERROR',
  async (t) => {
    const fd = must('socket', inet, stream | nonBlocking, 0);
    const address = loopback(80);
    t.is(await service.serve('connect', fd, address, 16), 'EINPROGRESS');
    t.is(call('connect', fd, address, 16), 'EALREADY');
    t.is(read(fd), 'EAGAIN');
    t.is(write(fd, 'early'), 'EAGAIN');
    const ep = must('epoll_create1', 0);
    const record = Buffer.alloc(12);
    record.writeUInt32LE(poll.out + 2 ** 31, 0); // EPOLLET
    must('epoll_ctl', ep, 1, fd, record);
    t.is(call('epoll_wait', ep, Buffer.alloc(12), 1, 0), 0);
    const id = service.newest();
    service.flags(id, abi.serviceFlagConnected, abi.serviceFlagConnecting);
    t.is(call('epoll_wait', ep, record, 1, 0), 1);
    t.is(record.readUInt32LE(0), poll.out);
    t.is(call('epoll_wait', ep, record, 1, 0), 0);
    t.deepEqual(getOption(fd, 1, 4), [0]);
    t.is(call('connect', fd, address, 16), 0);
    t.is(call('connect', fd, address, 16), 'EISCONN');
    must('close', ep);
    closeAndRelease(service, fd, id);
  },
);

test.serial('a refused connection: bits, SO_ERROR once, and a new try', async (t) => {
  const fd = must('socket', inet, stream | nonBlocking, 0);
  const address = loopback(81);
  t.is(await service.serve('connect', fd, address, 16), 'EINPROGRESS');
  const id = service.newest();
  service.fail(id, refused);
  const all = poll.in | poll.out | poll.error | poll.hangUp | poll.readHangUp;
  t.is(readiness(fd, everything), all);
  t.deepEqual(getOption(fd, 1, 4), [refused]);
  t.deepEqual(getOption(fd, 1, 4), [0]);
  t.is(readiness(fd, everything), all & ~poll.error);
  t.is(call('connect', fd, address, 16), 'ECONNABORTED');
  service.flags(id, 0, abi.serviceFlagGone);
  t.is(await service.serve('connect', fd, address, 16), 'EINPROGRESS');
  service.fail(id, refused);
  t.is(call('connect', fd, address, 16), 'ECONNREFUSED');
  closeAndRelease(service, fd, id);
});

test.serial(
  'a blocking connect returns the error; one that the service refuses at once',
  async (t) => {
    const fd = must('socket', inet, stream, 0);
    const address = loopback(82);
    const done = callAsync('connect', fd, address, 16);
    while (service.turn().length === 0) await new Promise((resolve) => setImmediate(resolve));
    const id = service.newest();
    service.fail(id, refused);
    t.is(await done, 'ECONNREFUSED');
    const { answer } = service;
    service.answer = () => 101;
    t.is(await service.serve('connect', fd, address, 16), 'ENETUNREACH');
    service.answer = answer;
    t.is(call('connect', fd, socketAddress([224, 0, 0, 1], 1), 16), 'ENETUNREACH');
    closeAndRelease(service, fd, id);
  },
);

test.serial('SO_SNDTIMEO bounds connect, a signal interrupts it', async (t) => {
  const fd = must('socket', inet, stream, 0);
  must('setsockopt', fd, 1, 21, new BigUint64Array([1n, 0n]), 16);
  const address = loopback(83);
  const done = service.serve('connect', fd, address, 16);
  await sleepersWhileServing(1);
  host.advance(2e9);
  t.is(await done, 'EINPROGRESS');
  must('setsockopt', fd, 1, 21, new BigUint64Array([0n, 0n]), 16);
  const again = callAsync('connect', fd, address, 16);
  await sleepers(1);
  host.sendSignal(10, 0, 0);
  t.is(await again, 'restart');
  host.clearSignals();
  const third = callAsync('connect', fd, address, 16);
  await sleepers(1);
  const id = service.newest();
  service.flags(id, abi.serviceFlagConnected, abi.serviceFlagConnecting);
  t.is(await third, 0);
  closeAndRelease(service, fd, id);
});

async function sleepersWhileServing(count: number): Promise<void> {
  let quiet = 0;
  while (quiet < 3) {
    service.turn();
    await new Promise((resolve) => setImmediate(resolve));
    quiet = host.state().sleepers === count && service.asked.length > 0 ? quiet + 1 : 0;
  }
}

test.serial('a signal during a request: the call made again takes up the answer', async (t) => {
  const fd = must('socket', inet, stream, 0);
  const address = loopback(0);
  const { answer } = service;
  service.answer = () => undefined;
  const before = service.asked.length;
  const first = callAsync('bind', fd, address, 16);
  while (service.asked.length === before) {
    service.turn();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await sleepers(1);
  host.sendSignal(10, 0, 0);
  t.is(await first, 'restart');
  host.clearSignals();
  const id = service.newest();
  service.setAddress(
    id,
    block.localFamily,
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 1],
    777,
  );
  service.reply(id, 0);
  t.is(call('bind', fd, address, 16), 0);
  t.is(service.asked.length, before + 1);
  t.is(nameOf('getsockname', fd), '127.0.0.1:777');
  service.answer = answer;
  closeAndRelease(service, fd, id);
});

test.serial('bytes come in: read, peek, FIONREAD, end', async (t) => {
  const { fd, id } = await connected(service, nonBlocking);
  t.is(read(fd), 'EAGAIN');
  service.deliver(id, 'hello world');
  t.is(readiness(fd, everything), poll.in | poll.out);
  const count = new Int32Array(1);
  must('ioctl', fd, 0x541b, count);
  t.is(count[0], 11);
  t.is(receive(fd, 5, message.peek), 'hello');
  t.is(read(fd, 6), 'hello ');
  t.is(call('recvfrom', fd, null, 2, message.truncated, null, null), 2); // dropped unseen
  t.is(read(fd), 'rld');
  t.is(read(fd), 'EAGAIN');
  service.deliver(id, 'last', false);
  service.flags(id, abi.serviceFlagReceiveEnd);
  t.is(readiness(fd, everything), poll.in | poll.out | poll.readHangUp);
  t.is(read(fd), 'last');
  t.is(read(fd), '');
  t.is(read(fd), '');
  closeAndRelease(service, fd, id);
});

test.serial('blocking reads: woken by data, by the end, by time, by signals', async (t) => {
  const { fd, id } = await connected(service);
  const buffer = Buffer.alloc(100);
  let done = callAsync('read', fd, buffer, 100);
  await sleepers(1);
  service.deliver(id, 'abc');
  t.is(await done, 3);
  done = callAsync('recvfrom', fd, buffer, 10, message.waitAll, null, null);
  await sleepers(1);
  service.deliver(id, '12345');
  await new Promise((resolve) => setTimeout(resolve, 5));
  await sleepers(1);
  service.deliver(id, '67890');
  t.is(await done, 10);
  t.is(buffer.toString('latin1', 0, 10), '1234567890');
  must('setsockopt', fd, 1, 20, new BigUint64Array([3n, 0n]), 16);
  done = callAsync('read', fd, buffer, 100);
  await sleepers(1);
  host.advance(4e9);
  t.is(await done, 'EAGAIN');
  done = callAsync('read', fd, buffer, 100);
  await sleepers(1);
  host.sendSignal(10, 0, 0);
  t.is(await done, 'EINTR');
  host.clearSignals();
  must('setsockopt', fd, 1, 20, new BigUint64Array([0n, 0n]), 16);
  done = callAsync('read', fd, buffer, 100);
  await sleepers(1);
  service.flags(id, abi.serviceFlagReceiveEnd);
  t.is(await done, 0);
  closeAndRelease(service, fd, id);
});

test.serial(
  'a reset: the error once, then EPIPE and end; what had come is read first',
  async (t) => {
    const { fd, id } = await connected(service, nonBlocking);
    service.deliver(id, 'before', false);
    service.fail(id, resetByPeer);
    t.is(
      readiness(fd, everything),
      poll.in | poll.out | poll.error | poll.hangUp | poll.readHangUp,
    );
    t.is(read(fd), 'before');
    t.is(read(fd), 'ECONNRESET');
    t.is(read(fd), '');
    t.is(call('sendto', fd, Buffer.from('x'), 1, message.noSignal, null, 0), 'EPIPE');
    t.is(nameOf('getpeername', fd), 'ENOTCONN');
    closeAndRelease(service, fd, id);
  },
);

test.serial(
  'an error and its end are seen at once, though the service tells them one by one',
  async (t) => {
    const { fd, id } = await connected(service, nonBlocking);
    service.set(id, block.error, resetByPeer);
    t.is(readiness(fd, everything), poll.out);
    t.is(read(fd), 'EAGAIN');
    t.is(write(fd, 'x'), 1);
    t.deepEqual(getOption(fd, 1, 4), [0]);
    service.flags(id, abi.serviceFlagGone);
    t.is(
      readiness(fd, everything),
      poll.in | poll.out | poll.error | poll.hangUp | poll.readHangUp,
    );
    t.is(read(fd), 'ECONNRESET');
    t.is(read(fd), '');
    closeAndRelease(service, fd, id);
  },
);

test.serial(
  'bytes go out: partial writes, readiness at two thirds, space that comes back',
  async (t) => {
    const { fd, id } = await connected(service, nonBlocking, 12288);
    const data = Buffer.alloc(20000, 'abcdefgh');
    t.is(write(fd, data), 12288);
    t.is(write(fd, 'x'), 'EAGAIN');
    t.is(readiness(fd, everything), 0);
    const count = new Int32Array(1);
    must('ioctl', fd, 0x5411, count); // SIOCOUTQ
    t.is(count[0], 12288);
    t.truthy(service.get(id, block.kernelFlags) & abi.kernelFlagWantsSpace);
    const ep = must('epoll_create1', 0);
    const record = Buffer.alloc(12);
    record.writeUInt32LE(poll.out, 0);
    must('epoll_ctl', ep, 1, fd, record);
    t.is(service.drain(id, 4000).toString(), data.toString('latin1', 0, 4000));
    service.push(id);
    t.is(call('epoll_wait', ep, record, 1, 0), 0); // more than two thirds are in use
    service.drain(id, 2000);
    service.push(id);
    t.is(call('epoll_wait', ep, record, 1, 0), 1);
    t.falsy(service.get(id, block.kernelFlags) & abi.kernelFlagWantsSpace);
    t.is(write(fd, data), 6000);
    must('close', ep);
    service.drain(id);
    closeAndRelease(service, fd, id);
  },
);

test.serial('a blocking write sends everything, a vector of it too', async (t) => {
  const { fd, id } = await connected(service, 0, 8192);
  const data = Buffer.alloc(300000);
  for (let index = 0; index < data.length; index++) data[index] = index * 7;
  const parts: Buffer[] = [];
  const done = callAsync('write', fd, data, data.length);
  let over = false;
  void done.then(() => {
    over = true;
  });
  while (!over) {
    service.turn();
    const part = service.drain(id);
    if (part.length > 0) {
      parts.push(part);
      service.push(id);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  parts.push(service.drain(id));
  t.is(await done, data.length);
  t.true(Buffer.concat(parts).equals(data));
  closeAndRelease(service, fd, id);
});

test.serial('a write that waits: reset, and close of the sending side', async (t) => {
  const { fd, id } = await connected(service, 0, 4096);
  const data = Buffer.alloc(10000);
  t.is(call('sendto', fd, data, 4096, 0, null, 0), 4096);
  let done = callAsync('sendto', fd, data, 100, message.noSignal, null, 0);
  await sleepers(1);
  must('shutdown', fd, 1);
  t.is(await done, 'EPIPE');
  t.truthy(service.get(id, block.kernelFlags) & abi.kernelFlagSendShutdown);
  closeAndRelease(service, fd, id);
  const second = await connected(service, 0, 4096);
  done = callAsync('sendto', second.fd, data, 10000, message.noSignal, null, 0);
  await sleepers(1);
  service.fail(second.id, resetByPeer);
  t.is(await done, 4096); // what was taken before
  t.is(call('sendto', second.fd, data, 1, message.noSignal, null, 0), 'ECONNRESET');
  t.is(call('sendto', second.fd, data, 1, message.noSignal, null, 0), 'EPIPE');
  closeAndRelease(service, second.fd, second.id);
});

test.serial('rings change their size with content in them', async (t) => {
  const { fd, id } = await connected(service, nonBlocking, 1 << 20);
  t.is(write(fd, Buffer.alloc(10000, 'x')), 10000);
  service.drain(id, 9000);
  t.is(write(fd, Buffer.alloc(15000, 'y')), 15000);
  t.is(service.get(id, block.sendCapacity), 16384);
  t.is(write(fd, 'more'), 4);
  t.is(host.resize(id, abi.directionSend, 8192), -16);
  t.is(host.resize(id, abi.directionSend, 12000), -22);
  t.is(host.resize(id, abi.directionSend, 65536), 0);
  const sent = service.drain(id).toString();
  t.is(sent, `${'x'.repeat(1000)}${'y'.repeat(15000)}more`);
  t.is(host.resize(id, abi.directionSend, 0), 0);
  t.is(service.get(id, block.sendCapacity), 0);
  t.is(write(fd, 'again'), 5);
  t.is(service.drain(id).toString(), 'again');
  service.deliver(id, Buffer.alloc(4096, 'a'));
  t.is(read(fd, 4000).length, 4000);
  service.deliver(id, Buffer.alloc(9000, 'b'));
  t.is(read(fd, 65536), 'a'.repeat(96) + 'b'.repeat(9000));
  closeAndRelease(service, fd, id);
});

test.serial('the service hears when the app has read far enough', async (t) => {
  const { fd, id } = await connected(service, nonBlocking);
  service.turn();
  service.deliver(id, Buffer.alloc(3000));
  service.set(id, block.receiveNotifyAt, service.get(id, block.receiveTail) + 2000);
  service.set(id, block.receiveNotify, 1);
  read(fd, 1999);
  t.deepEqual(service.take(), []);
  read(fd, 1);
  t.deepEqual(service.take(), [id]);
  t.is(service.get(id, block.receiveNotify), 0);
  closeAndRelease(service, fd, id);
});

test.serial('listen and accept', async (t) => {
  const { fd, id } = await listening(service, nonBlocking);
  t.deepEqual(getOption(fd, 1, 30), [1]);
  t.is(call('accept4', fd, null, null, 0), 'EAGAIN');
  t.is(readiness(fd, everything), 0);
  t.is(read(fd), 'ENOTCONN');
  t.is(setOption(fd, 6, 1, 1), 0); // TCP_NODELAY, which connections inherit
  service.turn();
  const child = offer(service, id, 51234);
  t.is(readiness(fd, everything), poll.in);
  const peer = Buffer.alloc(128);
  const size = new Int32Array([128]);
  const connection = must('accept4', fd, peer, size, nonBlocking);
  t.is(size[0], 16);
  t.is(peer.readUInt16BE(2), 51234);
  t.is(service.get(id, block.acceptTaken), 1);
  t.is(service.get(child, block.listener), id);
  t.deepEqual(getOption(connection, 6, 1), [1]);
  t.is(read(connection), 'EAGAIN');
  service.deliver(child, 'GET /');
  t.is(read(connection), 'GET /');
  t.is(write(connection, '200'), 3);
  t.is(service.drain(child).toString(), '200');
  t.is(nameOf('getsockname', connection), '127.0.0.1:8080');
  t.is(nameOf('getpeername', connection), '127.0.0.1:51234');
  closeAndRelease(service, connection, child);
  closeAndRelease(service, fd, id);
});

test.serial('a blocking accept; a listener that goes resets what waits', async (t) => {
  const { fd, id } = await listening(service);
  const done = callAsync('accept4', fd, null, null, 0);
  await sleepers(1);
  const child = offer(service, id);
  const connection = (await done) as number;
  t.true(connection > 0);
  const waiting = offer(service, id);
  const unfinished = host.accept(id);
  closeAndRelease(service, fd, id);
  t.is(service.get(waiting, block.kernelFlags), abi.kernelFlagClosed | abi.kernelFlagReset);
  host.release(waiting);
  service.flags(unfinished, abi.serviceFlagConnected);
  t.is(service.get(unfinished, block.kernelFlags), abi.kernelFlagClosed | abi.kernelFlagReset);
  host.release(unfinished);
  closeAndRelease(service, connection, child);
  t.is(host.accept(id), -22);
});

test.serial('shutdown of a listener ends accept', async (t) => {
  const { fd, id } = await listening(service);
  const done = callAsync('accept4', fd, null, null, 0);
  await sleepers(1);
  must('shutdown', fd, 0);
  t.is(await done, 'EINVAL');
  t.is(call('accept4', fd, null, null, 0), 'EINVAL');
  closeAndRelease(service, fd, id);
});

test.serial('close: in the background, with unread bytes, with SO_LINGER', async (t) => {
  let made = await connected(service);
  write(made.fd, 'rest');
  must('close', made.fd);
  t.is(service.get(made.id, block.kernelFlags), abi.kernelFlagClosed);
  t.is(service.drain(made.id).toString(), 'rest');
  host.release(made.id);

  made = await connected(service);
  service.deliver(made.id, 'unread');
  must('close', made.fd);
  t.is(service.get(made.id, block.kernelFlags), abi.kernelFlagClosed | abi.kernelFlagReset);
  host.release(made.id);

  made = await connected(service);
  must('setsockopt', made.fd, 1, 13, new Int32Array([1, 0]), 8);
  must('close', made.fd);
  t.is(service.get(made.id, block.kernelFlags), abi.kernelFlagClosed | abi.kernelFlagReset);
  host.release(made.id);

  made = await connected(service);
  must('setsockopt', made.fd, 1, 13, new Int32Array([1, 5]), 8);
  write(made.fd, 'rest');
  let closed = callAsync('close', made.fd);
  await sleepers(1);
  service.flags(made.id, abi.serviceFlagGone);
  t.is(await closed, 0);
  host.release(made.id);

  made = await connected(service);
  must('setsockopt', made.fd, 1, 13, new Int32Array([1, 5]), 8);
  closed = callAsync('close', made.fd);
  await sleepers(1);
  host.advance(6e9);
  t.is(await closed, 0);
  host.release(made.id);
});

test.serial('the doorbell rings only while the service may sleep', async (t) => {
  const { fd, id } = await connected(service, nonBlocking);
  service.turn();
  const before = host.statistics().doorbells;
  write(fd, 'a');
  t.is(host.statistics().doorbells, before + 1);
  write(fd, 'b'); // it is in the list already
  t.is(host.statistics().doorbells, before + 1);
  service.turn();
  Atomics.store(service.words, abi.sharedPage.serviceAwake >> 2, 1);
  write(fd, 'c');
  t.is(host.statistics().doorbells, before + 1);
  Atomics.store(service.words, abi.sharedPage.serviceAwake >> 2, 0);
  service.turn();
  write(fd, 'd');
  t.is(host.statistics().doorbells, before + 2);
  closeAndRelease(service, fd, id);
});

test.serial('nothing is left behind', (t) => {
  service.turn();
  const { sockets, badCalls, badIndices } = host.statistics();
  t.deepEqual({ sockets, badCalls, badIndices }, { sockets: 0, badCalls: 0, badIndices: 0 });
  t.is(host.state().sleepers, 0);
  t.true(host.statistics().pages < 72); // the shared page, a part of the table, spare blocks
});
