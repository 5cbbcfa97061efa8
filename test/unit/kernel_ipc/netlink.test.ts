// netlink(7), rtnetlink(7): what getifaddrs(3) asks, and everything that a request may have wrong.
import test from 'ava';
import {
  callAsync,
  host,
  message,
  onBoth,
  open,
  ours,
  poll,
  type System,
  sleepers,
} from './system.ts';

interface FakeAddress {
  readonly bytes: Uint8Array;
  readonly prefix: number;
  readonly scope: number;
  readonly broadcast?: Uint8Array;
}
interface FakeInterface {
  readonly index: number;
  readonly name: string;
  readonly flags: number;
  readonly hardware: Uint8Array;
  readonly mtu: number;
  readonly addresses: readonly FakeAddress[];
}
const { setInterfaces } = host as unknown as {
  setInterfaces(list: readonly FakeInterface[]): void;
};

const family = 16;
const kind = { raw: 3, datagram: 2, stream: 1 } as const;
const types = {
  error: 2,
  done: 3,
  newLink: 16,
  getLink: 18,
  newAddress: 20,
  getAddress: 22,
} as const;
const flag = { request: 1, multipart: 2, acknowledge: 4, capped: 0x100, dump: 0x300 } as const;
const errors = { perm: 1, noDevice: 19, invalid: 22, notSupported: 95 } as const;
const sequence = 77;

interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly port: number;
  readonly payload: Buffer;
}

const socket = (system: System, flags: number = open.nonBlocking): number =>
  system.must('socket', family, kind.raw | flags, 0);

function address(port = 0, groups = 0, wantedFamily: number = family): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt16LE(wantedFamily, 0);
  bytes.writeUInt32LE(port, 4);
  bytes.writeUInt32LE(groups, 8);
  return bytes;
}

function request(type: number, flags: number, payload: Uint8Array = new Uint8Array(4)): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + payload.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags, 6);
  header.writeUInt32LE(sequence, 8);
  return Buffer.concat([header, payload]);
}

const send = (system: System, fd: number, bytes: Uint8Array, to: Buffer | null = address()) =>
  system.call('sendto', fd, bytes, bytes.length, 0, to, to?.length ?? 0);

function parse(bytes: Buffer): Message[] {
  const messages: Message[] = [];
  for (let at = 0; at + 16 <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    messages.push({
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + 8),
      port: bytes.readUInt32LE(at + 12),
      payload: bytes.subarray(at + 16, at + length),
    });
    at += Math.ceil(length / 4) * 4;
  }
  return messages;
}

/** The messages of one datagram. */
function receive(system: System, fd: number): Message[] {
  const bytes = Buffer.alloc(65536);
  return parse(bytes.subarray(0, system.must('recvfrom', fd, bytes, bytes.length, 0, null, null)));
}

/** What a dump gives, without its end. */
function dump(system: System, fd: number, type: number, wantedFamily = 0): Message[] {
  const bytes = request(type, flag.request | flag.dump, Uint8Array.of(wantedFamily, 0, 0, 0));
  if (send(system, fd, bytes) !== bytes.length) throw new Error('the request was not sent');
  const messages: Message[] = [];
  while (messages.at(-1)?.type !== types.done) messages.push(...receive(system, fd));
  return messages.slice(0, -1);
}

function portOf(system: System, fd: number): number {
  const name = Buffer.alloc(128);
  const size = new Int32Array([128]);
  system.must('getsockname', fd, name, size);
  if (size[0] !== 12 || name.readUInt16LE(0) !== family) throw new Error('not a netlink address');
  return name.readUInt32LE(4);
}

function attributes(payload: Buffer, start: number): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = start; at + 4 <= payload.length; ) {
    const length = payload.readUInt16LE(at);
    found.set(payload.readUInt16LE(at + 2), payload.subarray(at + 4, at + length));
    at += Math.ceil(length / 4) * 4;
  }
  return found;
}

