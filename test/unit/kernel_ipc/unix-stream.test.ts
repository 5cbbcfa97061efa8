// unix(7), SOCK_STREAM: names, connecting, half-close, backpressure, options.
import test from 'ava';
import {
  callAsync,
  epoll,
  host,
  message,
  onBoth,
  open,
  ours,
  poll,
  sleepers,
  socketKind,
} from './system.ts';

const readable = poll.in | poll.readNormal;
const writable = poll.out | poll.writeNormal;
const everything = readable | writable | poll.readHangUp;
const shut = { read: 0, write: 1, both: 2 };

onBoth('a pair carries bytes both ways', (t, system) => {
  const [a, b] = system.socketPair();
  t.is(system.tryRead(a), 'EAGAIN');
  t.is(system.write(a, 'ping'), 4);
  t.is(system.write(b, 'pong!'), 5);
  t.is(system.read(b), 'ping');
  t.is(system.read(a), 'pong!');
  t.is(system.poll(a, everything), writable);
  system.close(a, b);
});

onBoth('half-close: the peer reads the rest, then the end, and can still send', (t, system) => {
  const [a, b] = system.socketPair();
  system.write(a, 'last words');
  t.is(system.call('shutdown', a, shut.write), 0);
  t.is(system.write(a, 'x'), 'EPIPE');
  t.is(system.poll(b, everything), readable | writable | poll.readHangUp);
  t.is(system.read(b), 'last words');
  t.is(system.tryRead(b), 0);
  t.is(system.write(b, 'answer'), 6);
  t.is(system.read(a), 'answer');
  t.is(system.poll(a, everything), writable);
  t.is(system.call('shutdown', b, shut.write), 0);
  t.is(system.poll(a, everything), readable | writable | poll.readHangUp | poll.hangUp);
  t.is(system.tryRead(a), 0);
  system.close(a, b);
});

onBoth('shutting the receiving side stops the peer from sending', (t, system) => {
  const [a, b] = system.socketPair();
  system.write(b, 'before');
  t.is(system.call('shutdown', a, shut.read), 0);
  t.is(system.send(b, 'after'), 'EPIPE');
  t.is(system.read(a), 'before');
  t.is(system.tryRead(a), 0);
  t.is(system.call('shutdown', a, 3), 'EINVAL');
  system.close(a, b);
});

onBoth('a peer that goes leaves its bytes behind', (t, system) => {
  const [a, b] = system.socketPair();
  system.write(a, 'bye');
  system.close(a);
  t.is(system.poll(b, everything), readable | writable | poll.readHangUp | poll.hangUp);
  t.is(system.read(b), 'bye');
  t.is(system.tryRead(b), 0);
  t.is(system.send(b, 'x'), 'EPIPE');
  system.close(b);
});

onBoth('a peer that goes without reading everything resets the connection', (t, system) => {
  const [a, b] = system.socketPair();
  system.write(b, 'never read');
  system.write(a, 'read first');
  system.close(a);
  t.is(
    system.poll(b, everything),
    readable | writable | poll.readHangUp | poll.hangUp | poll.error,
  );
  t.is(system.read(b), 'read first');
  t.is(system.tryRead(b), 'ECONNRESET');
  t.is(system.tryRead(b), 0);
  system.close(b);
});

onBoth('SO_ERROR takes the pending error', (t, system) => {
  const [a, b] = system.socketPair();
  system.write(b, 'never read');
  system.close(a);
  t.deepEqual(system.option(b, 4), [104]);
  t.deepEqual(system.option(b, 4), [0]);
  t.is(system.tryRead(b), 0);
  system.close(b);
});

for (const name of ['socket-file', '@runtime-test-abstract']) {
  onBoth(`connecting to ${name}`, (t, system) => {
    const listener = system.listener(name);
    const shown = system.address(name).toString('latin1', 2) + (name.startsWith('@') ? '' : '\0');
    t.is(system.nameOf('getsockname', listener), shown);
    t.is(system.poll(listener, everything), 0);
    t.is(system.accept(listener), 'EAGAIN');

    const client = system.socket();
    t.is(system.nameOf('getpeername', client), 'ENOTCONN');
    t.is(system.connect(client, name), 0);
    t.is(system.connect(client, name), 'EISCONN');
    t.is(system.poll(client, everything), writable);
    t.is(system.write(client, 'early'), 5);
    t.is(system.poll(listener, everything), readable);

    const address = Buffer.alloc(64);
    const size = new Int32Array([64]);
    const server = system.must('accept4', listener, address, size, open.nonBlocking);
    t.is(size[0], 2);
    t.is(system.read(server), 'early');
    t.is(system.nameOf('getpeername', client), shown);
    t.is(system.nameOf('getsockname', client), '');
    t.is(system.nameOf('getsockname', server), shown);
    t.is(system.nameOf('getpeername', server), '');
    system.write(server, 'late');
    t.is(system.read(client), 'late');

    const other = system.socket();
    t.is(system.bind(other, name), 'EADDRINUSE');
    system.close(listener);
    t.is(system.connect(other, name), 'ECONNREFUSED');
    t.is(system.write(server, 'still there'), 11);
    system.close(client, server, other);
    if (!name.startsWith('@')) system.must('unlink', system.path(name));
  });
}

