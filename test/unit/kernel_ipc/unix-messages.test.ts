// Messages over AF_UNIX: descriptors on their way, credentials, packets, datagrams.
import test from 'ava';
import { host, message, onBoth, open, ours, poll, type Received, socketKind } from './system.ts';

const received = (outcome: Received | string): Received => {
  if (typeof outcome === 'string') throw new Error(outcome);
  return outcome;
};
const everything = poll.in | poll.out | poll.readHangUp;

onBoth('descriptors travel and refer to the same description', (t, system) => {
  const [a, b] = system.socketPair();
  const [reader, writer] = system.pipe();
  t.is(system.send(a, 'take this', { files: [writer] }), 9);
  system.close(writer);
  const got = received(system.receive(b, { flags: message.closeOnExec }));
  t.is(got.data, 'take this');
  t.is(got.files.length, 1);
  t.is(got.flags & message.controlTruncated, 0);
  const [copy] = got.files as [number];
  t.is(system.call('fcntl', copy, 1, 0), 1);
  system.write(copy, 'through');
  t.is(system.read(reader), 'through');
  system.close(copy);
  t.is(system.tryRead(reader), 0);
  system.close(a, b, reader);
});

onBoth('a receive ends with the message that brings descriptors', (t, system) => {
  const [a, b] = system.socketPair();
  const event = system.eventfd();
  system.write(a, 'one ');
  system.send(a, 'two ', { files: [event] });
  system.write(a, 'three');
  const first = received(system.receive(b, { size: 2 }));
  t.deepEqual([first.data, first.files.length], ['on', 0]);
  const second = received(system.receive(b));
  t.deepEqual([second.data, second.files.length], ['e two ', 1]);
  t.is(received(system.receive(b)).data, 'three');
  system.close(a, b, event, ...second.files);
});

onBoth('descriptors come with the first byte of their message', (t, system) => {
  const [a, b] = system.socketPair();
  const event = system.eventfd();
  system.send(a, 'abc', { files: [event] });
  const first = received(system.receive(b, { size: 1 }));
  t.deepEqual([first.data, first.files.length], ['a', 1]);
  const second = received(system.receive(b));
  t.deepEqual([second.data, second.files.length], ['bc', 0]);
  system.close(a, b, event, ...first.files);
});

onBoth('a plain read drops descriptors, and they do not leak', (t, system) => {
  const [a, b] = system.socketPair();
  const [reader, writer] = system.pipe();
  system.send(a, 'x', { files: [writer] });
  system.close(writer);
  t.is(system.tryRead(reader), 'EAGAIN');
  t.is(system.read(b), 'x');
  t.is(system.tryRead(reader), 0);
  system.close(a, b, reader);
});

onBoth('descriptors under way close with the socket', (t, system) => {
  const [a, b] = system.socketPair();
  const [reader, writer] = system.pipe();
  system.send(a, 'x', { files: [writer, writer] });
  system.close(writer);
  system.close(b);
  t.is(system.tryRead(reader), 0);
  system.close(a, reader);
});

onBoth('too little room for descriptors truncates', (t, system) => {
  const [a, b] = system.socketPair();
  const event = system.eventfd();
  system.send(a, 'x', { files: [event, event, event] });
  const got = received(system.receive(b, { controlSize: 16 + 8 }));
  t.is(got.files.length, 2);
  t.is(got.flags & message.controlTruncated, message.controlTruncated);
  system.send(a, 'y', { files: [event] });
  const none = received(system.receive(b, { controlSize: 0 }));
  t.is(none.files.length, 0);
  t.is(none.flags & message.controlTruncated, message.controlTruncated);
  system.close(a, b, event, ...got.files);
});