/** The error of a NLMSG_ERROR. */
const errorOf = (answer: Message | undefined): number | undefined =>
  answer?.type === types.error ? 0 - answer.payload.readInt32LE(0) : undefined;

test.afterEach(() => setInterfaces([]));

onBoth('sockets are raw or datagram, of known protocols', (t, system) => {
  t.is(system.call('socket', family, kind.stream, 0), 'ESOCKTNOSUPPORT');
  t.is(system.call('socket', family, kind.raw, 31), 'EPROTONOSUPPORT');
  t.is(system.call('socketpair', family, kind.raw, 0, new Int32Array(2)), 'EOPNOTSUPP');
  const fd = system.must('socket', family, kind.datagram, 0);
  t.is(system.call('listen', fd, 1), 'EOPNOTSUPP');
  t.is(system.call('shutdown', fd, 2), 'EOPNOTSUPP');
  t.is(system.call('ioctl', fd, 0x541b, new Int32Array(1)), 'ENOTTY');
  system.close(fd);
});

onBoth('bind takes a port once, and checks the address', (t, system) => {
  const [first, second] = [socket(system), socket(system)];
  t.is(system.call('bind', first, address(), 11), 'EINVAL');
  t.is(system.call('bind', first, address(0, 0, 1), 12), 'EINVAL');
  t.is(portOf(system, first), 0);
  t.is(system.call('bind', first, address(4242, 1), 12), 0);
  t.is(portOf(system, first), 4242);
  t.is(system.call('bind', first, address(4242), 12), 0, 'the groups may change');
  t.is(system.call('bind', first, address(4243), 12), 'EINVAL');
  t.is(system.call('bind', second, address(4242), 12), 'EADDRINUSE');
  t.is(system.call('bind', second, address(), 12), 0);
  t.not(portOf(system, second), 0);
  system.close(first);
  const third = socket(system);
  t.is(
    system.call('bind', third, address(4242), 12),
    0,
    'a port is free once its socket is closed',
  );
  system.close(second, third);
});

onBoth('a socket that sends gets a port, and connect leads to the kernel', (t, system) => {
  const [first, second] = [socket(system), socket(system)];
  send(system, first, request(types.getLink, flag.request | flag.acknowledge));
  t.not(portOf(system, first), 0);
  t.is(system.call('connect', second, address(), 12), 0);
  t.not(portOf(system, second), 0);
  t.not(portOf(system, second), portOf(system, first));
  const peer = Buffer.alloc(12);
  const size = new Int32Array([12]);
  t.is(system.call('getpeername', second, peer, size), 0);
  t.deepEqual(peer, address());
  t.is(system.call('connect', second, address(0, 0, 1), 12), 'EINVAL');
  t.is(system.call('connect', second, Buffer.alloc(12), 2), 0);
  system.close(first, second);
});

onBoth('a dump ends with NLMSG_DONE, and its parts name the request', (t, system) => {
  const fd = socket(system);
  t.is(system.poll(fd), poll.out);
  const bytes = request(types.getLink, flag.request | flag.dump, new Uint8Array(1));
  t.is(send(system, fd, bytes), bytes.length);
  t.is(system.poll(fd), poll.in | poll.out);
  const messages: Message[] = [];
  while (messages.at(-1)?.type !== types.done) messages.push(...receive(system, fd));
  for (const part of messages) {
    t.is(part.flags, flag.multipart);
    t.is(part.sequence, sequence);
    t.is(part.port, portOf(system, fd));
  }
  t.is(messages.at(-1)?.payload.readInt32LE(0), 0);
  t.is(system.tryRead(fd), 'EAGAIN');
  t.is(system.poll(fd), poll.out);
  system.close(fd);
});

