// Sockets of services: the endpoint over a stack with its loopback interface, and RPC between both.
import { RingMemory } from '@runtimejs/http/server/ring-memory.ts';
import type { Environment } from '@runtimejs/net/environment.ts';
import { HostMemory } from '@runtimejs/net/memory.ts';
import { protocol } from '@runtimejs/net/network.ts';
import { Stack } from '@runtimejs/net/stack.ts';
import { TimerQueue } from '@runtimejs/net/storage/timers.ts';
import { Tcp } from '@runtimejs/net/tcp/tcp.ts';
import { Udp } from '@runtimejs/net/udp/udp.ts';
import { type Connection, connect } from '@runtimejs/rpc/calls/connection.ts';
import type { Remote } from '@runtimejs/rpc/calls/types.ts';
import { memoryChannels } from '@runtimejs/rpc/channels/memory.ts';
import { serveClient } from '@runtimejs/system/service/serve.ts';
import { serveSockets } from '@runtimejs/system/service/sockets/endpoint.ts';
import { ClientSockets, SocketsHost } from '@runtimejs/system/service/sockets/host.ts';
import type { Sockets } from '@runtimejs/system/service/sockets/types.ts';
import test, { type ExecutionContext } from 'ava';

const regionSize = 8 << 20;
const ringsAt = 1 << 20;
const loopback = '127.0.0.1';

/** A machine with loopback only, whose time goes on by a millisecond whenever nothing else is to be done. */
class Machine {
  readonly rings: RingMemory;
  readonly #stack: Stack;
  readonly #tcp: Tcp;
  readonly #host: SocketsHost;
  #isOver = false;

