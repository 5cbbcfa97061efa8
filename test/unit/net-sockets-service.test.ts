// The socket service over TCP, UDP and IP layers that do as they are told.
import { anyV4, IpAddress } from '@runtimejs/net/address.ts';
import { errno } from '@runtimejs/net/errors.ts';
import {
  requestAutobind,
  requestConnect,
  socketPing,
  socketStream,
} from '@runtimejs/net/generated/shared-memory.ts';
import { recordSize } from '@runtimejs/net/sockets/datagram-ring.ts';
import test from 'ava';
import type { FakeSocket } from './support/fake-broker.ts';
import { anyPort, FakeWorld, fakeHeader } from './support/fake-transports.ts';

const peer = { address: IpAddress.v4(0x0a000009), port: 80 };
const here = { address: IpAddress.v4(0x0a000001), port: 7 };
const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value, 'latin1'));
const ofText = (value: Uint8Array | null | undefined): string | null | undefined =>
  value && Buffer.from(value).toString('latin1');

/** A stream with an established connection. */
function connected(world: FakeWorld) {
  const socket = world.kernel.stream();
  socket.connect(peer);
  world.turn();
  const connection = world.tcp.connections.at(-1)!;
  connection.user?.events.established();
  world.turn();
  return { socket, connection };
}

/** Puts bytes into the receive ring as TCP does. */
function arrive(
  connection: ReturnType<typeof connected>['connection'],
  world: FakeWorld,
  data: string,
) {
  const packet = world.packet(text(data));
  const { receive, events } = connection.user!;
  const written = receive.write(0, packet.start, packet.length);
  if (written) {
    receive.produce(packet.length);
    events.receivable();
  }
  return written;
}

const outcome = (socket: FakeSocket): number | undefined => socket.reply?.error;

test('connect begins, shows addresses, and establishes', (t) => {
  const world = new FakeWorld();
  const socket = world.kernel.stream();
  socket.connect(peer);
  t.is(socket.reply, undefined);
  world.turn();
  t.is(outcome(socket), 0);
  t.false(socket.isConnected);
  t.is(socket.local.port, 50000);
  t.true(socket.peer.address.equals(peer.address));
  const before = socket.attentions;
  world.tcp.connections[0]?.user?.events.established();
  world.turn();
  t.true(socket.isConnected);
  t.is(socket.attentions, before + 1);
});

test('a refused connection leaves its error and can be begun again', (t) => {
  const world = new FakeWorld();
  const socket = world.kernel.stream();
  socket.connect(peer);
  world.turn();
  world.tcp.connections[0]?.user?.events.failed('ECONNREFUSED');
  world.turn();
  t.true(socket.isGone);
  t.is(socket.takeError(), errno.ECONNREFUSED);
  socket.connect(peer);
  world.turn();
  t.is(outcome(socket), 0);
  t.false(socket.isGone);
  t.is(world.tcp.connections.length, 2);
});

test('a second connect is told how the first one stands', (t) => {
  const world = new FakeWorld();
  const socket = world.kernel.stream();
  socket.connect(peer);
  world.turn();
  socket.connect(peer);
  world.turn();
  t.is(outcome(socket), errno.EALREADY);
  world.tcp.connections[0]?.user?.events.established();
  socket.connect(peer);
  world.turn();
  t.is(outcome(socket), errno.EISCONN);
});

test('connect without a route goes on while the network is being configured', (t) => {
  const world = new FakeWorld();
  world.network.configuring = true;
  world.tcp.connectError = 'ENETUNREACH';
  const [first, second] = [world.kernel.stream(), world.kernel.stream()];
  first.connect(peer);
  world.turn();
  t.is(outcome(first), 0, 'a non-blocking connect is not held up');
  world.tcp.connectError = null;
  world.network.finish(null);
  world.turn();
  t.is(world.tcp.connections.length, 1);

  world.network.configuring = true;
  world.tcp.connectError = 'ENETUNREACH';
  second.connect(peer);
  world.turn();
  world.network.finish('ENETUNREACH');
  world.turn();
  t.is(second.takeError(), errno.ENETUNREACH);
  t.true(second.isGone);
  const third = world.kernel.stream();
  third.connect(peer);
  world.turn();
  t.is(outcome(third), errno.ENETUNREACH);
});