onBoth('answers come from the kernel, and peeking leaves them', (t, system) => {
  const fd = socket(system);
  send(system, fd, request(types.getAddress, flag.request | flag.dump, Uint8Array.of(10, 0, 0, 0)));
  const peeked = system.must('recvfrom', fd, null, 0, message.peek | message.truncated, null, null);
  t.true(peeked >= 20);
  const sender = Buffer.alloc(12, 0xff);
  const size = new Int32Array([12]);
  const short = Buffer.alloc(8);
  t.is(system.call('recvfrom', fd, short, 8, message.peek, sender, size), 8);
  t.deepEqual(sender, address());
  const received = system.receive(fd, { size: 16 });
  if (typeof received === 'string') return t.fail(received);
  t.is(received.flags & message.truncated, message.truncated);
  t.is(received.data.length, 16);
  t.deepEqual(received.name, address());
  system.close(fd);
});

onBoth('requests that nobody handles, or that are too short, get their error', (t, system) => {
  const fd = socket(system);
  for (const [type, flags, payload, error] of [
    [200, flag.request, new Uint8Array(16), errors.notSupported],
    [200, flag.request | flag.dump, new Uint8Array(16), errors.notSupported],
    [types.getLink, flag.request, new Uint8Array(4), errors.invalid],
    [types.getLink, flag.request, new Uint8Array(16), errors.invalid],
    [
      types.getLink,
      flag.request,
      Buffer.from('00000000ffff00000000000000000000', 'hex'),
      errors.noDevice,
    ],
  ] as const) {
    const bytes = request(type, flags, payload);
    send(system, fd, bytes);
    const [answer, ...more] = receive(system, fd);
    t.is(errorOf(answer), error, `type ${type}, ${payload.length} bytes`);
    t.is(answer?.sequence, sequence);
    t.deepEqual(answer?.payload.subarray(4), bytes, 'the request comes back');
    t.deepEqual(more, []);
  }
  t.is(system.tryRead(fd), 'EAGAIN');
  system.close(fd);
});

onBoth('an interface is found by its name, or not', (t, system) => {
  const fd = socket(system);
  const name = Buffer.from('\x0c\0\x03\0nowhere\0', 'latin1');
  send(system, fd, request(types.getLink, flag.request, Buffer.concat([Buffer.alloc(16), name])));
  t.is(errorOf(receive(system, fd)[0]), errors.noDevice);
  system.close(fd);
});

onBoth('acknowledgements are given where they are wanted', (t, system) => {
  const fd = socket(system);
  // Without a family the protocol does nothing.
  const wanted = request(types.getLink, flag.request | flag.acknowledge, new Uint8Array(0));
  send(system, fd, Buffer.concat([wanted, request(3, flag.request), wanted]));
  for (let round = 0; round < 2; ++round) {
    const [answer] = receive(system, fd);
    t.is(errorOf(answer), 0);
    t.is(answer?.flags, flag.capped);
    t.deepEqual(answer?.payload.subarray(4), wanted);
  }
  t.is(system.tryRead(fd), 'EAGAIN');
  // Without the flag for requests nobody looks at a message.
  send(system, fd, request(200, 0));
  t.is(system.tryRead(fd), 'EAGAIN');
  system.close(fd);
});

onBoth('NETLINK_CAP_ACK leaves the payload out of errors', (t, system) => {
  const fd = socket(system);
  t.is(system.call('setsockopt', fd, 270, 10, Int32Array.of(1), 4), 0);
  const value = new Int32Array(1);
  t.is(system.call('getsockopt', fd, 270, 10, value, Int32Array.of(4)), 0);
  t.is(value[0], 1);
  send(system, fd, request(200, flag.request, new Uint8Array(64)));
  const [answer] = receive(system, fd);
  t.is(answer?.payload.length, 20);
  t.is(answer?.flags, flag.capped);
  t.is(system.call('setsockopt', fd, 270, 99, Int32Array.of(1), 4), 'ENOPROTOOPT');
  t.is(system.call('setsockopt', fd, 6, 1, Int32Array.of(1), 4), 'ENOPROTOOPT');
  system.close(fd);
});