onBoth('errors of naming and connecting', (t, system) => {
  const fd = system.socket();
  t.is(system.connect(fd, 'no-such-socket'), 'ENOENT');
  t.is(system.connect(fd, '@no-such-name'), 'ECONNREFUSED');
  t.is(system.call('listen', fd, 1), 'EINVAL');
  t.is(system.accept(fd), 'EINVAL');
  t.is(system.tryRead(fd), 'EINVAL');
  t.is(system.send(fd, 'x'), 'ENOTCONN');
  t.is(system.poll(fd, everything), writable | poll.hangUp);
  t.is(system.bind(fd, 'bound-once'), 0);
  t.is(system.bind(fd, 'bound-twice'), 'EINVAL');
  const other = system.socket();
  t.is(system.connect(other, 'bound-once'), 'ECONNREFUSED');
  t.is(system.call('connect', other, Buffer.from([2, 0, 1, 1]), 4), 'EINVAL');
  t.is(system.call('connect', other, 16, 10), 'EFAULT');
  t.is(system.call('connect', other, Buffer.alloc(200), 200), 'EINVAL');
  const datagram = system.socket(socketKind.datagram);
  t.is(system.connect(datagram, 'bound-once'), 'EPROTOTYPE');
  const file = system.must('open', system.path('plain-file'), 0o102, 0o600);
  t.is(system.connect(other, 'plain-file'), 'ECONNREFUSED');
  t.is(system.bind(other, 'plain-file'), 'EADDRINUSE');
  t.is(system.bind(other, 'no-directory/socket'), 'ENOENT');
  t.is(system.call('bind', file, system.address('x'), 4), 'ENOTSOCK');
  t.is(system.call('bind', 9999, system.address('x'), 4), 'EBADF');
  t.is(system.call('socket', 99, 1, 0), 'EAFNOSUPPORT');
  t.is(system.call('socket', 1, 7, 0), 'ESOCKTNOSUPPORT');
  t.is(system.call('socket', 1, 1, 17), 'EPROTONOSUPPORT');
  t.is(system.call('socket', 1, 15, 0), 'EINVAL');
  system.close(fd, other, datagram, file);
});

onBoth('binding without a name gives an abstract one', (t, system) => {
  const fd = system.socket();
  t.is(system.call('bind', fd, Buffer.from([1, 0]), 2), 0);
  t.regex(system.nameOf('getsockname', fd), /^\0[0-9a-f]{5}$/);
  system.close(fd);
});

onBoth('a full backlog makes a non-blocking connect try again', (t, system) => {
  const listener = system.listener('@runtime-test-backlog', 1);
  const clients = Array.from({ length: 3 }, () => system.socket());
  t.deepEqual(
    clients.map((client) => system.connect(client, '@runtime-test-backlog')),
    [0, 0, 'EAGAIN'],
  );
  const server = system.accept(listener) as number;
  t.is(system.connect(clients[2] as number, '@runtime-test-backlog'), 0);
  system.close(listener, server, ...clients);
});

onBoth('closing a listener resets who was not accepted', (t, system) => {
  const listener = system.listener('@runtime-test-closing');
  const client = system.socket();
  system.connect(client, '@runtime-test-closing');
  system.close(listener);
  t.is(system.tryRead(client), 'ECONNRESET');
  t.is(system.send(client, 'x'), 'EPIPE');
  system.close(client);
});

onBoth('a shut listener accepts and connects nobody', (t, system) => {
  const listener = system.listener('@runtime-test-shut');
  system.must('shutdown', listener, shut.both);
  const client = system.socket();
  t.is(system.connect(client, '@runtime-test-shut'), 'ECONNREFUSED');
  t.is(system.accept(listener), 'EAGAIN');
  system.must('fcntl', listener, 4, 2);
  t.is(system.accept(listener), 'EINVAL');
  system.close(listener, client);
});

onBoth('a sender stops when the peer does not read, and goes on when it does', (t, system) => {
  const [a, b] = system.socketPair();
  const block = new Uint8Array(32768);
  let sent = 0;
  for (;;) {
    const outcome = system.write(a, block);
    if (outcome === 'EAGAIN') break;
    sent += outcome as number;
  }
  t.true(sent >= 131072);
  t.is(system.poll(a, everything), 0);
  const instance = system.epoll();
  system.control(instance, epoll.add, a, poll.out | epoll.edge, 1);
  t.deepEqual(system.wait(instance), []);
  let received = 0;
  while (received < sent) received += system.read(b, 65536).length;
  t.is(received, sent);
  t.is(system.poll(a, everything), writable);
  t.deepEqual(system.wait(instance), [[1, poll.out]]);
  system.close(a, b, instance);
});

