// Sockets over the whole stack and its loopback interface, in virtual time.
import { createHash } from 'node:crypto';
import { anyV4, IpAddress, loopbackV4, loopbackV6 } from '@runtimejs/net/address.ts';
import type { Environment } from '@runtimejs/net/environment.ts';
import { errno } from '@runtimejs/net/errors.ts';
import { HostMemory } from '@runtimejs/net/memory.ts';
import { NetworkService } from '@runtimejs/net/network-service.ts';
import { TimerQueue } from '@runtimejs/net/storage/timers.ts';
import test, { type ExecutionContext } from 'ava';
import { FakeKernel, type FakeSocket } from './support/fake-broker.ts';

const regionSize = 8 << 20;

/** A machine with loopback only. */
class Machine {
  readonly memory = new HostMemory(192 << 20);
  readonly kernel = new FakeKernel(this.memory);
  readonly environment: Environment;
  readonly service: NetworkService;
  #random = 1;

  constructor(t: ExecutionContext) {
    this.environment = {
      memory: this.memory,
      clock: { now: 1_000_000 },
      timers: new TimerQueue(),
      random: (into) => {
        for (let index = 0; index < into.length; index++) {
          this.#random = (Math.imul(this.#random, 1103515245) + 12345) & 0x7fffffff;
          into[index] = this.#random >> 16;
        }
      },
      log: (level, text) => t.log(level, text),
    };
    this.service = new NetworkService({
      environment: this.environment,
      broker: this.kernel,
      region: { offset: this.memory.bytes.length - regionSize, size: regionSize },
      now: () => this.environment.clock.now,
    });
    this.service.start();
  }

  /** Runs turns until a condition holds; fails when it does not within a minute of virtual time. */
  until(condition: () => boolean, what = 'what was waited for'): void {
    const end = this.environment.clock.now + 60_000_000;
    while (!condition()) {
      const { clock } = this.environment;
      const next = this.service.turn(clock.now);
      if (condition()) return;
      if (next > end) throw new Error(`never: ${what}`);
      clock.now = Math.max(next, clock.now + 1);
    }
  }

  /** Lets time pass. */
  pass(microseconds: number): void {
    const { clock } = this.environment;
    const end = clock.now + microseconds;
    for (;;) {
      const next = this.service.turn(clock.now);
      if (next > end) break;
      clock.now = Math.max(next, clock.now + 1);
    }
    clock.now = end;
  }

  answer(socket: FakeSocket): number {
    this.until(() => socket.reply !== undefined, 'an answer');
    return socket.reply!.error;
  }

  /** A listening socket on a port. */
  listen(port: number, backlog = 16, family = 2): FakeSocket {
    const server = this.kernel.stream(family);
    server.bind({ address: family === 2 ? anyV4 : new IpAddress(0, 0, 0, 0), port });
    if (this.answer(server) !== 0) throw new Error(`bind: ${server.reply?.error}`);
    server.listen(backlog);
    if (this.answer(server) !== 0) throw new Error(`listen: ${server.reply?.error}`);
    return server;
  }

  /** Two ends of a connection. */
  pair(
    port = 8080,
    address = loopbackV4,
  ): { client: FakeSocket; accepted: FakeSocket; server: FakeSocket } {
    const family = address.isV4 ? 2 : 10;
    const server = this.listen(port, 16, family);
    const client = this.kernel.stream(family);
    client.connect({ address, port });
    let accepted: FakeSocket | undefined;
    this.until(() => {
      accepted ??= server.accept();
      return accepted !== undefined && client.isConnected;
    }, 'a connection');
    return { client, server, accepted: accepted! };
  }
}

const bytes = (value: string): Uint8Array => new Uint8Array(Buffer.from(value));
const textOf = (value: Uint8Array | null | undefined): string =>
  Buffer.from(value ?? []).toString();

for (const [name, address] of [
  ['IPv4', loopbackV4],
  ['IPv6', loopbackV6],
] as const) {
  test(`a connection over ${name}: addresses, data both ways, end`, (t) => {
    const machine = new Machine(t);
    const { client, accepted, server } = machine.pair(8080, address);
    t.is(client.peer.port, 8080);
    t.is(accepted.peer.port, client.local.port);
    t.true(accepted.local.address.equals(address));
    client.write(bytes('ping'));
    machine.until(() => textOf(accepted.read()) === 'ping');
    accepted.write(bytes('pong'));
    machine.until(() => textOf(client.read()) === 'pong');
    client.shutdown('send');
    machine.until(() => accepted.read() === null, 'the end of the client');
    accepted.write(bytes('still here'));
    machine.until(() => textOf(client.read()) === 'still here', 'data after a half close');
    accepted.close();
    machine.until(() => client.read() === null);
    client.close();
    server.close();
    machine.until(() => machine.kernel.socketCount === 0, 'all sockets given back');
    t.is(machine.kernel.ringBytes, 0);
    machine.pass(120_000_000);
    t.is(machine.service.tcp.connectionCount, 0);
    t.is(machine.environment.timers.active, 0);
  });
}