test('a socket that is closed while it waits for configuration is given back', (t) => {
  const world = new FakeWorld();
  world.network.configuring = true;
  world.tcp.connectError = 'ENETUNREACH';
  const socket = world.kernel.stream();
  socket.connect(peer);
  world.turn();
  socket.close();
  world.turn();
  t.true(socket.isReleased);
  world.network.finish(null);
  world.turn();
  t.is(world.tcp.connections.length, 0);
});

test('bytes go to TCP and come from it, with one notification per turn', (t) => {
  const world = new FakeWorld();
  const { socket, connection } = connected(world);
  t.is(socket.write(text('hello')), 5);
  world.turn();
  t.deepEqual(connection.calls, ['sendMore']);
  const { send } = connection.user!;
  t.is(send.length, 5);
  send.consume(5);

  const before = world.kernel.notifications;
  arrive(connection, world, 'one');
  arrive(connection, world, 'two');
  world.turn();
  t.is(world.kernel.notifications, before + 1);
  t.is(ofText(socket.read()), 'onetwo');
  t.is(socket.read(), undefined);
  connection.user?.events.receiveEnded();
  world.turn();
  t.is(socket.read(), null);
});

test('an acknowledgement reaches the kernel only when somebody waits for a third of the space', (t) => {
  const world = new FakeWorld();
  const { socket, connection } = connected(world);
  const { send, events } = connection.user!;
  t.is(socket.write(new Uint8Array(100_000)), 16384, 'the first ring is full');
  world.turn();
  t.true(socket.sendCapacity >= 65536, 'it grew to what the path may need');
  socket.write(new Uint8Array(100_000));
  world.turn();
  const before = socket.attentions;
  send.consume(1000);
  events.sendable();
  world.turn();
  t.is(socket.attentions, before);
  send.consume(30_000);
  events.sendable();
  world.turn();
  t.is(socket.attentions, before + 1);
  send.consume(1000);
  events.sendable();
  world.turn();
  t.is(socket.attentions, before + 1, 'nobody waits any more');
});

test('the send limit follows what the path holds, unless the app set it', (t) => {
  const world = new FakeWorld();
  const { socket, connection } = connected(world);
  t.is(socket.sendLimit, 65536);
  connection.sendTarget = 300_000;
  connection.user?.events.sendable();
  world.turn();
  t.is(socket.sendLimit, 300_000);
  connection.sendTarget = 1e9;
  connection.user?.events.sendable();
  world.turn();
  t.is(socket.sendLimit, 4 * 1024 * 1024);
});

test('TCP hears of reading once a window update is due', (t) => {
  const world = new FakeWorld();
  const { socket, connection } = connected(world);
  connection.windowUpdateAfter = 6;
  arrive(connection, world, 'abcdefgh');
  world.turn();
  socket.read(5);
  world.turn();
  t.deepEqual(connection.calls, []);
  socket.read(1);
  world.turn();
  t.deepEqual(connection.calls, ['received']);
});

test('end of sending, close and release', (t) => {
  const world = new FakeWorld();
  const { socket, connection } = connected(world);
  socket.write(text('x'));
  socket.shutdown('send');
  world.turn();
  t.deepEqual(connection.calls, ['sendMore', 'shutdownSend']);
  socket.close();
  world.turn();
  t.deepEqual(connection.calls.slice(2), ['close']);
  t.false(socket.isReleased);
  connection.user?.events.closed();
  world.turn();
  t.true(socket.isReleased);
  t.is(world.service.count, 0);
});

test('a close with SO_LINGER 0 resets, also when it comes after a gentle one', (t) => {
  const world = new FakeWorld();
  const one = connected(world);
  one.socket.close(true);
  world.turn();
  t.deepEqual(one.connection.calls, ['abort']);
  t.true(one.socket.isReleased);
  const two = connected(world);
  two.socket.close();
  world.turn();
  two.socket.close(true);
  world.turn();
  t.deepEqual(two.connection.calls, ['close', 'abort']);
  t.true(two.socket.isReleased);
});