  constructor(t: ExecutionContext, ringMemory = 16 << 20) {
    const memory = new HostMemory(64 << 20);
    const environment: Environment = {
      memory,
      clock: { now: 1_000_000 },
      timers: new TimerQueue(),
      random: (into) => crypto.getRandomValues(into as Uint8Array<ArrayBuffer>),
      log: (level, text) => t.log(level, text),
    };
    this.#stack = new Stack(environment, {
      offset: memory.bytes.length - regionSize,
      size: regionSize,
    });
    this.#tcp = new Tcp(this.#stack.environment, this.#stack.network, this.#stack.tcpPorts);
    this.#stack.registerTransport(protocol.tcp, this.#tcp);
    let slab = ringsAt;
    this.rings = new RingMemory(memory, ringMemory, () => {
      const given = slab;
      slab += 256 * 1024;
      return given;
    });
    this.#stack.addWork({
      run: () => {
        this.#tcp.flush();
        return this.#tcp.hasPending;
      },
    });
    const network = { stack: this.#stack, tcp: this.#tcp, udp: new Udp(this.#stack) };
    this.#host = new SocketsHost(network, this.rings, () => {});
    const run = (): void => {
      if (this.#isOver) return;
      const { clock } = environment;
      if (this.#stack.poll(clock.now) > clock.now) clock.now += 1000;
      setImmediate(run);
    };
    run();
    t.teardown(() => {
      this.#isOver = true;
    });
  }

  /** A service with the endpoint. */
  client(): { readonly sockets: Remote<Sockets>; readonly connection: Connection<Sockets> } {
    const [served, calling] = memoryChannels({ later: setImmediate });
    serveClient(served, 'test', (client) => {
      const owner = new ClientSockets();
      client.onGone(() => owner.end());
      return serveSockets(this.#host, owner);
    });
    const connection = connect<Sockets>(calling);
    return { sockets: connection.remote, connection };
  }

  get inUse(): readonly number[] {
    const { tcpPorts, udpPorts } = this.#stack;
    const open = this.#tcp.connectionCount - this.#tcp.timeWaitCount;
    return [open, tcpPorts.size, udpPorts.size];
  }

  async until(condition: () => boolean): Promise<void> {
    for (let turns = 0; !condition(); turns += 1) {
      if (turns > 200_000) throw new Error(`It did not happen; in use: ${this.inUse}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

async function readAll(data: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of data) pieces.push(piece);
  return Buffer.concat(pieces);
}

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 0xff);
}

test('datagrams go there and back, with their addresses', async (t) => {
  const machine = new Machine(t);
  const { sockets } = machine.client();
  const server = await sockets.udp({ port: 5353 });
  const client = await sockets.udp({ address: loopback });
  void (async () => {
    for await (const { bytes, from } of await server.datagrams()) {
      await server.send(bytes.toReversed(), from);
    }
  })();
  const answers = (await client.datagrams())[Symbol.asyncIterator]();
  for (const length of [0, 1, 1400, 20_000]) {
    const bytes = pattern(length);
    await client.send(bytes, { address: loopback, port: 5353 });
    const { value } = await answers.next();
    t.deepEqual(value?.bytes, bytes.toReversed(), `${length} bytes`);
    t.deepEqual(value?.from, { address: loopback, port: 5353 });
  }
  t.is(await server.dropped(), 0);
});

test('datagrams that nobody reads are dropped and counted', async (t) => {
  const machine = new Machine(t);
  const { sockets } = machine.client();
  const server = await sockets.udp({ port: 9 });
  const client = await sockets.udp();
  for (let sent = 0; sent < 12; sent += 1) {
    await client.send(pattern(30_000), { address: loopback, port: 9 });
  }
  const iterator = (await server.datagrams())[Symbol.asyncIterator]();
  await iterator.next();
  t.is(await server.dropped(), 4, '8 datagrams of 30,000 bytes are less than 256 KiB');
});

test('a megabyte goes there and back over TCP, and ends are heard', async (t) => {
  const machine = new Machine(t);
  const { sockets } = machine.client();
  const listener = await sockets.listen({ port: 7 });
  t.like(await listener.local(), { port: 7 });
  void (async () => {
    for await (const { connection } of await listener.connections()) {
      for await (const piece of await connection.data()) await connection.write(piece);
      await connection.end();
    }
  })();
  const connection = await sockets.connect({ address: loopback, port: 7 });
  t.deepEqual(await connection.remote(), { address: loopback, port: 7 });
  const sent = pattern(1 << 20);
  const returned = readAll(await connection.data());
  await connection.write(sent);
  await connection.end();
  t.true(Buffer.from(sent).equals(await returned));
  await t.throwsAsync(connection.write(sent), { code: 'EPIPE' });
});

test('who does not read slows who writes', async (t) => {
  const machine = new Machine(t);
  const { sockets } = machine.client();
  const listener = await sockets.listen({ address: loopback, port: 7 });
  const accepted = (await listener.connections())[Symbol.asyncIterator]();
  const connection = await sockets.connect({ address: loopback, port: 7 });
  const { value: peer } = await accepted.next();
  let isWritten = false;
  const written = connection.write(pattern(400_000)).then(() => {
    isWritten = true;
  });
  for (let turn = 0; turn < 3000; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.false(isWritten);
  const data = (await peer?.connection.data())?.[Symbol.asyncIterator]();
  for (let read = 0; read < 400_000; ) read += ((await data?.next())?.value ?? []).length;
  await written;
  t.true(isWritten);
});

test('errors have the codes of the stack', async (t) => {
  const machine = new Machine(t);
  const { sockets } = machine.client();
  await sockets.udp({ port: 53 });
  await t.throwsAsync(sockets.udp({ port: 53 }), {
    code: 'EADDRINUSE',
    message: /bind :: port 53/,
  });
  const listener = await sockets.listen({ port: 80 });
  await t.throwsAsync(sockets.listen({ port: 80 }), { code: 'EADDRINUSE' });
  await t.throwsAsync(sockets.connect({ address: loopback, port: 81 }), {
    code: 'ECONNREFUSED',
    message: /127\.0\.0\.1 port 81/,
  });
  await t.throwsAsync(sockets.connect({ address: 'example.com', port: 81 }), {
    message: /"example.com" is no IP address; names are not looked up/,
  });
  await t.throwsAsync(sockets.udp({ port: 70_000 }), { message: /70000 is no port/ });
  await listener.close();
  await sockets.listen({ port: 80 });
  const socket = await sockets.udp();
  await t.throwsAsync(
    socket.send('text' as unknown as Uint8Array, { address: loopback, port: 9 }),
    {
      message: /Uint8Array/,
    },
  );
  await socket.datagrams();
  await t.throwsAsync(socket.datagrams(), { message: /one reader/ });
});

test('what a service has opened is closed when it ends, whatever is under way', async (t) => {
  const machine = new Machine(t);
  const server = machine.client();
  const listener = await server.sockets.listen({ port: 7 });
  const accepted = (await listener.connections())[Symbol.asyncIterator]();
  const client = machine.client();
  await client.sockets.udp({ port: 9 });
  const connections = [];
  for (let made = 0; made < 5; made += 1) {
    connections.push(await client.sockets.connect({ address: loopback, port: 7 }));
  }
  const ends = [];
  for (let taken = 0; taken < 4; taken += 1) {
    const { value } = await accepted.next();
    ends.push((async () => readAll((await value?.connection.data()) ?? fail()))());
  }
  await connections[0]?.write(pattern(1000));
  const stuck = connections[1]?.write(pattern(1 << 20));
  client.connection.close('it was killed');
  await t.throwsAsync(stuck as Promise<void>, { code: 'peer-gone' });
  t.is((await ends[0])?.length, 1000, 'what was written arrives, and then the end');
  server.connection.close('it was killed');
  await machine.until(() => machine.inUse.every((count) => count === 0));
  t.true(machine.rings.used <= 4096, 'rings are given back');
});

test('connections that find no memory for their rings are not taken', async (t) => {
  const machine = new Machine(t, 512 * 1024);
  const { sockets } = machine.client();
  await sockets.listen({ port: 7 });
  const opened = await Promise.allSettled(
    Array.from({ length: 8 }, () => sockets.connect({ address: loopback, port: 7 })),
  );
  const failed = opened.filter(({ status }) => status === 'rejected');
  t.true(failed.length > 0);
  for (const each of failed) t.like(each, { reason: { code: 'ENOBUFS' } });
});

function fail(): never {
  throw new Error('It is not there.');
}