test('10 MB arrive as they were sent, both ways at once, with slow readers', (t) => {
  const machine = new Machine(t);
  const { client, accepted } = machine.pair();
  const size = 10_000_000;
  const block = new Uint8Array(65_536).map((_, index) => (index * 7919) >> 3);
  const streams = [
    { from: client, to: accepted, sent: 0, received: 0, most: 300_000 },
    { from: accepted, to: client, sent: 0, received: 0, most: 5000 },
  ].map((stream) => ({ ...stream, out: createHash('sha256'), in: createHash('sha256') }));
  machine.until(() => {
    for (const stream of streams) {
      const offset = stream.sent % 50_000;
      const data = block.subarray(
        offset,
        offset + Math.min(size - stream.sent, block.length - offset),
      );
      const count = data.length === 0 ? 0 : stream.from.write(data);
      stream.out.update(data.subarray(0, count));
      stream.sent += count;
      const got = stream.to.read(stream.most);
      if (got) {
        stream.in.update(got);
        stream.received += got.length;
      }
    }
    return streams.every(({ received }) => received === size);
  }, 'all bytes');
  for (const stream of streams) t.is(stream.in.digest('hex'), stream.out.digest('hex'));
  t.true(client.sendCapacity > 16384, 'rings grow');
});

test('a peer that never reads stops the sender, and reading starts it again', (t) => {
  const machine = new Machine(t);
  const { client, accepted } = machine.pair();
  const block = new Uint8Array(100_000);
  let sent = 0;
  let idle = 0;
  while (idle < 50) {
    const count = client.write(block);
    sent += count;
    idle = count === 0 ? idle + 1 : 0;
    machine.pass(10_000);
  }
  t.true(sent < 20_000_000, `bounded: ${sent}`);
  let received = 0;
  machine.until(() => {
    received += accepted.read()?.length ?? 0;
    return received === sent;
  });
  t.true(client.write(block) > 0);
});

test('nobody listens: refused', (t) => {
  const machine = new Machine(t);
  const client = machine.kernel.stream();
  client.connect({ address: loopbackV4, port: 9 });
  t.is(machine.answer(client), 0);
  machine.until(() => client.isGone);
  t.is(client.takeError(), errno.ECONNREFUSED);
  client.close();
  machine.until(() => client.isReleased);
});

test('a close with SO_LINGER 0 resets the other end', (t) => {
  const machine = new Machine(t);
  const { client, accepted } = machine.pair();
  client.close(true);
  machine.until(() => accepted.isGone);
  t.is(accepted.takeError(), errno.ECONNRESET);
  accepted.close();
  machine.until(() => client.isReleased && accepted.isReleased);
});

test('a close with unread data resets the other end', (t) => {
  const machine = new Machine(t);
  const { client, accepted } = machine.pair();
  client.write(bytes('never read'));
  machine.pass(1000);
  accepted.close();
  machine.until(() => client.isGone);
  t.is(client.takeError(), errno.ECONNRESET);
});

test('a port is taken once; reuse lets a second socket listen', (t) => {
  const machine = new Machine(t);
  machine.listen(8080);
  const second = machine.kernel.stream();
  second.bind({ address: anyV4, port: 8080 });
  t.is(machine.answer(second), errno.EADDRINUSE);
  const first = machine.kernel.stream();
  first.bind({ address: anyV4, port: 9090 }, 2);
  t.is(machine.answer(first), 0);
  second.bind({ address: anyV4, port: 9090 }, 2);
  t.is(machine.answer(second), 0, 'SO_REUSEPORT');
});

test('more connections than the backlog holds are all accepted in the end', (t) => {
  const machine = new Machine(t);
  const server = machine.listen(8080, 4);
  const clients = Array.from({ length: 40 }, () => {
    const client = machine.kernel.stream();
    client.connect({ address: loopbackV4, port: 8080 });
    return client;
  });
  machine.pass(500_000);
  t.true(server.offered.length <= 5, `only the backlog waits: ${server.offered.length}`);
  const accepted: FakeSocket[] = [];
  machine.until(() => {
    const next = server.accept();
    if (next !== undefined) accepted.push(next);
    return accepted.length === clients.length;
  }, 'all of them');
  machine.until(() => clients.every((client) => client.isConnected));
  for (const socket of [...clients, ...accepted, server]) socket.close();
  machine.until(() => machine.kernel.socketCount === 0);
});