onBoth('a peek leaves bytes and descriptors where they are', (t, system) => {
  const [a, b] = system.socketPair();
  const event = system.eventfd();
  system.send(a, 'seen', { files: [event] });
  const peeked = received(system.receive(b, { flags: message.peek }));
  t.deepEqual([peeked.data, peeked.files.length], ['seen', 1]);
  const taken = received(system.receive(b));
  t.deepEqual([taken.data, taken.files.length], ['seen', 1]);
  t.is(system.receive(b), 'EAGAIN');
  system.close(a, b, event, ...peeked.files, ...taken.files);
});

onBoth('errors of descriptor passing', (t, system) => {
  const [a, b] = system.socketPair();
  const event = system.eventfd();
  t.is(system.send(a, 'x', { files: [9999] }), 'EBADF');
  t.is(system.send(a, 'x', { files: new Array<number>(254).fill(event) }), 'EINVAL');
  t.is(system.receive(b), 'EAGAIN');
  t.is(system.call('sendmsg', event, Buffer.alloc(56), 0), 'ENOTSOCK');
  t.is(system.call('sendmsg', a, 16, 0), 'EFAULT');
  system.close(a, b, event);
});

onBoth('credentials are those of the sender', (t, system) => {
  const [a, b] = system.socketPair();
  t.is(system.setOption(b, 16, 1), 0);
  system.write(a, 'who');
  const got = received(system.receive(b));
  t.deepEqual(got.credentials, {
    process: system === ours ? 1 : process.pid,
    user: system === ours ? 0 : (process.getuid?.() ?? 0),
    group: system === ours ? 0 : (process.getgid?.() ?? 0),
  });
  system.close(a, b);
});

onBoth('MSG_DONTWAIT, and end of file as a message', (t, system) => {
  const [a, b] = system.socketPair(socketKind.stream, 0);
  t.is(system.receive(b, { flags: message.dontWait }), 'EAGAIN');
  system.close(a);
  t.is(received(system.receive(b)).data, '');
  system.close(b);
});

onBoth('packets keep their boundaries', (t, system) => {
  const [a, b] = system.socketPair(socketKind.sequencedPacket);
  system.send(a, 'first');
  system.send(a, '');
  system.send(a, 'third packet');
  t.is(received(system.receive(b)).data, 'first');
  t.is(received(system.receive(b)).data, '');
  const cut = received(system.receive(b, { size: 5 }));
  t.is(cut.data, 'third');
  t.is(cut.flags & message.truncated, message.truncated);
  t.is(system.receive(b), 'EAGAIN');
  system.send(a, 'whole length');
  t.is(system.call('recvfrom', b, Buffer.alloc(2), 2, message.truncated, null, null), 12);
  t.is(system.send(a, 'z'.repeat(300_000)), 'EMSGSIZE');
  system.close(a);
  t.is(received(system.receive(b)).data, '');
  system.close(b);
});

onBoth('packet sockets listen and connect', (t, system) => {
  const listener = system.socket(socketKind.sequencedPacket);
  system.bind(listener, '@runtime-test-packets');
  system.must('listen', listener, 1);
  const stream = system.socket();
  t.is(system.connect(stream, '@runtime-test-packets'), 'ECONNREFUSED');
  const client = system.socket(socketKind.sequencedPacket);
  t.is(system.receive(client), 'ENOTCONN');
  t.is(system.connect(client, '@runtime-test-packets'), 0);
  const server = system.accept(listener) as number;
  system.send(client, 'to the server');
  t.is(received(system.receive(server)).data, 'to the server');
  system.close(listener, stream, client, server);
});