onBoth('groups are joined and left', (t, system) => {
  const fd = socket(system);
  const list = (): number | undefined => {
    const value = new Int32Array(1);
    t.is(system.call('getsockopt', fd, 270, 9, value, Int32Array.of(4)), 0);
    return value[0];
  };
  t.is(list(), 0);
  t.is(system.call('setsockopt', fd, 270, 1, Int32Array.of(1), 4), 0);
  t.is(system.call('setsockopt', fd, 270, 1, Int32Array.of(5), 4), 0);
  t.is(list(), 0b10001);
  t.is(system.call('setsockopt', fd, 270, 2, Int32Array.of(1), 4), 0);
  t.is(list(), 0b10000);
  t.is(system.call('setsockopt', fd, 270, 1, Int32Array.of(0), 4), 'EINVAL');
  system.close(fd);
});

onBoth('broken messages and addresses', (t, system) => {
  const fd = socket(system);
  t.is(send(system, fd, new Uint8Array(0)), 'ENODATA');
  t.is(send(system, fd, new Uint8Array(8)), 8, 'less than a header is ignored');
  const long = request(types.getLink, flag.request | flag.dump);
  long.writeUInt32LE(1000, 0);
  t.is(send(system, fd, long), long.length, 'so is a message that is cut off');
  const short = request(types.getLink, flag.request | flag.dump);
  short.writeUInt32LE(15, 0);
  t.is(send(system, fd, short), short.length);
  t.is(system.tryRead(fd), 'EAGAIN');
  const good = request(types.getLink, flag.request | flag.acknowledge);
  t.is(send(system, fd, good, address(0, 0, 1)), 'EINVAL');
  t.is(send(system, fd, good, address().subarray(0, 8)), 'EINVAL');
  t.is(system.call('sendto', fd, good, good.length, 1, null, 0), 'EOPNOTSUPP');
  t.is(system.call('sendto', fd, 16, 100, 0, null, 0), 'EFAULT');
  t.is(send(system, fd, new Uint8Array(1 << 20)), 'EMSGSIZE');
  send(system, fd, good);
  t.is(system.call('recvfrom', fd, 16, 100, 0, null, null), 'EFAULT');
  t.is(system.tryRead(fd), 'EAGAIN', 'the datagram was lost with its bad buffer');
  system.close(fd);
});

onBoth('answers that nobody receives are lost, which is told', (t, system) => {
  const fd = socket(system);
  const wanted = request(200, flag.request, new Uint8Array(60_000));
  for (let i = 0; i < 20; ++i) send(system, fd, wanted);
  t.is(system.poll(fd) & poll.error, poll.error);
  t.is(system.tryRead(fd), 'ENOBUFS');
  t.is(system.poll(fd), poll.in | poll.out);
  while (typeof system.tryRead(fd) === 'number');
  t.is(system.poll(fd), poll.out);
  system.close(fd);
});

test.serial('without interfaces dumps are empty', (t) => {
  const fd = socket(ours);
  t.deepEqual(dump(ours, fd, types.getLink), []);
  t.deepEqual(dump(ours, fd, types.getAddress), []);
  ours.close(fd);
});

test.serial('a thread waits for the answer', async (t) => {
  const fd = socket(ours, 0);
  const bytes = Buffer.alloc(100);
  const received = callAsync('recvfrom', fd, bytes, bytes.length, 0, null, null);
  await sleepers(1);
  send(ours, fd, request(types.getLink, flag.request | flag.dump));
  t.is(await received, 20);
  t.is(parse(bytes.subarray(0, 20))[0]?.type, types.done);
  ours.close(fd);
});

const ethernet: FakeInterface = {
  index: 2,
  name: 'eth0',
  flags: 0x1043,
  hardware: Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56),
  mtu: 1400,
  addresses: [
    {
      bytes: Uint8Array.of(10, 0, 2, 15),
      prefix: 24,
      scope: 0,
      broadcast: Uint8Array.of(10, 0, 2, 255),
    },
    { bytes: Buffer.from('fe80000000000000505400fffe123456', 'hex'), prefix: 64, scope: 253 },
  ],
};
const loopback: FakeInterface = {
  index: 1,
  name: 'lo',
  flags: 0x49,
  hardware: new Uint8Array(6),
  mtu: 65536,
  addresses: [{ bytes: Uint8Array.of(127, 0, 0, 1), prefix: 8, scope: 254 }],
};