test('a connection that broke stays until the app closes it', (t) => {
  const world = new FakeWorld();
  const { socket, connection } = connected(world);
  arrive(connection, world, 'last words');
  connection.user?.events.failed('ECONNRESET');
  world.turn();
  t.true(socket.isGone);
  t.is(ofText(socket.read()), 'last words');
  t.is(socket.takeError(), errno.ECONNRESET);
  t.is(socket.write(text('x')), -1);
  t.false(socket.isReleased);
  socket.close();
  world.turn();
  t.true(socket.isReleased);
});

test('listen, accept, backlog, close', (t) => {
  const world = new FakeWorld();
  const server = world.kernel.stream();
  server.bind(anyPort(8080), 1);
  world.turn();
  t.is(outcome(server), 0);
  t.deepEqual(world.tcp.bindings[0]?.flags, {
    reuseAddress: true,
    reusePort: false,
    v6Only: false,
  });
  server.setOption(6, 1, 1);
  world.turn();
  server.listen(5);
  world.turn();
  t.true(server.isListening);
  const listener = world.tcp.listeners[0]!;
  t.is(listener.backlog, 5);
  t.true(listener.settings.noDelay);

  const client = connected(world).connection;
  const user = listener.events.accept(client);
  t.not(user, null);
  t.is(listener.events.waiting(), 1);
  world.turn();
  const accepted = server.accept()!;
  t.true(accepted.isConnected);
  t.is(accepted.peer.port, 80);
  t.is(listener.events.waiting(), 0);

  world.kernel.mostSockets = world.kernel.socketCount;
  t.is(listener.events.accept(client), null, 'no more sockets: the handshake is not completed');
  t.is(world.service.counters.acceptFailed, 1);
  server.listen(9);
  world.turn();
  t.is(listener.backlog, 9);
  server.close();
  world.turn();
  t.true(listener.isClosed);
  t.true(server.isReleased);
  t.true(accepted.isConnected);
});

test('listen without bind takes a port, and bind only works once', (t) => {
  const world = new FakeWorld();
  const server = world.kernel.stream(10);
  server.listen(1);
  world.turn();
  t.is(outcome(server), 0);
  t.is(server.local.port, 40000);
  t.true(server.local.address.isUnspecified);
  server.bind(anyPort(1));
  world.turn();
  t.is(outcome(server), errno.EINVAL);
  world.tcp.bindError = 'EADDRINUSE';
  const other = world.kernel.stream();
  other.bind(anyPort(8080));
  world.turn();
  t.is(outcome(other), errno.EADDRINUSE);
});

test('bind to an address that may still come waits for it', (t) => {
  const world = new FakeWorld();
  world.network.configuring = true;
  world.tcp.bindError = 'EADDRNOTAVAIL';
  const socket = world.kernel.stream();
  socket.bind(here);
  world.turn();
  t.is(socket.reply, undefined);
  world.tcp.bindError = null;
  world.network.finish(null);
  world.turn();
  t.is(outcome(socket), 0);
  t.is(socket.local.port, 7);
  socket.close();
  world.turn();
  t.true(world.tcp.bindings[0]?.isReleased);
});

test('a bound socket gives its port back when it is closed', (t) => {
  const world = new FakeWorld();
  const socket = world.kernel.stream();
  socket.bind(anyPort(1));
  world.turn();
  socket.close();
  world.turn();
  t.true(world.tcp.bindings[0]?.isReleased);
  t.true(socket.isReleased);
});