onBoth('datagrams go to names and say where they come from', (t, system) => {
  const [a, b] = [system.socket(socketKind.datagram), system.socket(socketKind.datagram)];
  t.is(system.send(a, 'x'), 'ENOTCONN');
  t.is(system.bind(a, '@runtime-test-a'), 0);
  t.is(system.bind(b, '@runtime-test-b'), 0);
  t.is(system.send(a, 'hello', { to: '@runtime-test-b' }), 5);
  const got = received(system.receive(b));
  t.is(got.data, 'hello');
  t.deepEqual(got.name, system.address('@runtime-test-a'));
  t.is(system.send(a, 'x', { to: '@runtime-test-nobody' }), 'ECONNREFUSED');
  t.is(system.call('listen', a, 1), 'EOPNOTSUPP');
  t.is(system.call('accept4', a, null, null, 0), 'EOPNOTSUPP');

  t.is(system.connect(a, '@runtime-test-b'), 0);
  t.is(system.send(a, 'connected'), 9);
  t.is(received(system.receive(b)).data, 'connected');
  t.is(system.connect(b, '@runtime-test-b'), 0);
  t.is(system.send(a, 'x'), 'EPERM');
  system.close(b);
  t.is(system.send(a, 'x'), 'ECONNREFUSED');
  t.is(system.send(a, 'x'), 'ENOTCONN');
  system.close(a);
});

onBoth('a datagram socket holds few messages of strangers', (t, system) => {
  const [a, b] = [system.socket(socketKind.datagram), system.socket(socketKind.datagram)];
  system.bind(b, '@runtime-test-full');
  let sent = 0;
  while (system.send(a, 'x', { to: '@runtime-test-full' }) === 1) sent += 1;
  t.is(sent, 11);
  system.connect(a, '@runtime-test-full');
  t.is(system.poll(a, everything), 0);
  received(system.receive(b));
  t.is(system.poll(a, everything), poll.out);
  system.close(a, b);
});

onBoth('datagram pairs', (t, system) => {
  const [a, b] = system.socketPair(socketKind.datagram);
  system.send(a, 'one');
  system.send(a, 'two');
  t.is(received(system.receive(b)).data, 'one');
  t.is(received(system.receive(b)).data, 'two');
  t.is(system.receive(b), 'EAGAIN');
  t.is(system.call('shutdown', a, 1), 0);
  t.is(system.send(a, 'x'), 'EPIPE');
  system.close(a, b);
});

test.serial('sockets under way inside sockets are given back', (t) => {
  const before = host.state();
  const [a, b] = ours.socketPair();
  const [c, d] = ours.socketPair();
  ours.write(c, new Uint8Array(10_000));
  ours.send(a, 'x', { files: [c, d] });
  ours.close(c, d);
  t.true(host.state().frames > before.frames);
  ours.close(a, b);
  t.is(host.state().frames, before.frames);
  t.is(host.state().descriptors, before.descriptors);
});

test.serial('several messages in one call', (t) => {
  const [a, b] = ours.socketPair(socketKind.datagram);
  const texts = ['first', 'second!'];
  const build = (buffers: Buffer[]): { headers: Buffer; kept: Buffer[] } => {
    const headers = Buffer.alloc(64 * buffers.length);
    const vectors = buffers.map((buffer, index) => {
      const vector = Buffer.alloc(16);
      vector.writeBigUInt64LE(host.address(buffer), 0);
      vector.writeBigUInt64LE(BigInt(buffer.length), 8);
      headers.writeBigUInt64LE(host.address(vector), index * 64 + 16);
      headers.writeBigUInt64LE(1n, index * 64 + 24);
      return vector;
    });
    return { headers, kept: [...buffers, ...vectors] };
  };
  const outgoing = build(texts.map((text) => Buffer.from(text)));
  t.is(ours.call('sendmmsg', a, outgoing.headers, 2, 0), 2);
  const buffers = [Buffer.alloc(20), Buffer.alloc(20), Buffer.alloc(20)];
  const incoming = build(buffers);
  t.is(ours.call('recvmmsg', b, incoming.headers, 3, 0, null), 2);
  t.is(incoming.headers.readUInt32LE(56), 5);
  t.is(incoming.headers.readUInt32LE(64 + 56), 7);
  t.is(buffers[1]?.toString('latin1', 0, 7), 'second!');
  t.is(outgoing.kept.length + incoming.kept.length, 10);
  t.is(ours.call('recvmmsg', b, incoming.headers, 3, 0, null), 'EAGAIN');
  ours.close(a, b);
  t.is(open.nonBlocking, 2048);
});