test.serial('links come with their attributes', (t) => {
  setInterfaces([loopback, ethernet]);
  const fd = socket(ours);
  const links = dump(ours, fd, types.getLink);
  t.deepEqual(
    links.map((link) => [link.type, link.payload.readInt32LE(4), link.payload.readUInt32LE(8)]),
    [
      [types.newLink, 1, 0x49],
      [types.newLink, 2, 0x1043],
    ],
  );
  const found = attributes((links[1] as Message).payload, 16);
  t.is(found.get(3)?.toString('latin1'), 'eth0\0');
  t.deepEqual(found.get(1), Buffer.from(ethernet.hardware));
  t.is(found.get(4)?.readUInt32LE(0), 1400);
  t.is(found.get(16)?.[0], 6, 'up');
  ours.close(fd);
});

test.serial('addresses come by family, and as Linux orders them', (t) => {
  setInterfaces([loopback, ethernet]);
  const fd = socket(ours);
  const summary = (wantedFamily: number): unknown[] =>
    dump(ours, fd, types.getAddress, wantedFamily).map(({ type, payload }) => {
      const [own, prefix, , scope] = payload;
      return [type, own, prefix, scope, payload.readUInt32LE(4)];
    });
  const [local, global, link] = [
    [types.newAddress, 2, 8, 254, 1],
    [types.newAddress, 2, 24, 0, 2],
    [types.newAddress, 10, 64, 253, 2],
  ];
  t.deepEqual(summary(0), [local, global, link]);
  t.deepEqual(summary(2), [local, global]);
  t.deepEqual(summary(10), [link]);
  const found = attributes((dump(ours, fd, types.getAddress, 2)[1] as Message).payload, 8);
  t.deepEqual(found.get(1), Buffer.from([10, 0, 2, 15]));
  t.deepEqual(found.get(2), Buffer.from([10, 0, 2, 15]));
  t.deepEqual(found.get(4), Buffer.from([10, 0, 2, 255]));
  t.is(found.get(3)?.toString('latin1'), 'eth0\0');
  ours.close(fd);
});

test.serial('one link is found by index and by name', (t) => {
  setInterfaces([loopback, ethernet]);
  const fd = socket(ours);
  const byIndex = Buffer.alloc(16);
  byIndex.writeInt32LE(2, 4);
  const byName = Buffer.concat([
    Buffer.alloc(16),
    Buffer.from('\x09\0\x03\0eth0\0\0\0\0', 'latin1'),
  ]);
  for (const payload of [byIndex, byName]) {
    send(ours, fd, request(types.getLink, flag.request | flag.acknowledge, payload));
    const [link] = receive(ours, fd);
    t.is(link?.type, types.newLink);
    t.is(link?.payload.readInt32LE(4), 2);
    t.is(errorOf(receive(ours, fd)[0]), 0);
  }
  ours.close(fd);
});

test.serial('many interfaces come in datagrams that fit a page', (t) => {
  setInterfaces(
    Array.from({ length: 100 }, (_, index) => ({
      ...ethernet,
      index: index + 1,
      name: `veth${index}`,
    })),
  );
  const fd = socket(ours);
  send(ours, fd, request(types.getLink, flag.request | flag.dump));
  const messages: Message[] = [];
  let datagrams = 0;
  while (messages.at(-1)?.type !== types.done) {
    const bytes = Buffer.alloc(65536);
    const size = ours.must('recvfrom', fd, bytes, bytes.length, 0, null, null);
    t.true(size <= 4096);
    messages.push(...parse(bytes.subarray(0, size)));
    ++datagrams;
  }
  t.is(messages.length, 101);
  t.true(datagrams > 1);
  ours.close(fd);
});