test('options of streams', (t) => {
  const world = new FakeWorld();
  const { socket, connection } = connected(world);
  const set = (level: number, name: number, value: number | Uint8Array): number | undefined => {
    socket.setOption(level, name, value);
    world.turn();
    return outcome(socket);
  };
  const get = (level: number, name: number): number => {
    socket.getOption(level, name);
    world.turn();
    const { error, data } = socket.reply!;
    return error === 0 ? new DataView(data.buffer).getInt32(0, true) : -error;
  };
  t.is(set(6, 1, 1), 0);
  t.true(connection.settings.noDelay);
  t.deepEqual(connection.calls, ['settingsChanged']);
  t.is(get(6, 1), 1);
  t.is(set(6, 4, 30), 0);
  t.is(get(6, 4), 30);
  t.is(set(6, 4, 0), errno.EINVAL);
  t.is(set(6, 4, 32768), errno.EINVAL);
  t.is(set(1, 9, 1), 0);
  t.true(connection.settings.keepAlive);
  t.is(set(6, 13, text('reno\0')), 0);
  t.is(connection.settings.congestion, 'reno');
  t.is(set(6, 13, text('bbr')), 2, 'ENOENT');
  socket.getOption(6, 13);
  world.turn();
  t.is(ofText(socket.reply?.data), `reno${'\0'.repeat(12)}`);
  socket.getOption(6, 11);
  world.turn();
  t.is(socket.reply?.data.length, 232);
  t.is(get(0, 14), 1400, 'IP_MTU');
  t.is(set(0, 2, 300), errno.EINVAL);
  t.is(set(0, 2, text('\x05')), 0, 'a byte will do');
  t.is(get(0, 2), 5);
  t.is(set(6, 999, 1), errno.ENOPROTOOPT);
  t.is(set(77, 1, 1), errno.ENOPROTOOPT);
  const idle = world.kernel.stream();
  idle.getOption(0, 14);
  world.turn();
  t.is(outcome(idle), errno.ENOTCONN);
});

test('rings of an idle connection are freed, and come back', (t) => {
  const world = new FakeWorld();
  const { socket, connection } = connected(world);
  socket.write(text('x'));
  world.turn();
  connection.user?.send.consume(1);
  arrive(connection, world, 'y');
  world.turn();
  world.pass(10_000_000);
  t.true(world.kernel.ringBytes > 0, 'unread bytes keep the rings');
  t.is(ofText(socket.read()), 'y');
  connection.isQuiescent = false;
  world.pass(10_000_000);
  t.true(world.kernel.ringBytes > 0, 'so do bytes ahead of a gap');
  connection.isQuiescent = true;
  world.pass(10_000_000);
  t.is(world.kernel.ringBytes, 0);
  t.is(world.service.deadline, Number.POSITIVE_INFINITY, 'nothing is looked after any more');
  t.true(arrive(connection, world, 'again'));
  world.turn();
  t.is(ofText(socket.read()), 'again');
});

test('no memory for a ring: nothing is taken', (t) => {
  const world = new FakeWorld();
  const { connection } = connected(world);
  world.kernel.mostRingBytes = 0;
  t.false(arrive(connection, world, 'x'));
});

test('datagrams go out with the address that each names', (t) => {
  const world = new FakeWorld();
  const socket = world.kernel.datagram();
  socket.request(requestAutobind, 0, 0, peer);
  world.turn();
  t.is(outcome(socket), 0);
  t.is(socket.local.port, 40000);
  t.true(socket.sendTo(text('one'), peer));
  t.true(socket.sendTo(text('two'), { ...peer, port: 81 }, 9));
  world.turn();
  const [endpoint] = world.udp.endpoints;
  t.deepEqual(
    endpoint?.sent.map(({ to, data, hopLimit }) => [to?.port, data, hopLimit]),
    [
      [80, 'one', 0],
      [81, 'two', 9],
    ],
  );
  socket.connect(peer);
  world.turn();
  t.true(socket.isConnected);
  socket.sendTo(text('three'));
  world.turn();
  t.is(endpoint?.sent[2]?.to, null);
  socket.request(requestConnect);
  world.turn();
  t.false(socket.isConnected);
  t.is(socket.peer.port, 0);
});

test('thousands of datagrams wrap around the ring, a part of them per turn', (t) => {
  const world = new FakeWorld();
  const socket = world.kernel.datagram();
  socket.bind(anyPort(5));
  world.turn();
  let count = 0;
  for (let round = 0; round < 60; round++) {
    while (socket.sendTo(text(`datagram ${count} `.repeat(1 + (count % 90))), peer)) count += 1;
    while (world.service.deadline === 0) world.turn();
  }
  const sent = world.udp.endpoints[0]!.sent;
  t.true(count > 5000);
  t.is(sent.length, count);
  t.true(sent.every(({ data }, index) => data.startsWith(`datagram ${index} `)));
});