onBoth('options', (t, system) => {
  const listener = system.listener('@runtime-test-options');
  const client = system.socket();
  t.deepEqual(system.option(client, 17, 12), [0, -1, -1]);
  system.connect(client, '@runtime-test-options');
  t.deepEqual(system.option(client, 3), [socketKind.stream]);
  t.deepEqual(system.option(client, 39), [1]);
  t.deepEqual(system.option(client, 38), [0]);
  t.deepEqual(system.option(client, 30), [0]);
  t.deepEqual(system.option(listener, 30), [1]);
  t.deepEqual(system.option(client, 7), [212992]);
  t.is(system.setOption(client, 7, 10000), 0);
  t.deepEqual(system.option(client, 7), [20000]);
  t.is(system.setOption(client, 2, 1), 0);
  t.deepEqual(system.option(client, 2), [1]);
  t.is(system.setOption(client, 20, 1, 0, 500000, 0), 0);
  t.deepEqual(system.option(client, 20, 16), [1, 0, 500000, 0]);
  const [process_, user] = system.option(client, 17, 12) as number[];
  if (system === ours) t.deepEqual([process_, user], [1, 0]);
  else t.is(process_, process.pid);
  t.is(system.setOption(client, 3, 1), 'ENOPROTOOPT');
  t.is(system.option(client, 999), 'ENOPROTOOPT');
  t.is(system.call('setsockopt', client, 6, 1, new Int32Array([1]), 4), 'EOPNOTSUPP');
  t.is(system.call('setsockopt', client, 1, 2, new Int32Array([1]), 2), 'EINVAL');
  system.close(listener, client);
});

test.serial(
  'reads and accepts sleep until there is something, or a signal, or the limit',
  async (t) => {
    const listener = ours.listener('@sleeping');
    ours.must('fcntl', listener, 4, 2);
    const accepting = callAsync('accept4', listener, null, null, 0);
    await sleepers(1);
    const client = ours.socket();
    ours.connect(client, '@sleeping');
    const server = (await accepting) as number;

    const buffer = Buffer.alloc(8);
    const reading = callAsync('recvfrom', server, buffer, 8, message.waitAll, null, null);
    await sleepers(1);
    ours.write(client, 'half');
    ours.write(client, 'full');
    t.is(await reading, 8);
    t.is(buffer.toString(), 'halffull');

    const interrupted = callAsync('read', server, buffer, 8);
    await sleepers(1);
    host.sendSignal(10, 0, 0);
    t.is(await interrupted, 'restart');
    host.clearSignals();

    ours.setOption(server, 20, 0, 0, 1000, 0);
    const limited = callAsync('read', server, buffer, 8);
    await sleepers(1);
    host.advance(1_000_000);
    t.is(await limited, 'EAGAIN');
    const limitedAndInterrupted = callAsync('read', server, buffer, 8);
    await sleepers(1);
    host.sendSignal(10, 0, 0);
    t.is(await limitedAndInterrupted, 'EINTR');
    host.clearSignals();

    ours.setOption(server, 20, 0, 0, 0, 0);
    const last = callAsync('read', server, buffer, 8);
    await sleepers(1);
    ours.close(client);
    t.is(await last, 0);
    ours.close(server, listener);
  },
);

test.serial('a blocking connect waits for room, and a refusal wakes it', async (t) => {
  const listener = ours.listener('@waiting', 0);
  const clients = [0, 0, 0].map(() => ours.socket(socketKind.stream, 0));
  const address = ours.address('@waiting');
  t.is(ours.connect(clients[0] as number, '@waiting'), 0);
  const second = callAsync('connect', clients[1] as number, address, address.length);
  await sleepers(1);
  const server = ours.accept(listener) as number;
  t.is(await second, 0);
  const third = callAsync('connect', clients[2] as number, address, address.length);
  await sleepers(1);
  ours.close(listener);
  t.is(await third, 'ECONNREFUSED');
  ours.close(server, ...clients);
});

test.serial('a blocking send waits for the reader, byte for byte', async (t) => {
  const [a, b] = ours.socketPair(socketKind.stream, 0);
  const block = Buffer.alloc(1_000_000, 'z');
  const sending = callAsync('write', a, block, block.length);
  let received = 0;
  while (received < block.length) {
    received += ours.must('read', b, Buffer.alloc(100_000), 100_000);
  }
  t.is(await sending, block.length);
  ours.close(a, b);
});

test.serial('everything is given back', (t) => {
  const before = host.state();
  const listener = ours.listener('left-behind');
  const client = ours.socket();
  ours.connect(client, 'left-behind');
  ours.write(client, new Uint8Array(100_000));
  ours.close(client, listener);
  ours.must('unlink', ours.path('left-behind'));
  const after = host.state();
  t.is(after.frames, before.frames);
  t.is(after.descriptors, before.descriptors);
});