test('a listener that closes resets connections that nobody accepted', (t) => {
  const machine = new Machine(t);
  const server = machine.listen(8080);
  const client = machine.kernel.stream();
  client.connect({ address: loopbackV4, port: 8080 });
  machine.until(() => client.isConnected && server.offered.length === 1);
  server.close();
  machine.until(() => client.isGone);
  t.is(client.takeError(), errno.ECONNRESET);
});

test('idle connections keep no rings, and wake up again', (t) => {
  const machine = new Machine(t);
  const { client, accepted } = machine.pair();
  client.write(bytes('x'));
  machine.until(() => textOf(accepted.read()) === 'x');
  t.true(machine.kernel.ringBytes > 0);
  machine.pass(20_000_000);
  t.is(machine.kernel.ringBytes, 0);
  accepted.write(bytes('awake'));
  machine.until(() => textOf(client.read()) === 'awake');
});

test('a thousand connections come and go without a trace', (t) => {
  const machine = new Machine(t);
  const server = machine.listen(8080, 64);
  const timers = machine.environment.timers.active;
  for (let index = 0; index < 1000; index++) {
    const client = machine.kernel.stream();
    client.connect({ address: loopbackV4, port: 8080 });
    let accepted: FakeSocket | undefined;
    machine.until(() => {
      accepted ??= server.accept();
      return accepted !== undefined && client.isConnected;
    });
    client.write(bytes('request'));
    machine.until(() => accepted?.read() !== undefined);
    accepted?.close();
    machine.until(() => client.read() === null);
    client.close();
  }
  machine.until(() => machine.kernel.socketCount === 1);
  machine.pass(180_000_000);
  t.is(machine.service.tcp.connectionCount, 0);
  t.is(machine.service.sockets.count, 1);
  t.is(machine.kernel.ringBytes, 0);
  t.is(machine.environment.timers.active, timers);
  const { allocated, released } = machine.service.stack.pool.counters;
  t.is(allocated, released, 'every packet was given back');
});

test('datagrams: echo, large ones, wildcard and connected sockets', (t) => {
  const machine = new Machine(t);
  const server = machine.kernel.datagram();
  server.bind({ address: anyV4, port: 7 });
  t.is(machine.answer(server), 0);
  const client = machine.kernel.datagram();
  client.connect({ address: loopbackV4, port: 7 });
  t.is(machine.answer(client), 0);
  for (const size of [0, 1, 1472, 9000, 65_507]) {
    const data = new Uint8Array(size).map((_, index) => index * 31);
    client.sendTo(data);
    let datagram: ReturnType<FakeSocket['receiveFrom']>;
    machine.until(() => {
      datagram = server.receiveFrom();
      return datagram !== undefined;
    }, `${size} bytes`);
    t.is(Buffer.compare(Buffer.from(datagram!.data), Buffer.from(data)), 0);
    t.is(datagram?.from.port, client.local.port);
    server.sendTo(datagram!.data, datagram!.from);
    machine.until(() => client.receiveFrom()?.data.length === size);
  }
});

test('a datagram to a port that nobody has is refused', (t) => {
  const machine = new Machine(t);
  const client = machine.kernel.datagram();
  client.connect({ address: loopbackV4, port: 9 });
  t.is(machine.answer(client), 0);
  client.sendTo(bytes('x'));
  machine.pass(10_000);
  t.is(client.takeError(), errno.ECONNREFUSED);
});

test('multicast reaches every member on this machine', (t) => {
  const machine = new Machine(t);
  const group = IpAddress.v4(0xef010203);
  const members = [1, 2].map(() => {
    const socket = machine.kernel.datagram();
    socket.bind({ address: anyV4, port: 5353 }, 3);
    t.is(machine.answer(socket), 0);
    socket.setOption(0, 35, new Uint8Array([239, 1, 2, 3, 127, 0, 0, 1]));
    t.is(machine.answer(socket), 0);
    return socket;
  });
  const sender = machine.kernel.datagram();
  sender.bind({ address: anyV4, port: 0 });
  machine.answer(sender);
  sender.setOption(0, 32, new Uint8Array([127, 0, 0, 1]));
  t.is(machine.answer(sender), 0);
  sender.sendTo(bytes('to all'), { address: group, port: 5353 });
  for (const member of members) {
    machine.until(() => textOf(member.receiveFrom()?.data) === 'to all');
  }
});

test('resolv.conf is published at once when there is nothing to configure', (t) => {
  const machine = new Machine(t);
  t.regex(machine.kernel.files.get('resolv.conf') ?? '', /No name server/);
});