test('datagrams wait for a neighbour or for a route, and are sent then', (t) => {
  const world = new FakeWorld();
  const socket = world.kernel.datagram();
  socket.bind(anyPort(5));
  world.turn();
  const endpoint = world.udp.endpoints[0]!;
  endpoint.sendResult = 'EAGAIN';
  socket.sendTo(text('one'), peer);
  world.turn();
  socket.sendTo(text('two'), peer);
  endpoint.sendResult = null;
  world.turn();
  t.is(endpoint.sent.length, 0);
  endpoint.events.sendable();
  world.turn();
  t.is(endpoint.sent.length, 2);

  world.network.configuring = true;
  endpoint.sendResult = 'ENETUNREACH';
  socket.sendTo(text('three'), peer);
  world.turn();
  socket.close();
  world.turn();
  t.false(socket.isReleased, 'what was sent before the close still goes out');
  endpoint.sendResult = null;
  world.network.finish(null);
  world.turn();
  t.is(endpoint.sent.length, 3);
  t.true(endpoint.isClosed);
  t.true(socket.isReleased);
});

test('datagrams that cannot be sent are counted, and reported where there is one peer', (t) => {
  const world = new FakeWorld();
  const socket = world.kernel.datagram();
  socket.bind(anyPort(5));
  world.turn();
  world.udp.endpoints[0]!.sendResult = 'EHOSTUNREACH';
  socket.sendTo(text('x'), peer);
  world.turn();
  t.is(world.service.counters.datagramSendFailedEHOSTUNREACH, 1);
  t.is(socket.takeError(), 0);
  socket.connect(peer);
  socket.sendTo(text('x'));
  world.turn();
  t.is(socket.takeError(), errno.EHOSTUNREACH);
});

test('received datagrams have their addresses, and are dropped when the buffer is full', (t) => {
  const world = new FakeWorld();
  const socket = world.kernel.datagram();
  socket.bind(anyPort(5));
  world.turn();
  const { events } = world.udp.endpoints[0]!;
  const header = fakeHeader(peer.address, here.address);
  const receive = (value: string): boolean => {
    const packet = world.packet(text(value));
    return events.receive(packet, packet.length, header, 1234);
  };
  t.true(receive('hello'));
  world.turn();
  const datagram = socket.receiveFrom()!;
  t.is(ofText(datagram.data), 'hello');
  t.true(datagram.from.address.equals(peer.address));
  t.is(datagram.from.port, 1234);
  t.true(datagram.to.equals(here.address));
  t.deepEqual([datagram.interfaceIndex, datagram.hopLimit, datagram.trafficClass], [2, 63, 4]);

  let kept = 0;
  while (receive(`${kept}:${'x'.repeat(kept % 3000)}`)) kept += 1;
  t.is(world.service.counters.datagramReceiveBufferFull, 1);
  t.true(kept > 100);
  for (let index = 0; index < kept; index++) {
    t.true(ofText(socket.receiveFrom()?.data)?.startsWith(`${index}:`));
  }
  t.is(socket.receiveFrom(), undefined);
  t.true(receive('z'.repeat(65_507)), 'the largest datagram fits');
  t.is(socket.receiveFrom()?.data.length, 65_507);
});

test('rings of records under a random load deliver everything in order', (t) => {
  const world = new FakeWorld();
  const socket = world.kernel.datagram();
  socket.bind(anyPort(5));
  world.turn();
  const { events } = world.udp.endpoints[0]!;
  const header = fakeHeader(peer.address, here.address);
  let random = 12345;
  const next = (bound: number): number => {
    random = (Math.imul(random, 1103515245) + 12345) & 0x7fffffff;
    return (random >> 8) % bound;
  };
  let [made, taken] = [0, 0];
  for (let step = 0; step < 20_000; step++) {
    if (next(2) === 0) {
      const data = text(`${made}:${'x'.repeat(next(recordSize(8000)))}`);
      if (events.receive(world.packet(data), data.length, header, 1)) made += 1;
    } else {
      const datagram = socket.receiveFrom();
      if (datagram !== undefined) t.true(ofText(datagram.data)?.startsWith(`${taken++}:`));
    }
  }
  t.true(taken > 5000);
});

test('options and groups of datagram sockets', (t) => {
  const world = new FakeWorld();
  const socket = world.kernel.datagram();
  const set = (level: number, name: number, value: number | readonly number[]): number => {
    socket.setOption(level, name, typeof value === 'number' ? value : new Uint8Array(value));
    world.turn();
    return outcome(socket)!;
  };
  const group = [239, 1, 2, 3];
  t.is(set(0, 35, [...group, 0, 0, 0, 0]), 0, 'ip_mreq, before bind');
  t.is(set(0, 35, [...group, 0, 0, 0, 0]), errno.EADDRINUSE);
  t.is(set(1, 6, 1), 0, 'SO_BROADCAST');
  t.is(set(0, 33, 4), 0, 'IP_MULTICAST_TTL');
  socket.bind(anyPort(5));
  world.turn();
  const endpoint = world.udp.endpoints[0]!;
  t.true(endpoint.settings.broadcast);
  t.is(endpoint.settings.multicastHopLimit, 4);
  t.deepEqual(endpoint.memberships, ['+-10fefdfd<%0']);
  endpoint.memberships.length = 0;

  t.is(set(0, 35, [...group, 10, 0, 0, 1]), 0, 'ip_mreq by address');
  t.is(set(0, 35, [...group, 10, 0, 0, 2]), errno.ENODEV);
  t.is(set(0, 35, [...group, 0, 0, 0, 0, 3, 0, 0, 0]), 0, 'ip_mreqn by index');
  t.is(set(0, 39, [...group, 10, 0, 0, 1, 1, 2, 3, 4]), 0, 'ip_mreq_source');
  t.is(set(0, 36, [...group, 0, 0, 0, 0]), 0);
  t.is(set(0, 35, [10, 1, 2, 3, 0, 0, 0, 0]), errno.EINVAL, 'no group');
  t.is(set(0, 35, [1]), errno.EINVAL, 'too short');
  const group6 = [0xff, 2, ...new Array<number>(13).fill(0), 0xfb];
  t.is(set(41, 20, [...group6, 2, 0, 0, 0]), 0, 'ipv6_mreq');
  const request = [2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, ...group, ...new Array<number>(120).fill(0)];
  t.is(set(0, 42, request), 0, 'group_req');
  t.deepEqual(endpoint.memberships, [
    '+-10fefdfd<%2',
    '+-10fefdfd<%3',
    '+-10fefdfd<1020304%2',
    '--10fefdfd<%0',
    '+fb<%2',
    '+-10fefdfd<%2',
  ]);
  t.is(set(0, 32, [10, 0, 0, 1]), 0, 'IP_MULTICAST_IF by address');
  t.is(endpoint.settings.multicastInterface, 2);
  t.is(set(0, 10, 2), 0, 'IP_MTU_DISCOVER');
  t.true(endpoint.settings.dontFragment);
});

test('kinds of sockets that the stack does not have are refused', (t) => {
  const world = new FakeWorld();
  const socket = world.kernel.socket(socketPing, 2);
  socket.bind(anyPort(0));
  world.turn();
  t.is(outcome(socket), errno.EPROTONOSUPPORT);
  socket.close();
  world.turn();
  t.true(socket.isReleased);
  t.is(world.service.count, 0);
});

test('thousands of sockets come and go, and leave nothing', (t) => {
  const world = new FakeWorld();
  for (let round = 0; round < 3; round++) {
    const sockets = Array.from({ length: 2000 }, () => world.kernel.socket(socketStream, 2));
    for (const socket of sockets) socket.bind({ address: anyV4, port: 0 });
    world.turn();
    t.is(world.service.count, 2000);
    t.true(sockets.every((socket) => outcome(socket) === 0));
    for (const socket of sockets) socket.close();
    world.turn();
    t.is(world.service.count, 0);
    t.is(world.kernel.socketCount, 0);
  }
  t.true(world.tcp.bindings.every(({ isReleased }) => isReleased));
});
