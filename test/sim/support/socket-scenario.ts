/** Applications with sockets on two whole hosts: what system calls see of a bad network. */
import { anyV4, anyV6, type IpAddress } from '@runtimejs/net/address.ts';
import { errno } from '@runtimejs/net/errors.ts';
import type { FakeSocket } from '../../unit/support/fake-broker.ts';
import { Agenda } from './clock.ts';
import { Link } from './link.ts';
import { type Random, seededRandom } from './random.ts';
import { SocketHost } from './socket-host.ts';
import { patternByte } from './stream.ts';
import { chooseConditions } from './transfer.ts';
import { chooseDevice, hour, minute, second } from './world.ts';

const port = 8080;

/** A client: writes its pattern, reads it back from an echo server, closes. */
class Client {
  readonly socket: FakeSocket;
  readonly total: number;
  readonly #pattern: number;
  readonly #random: Random;
  sent = 0;
  received = 0;
  isOver = false;
  failure = '';
  #isShut = false;

  constructor(socket: FakeSocket, to: IpAddress, total: number, pattern: number, random: Random) {
    this.socket = socket;
    this.total = total;
    this.#pattern = pattern;
    this.#random = random;
    socket.connect({ address: to, port });
  }

  /** Does what it can do without blocking. */
  step(): void {
    const { socket } = this;
    if (this.isOver) return;
    const refused = socket.reply?.error ?? 0;
    const error = refused !== 0 ? refused : socket.takeError();
    if (error !== 0) {
      this.#fail(error);
      return;
    }
    if (!socket.isConnected && !socket.isGone) return;
    this.#write();
    for (;;) {
      const bytes = socket.read(this.#random.integer(1, 50_000));
      if (bytes === undefined) return;
      if (bytes === null) break;
      for (const byte of bytes) {
        if (byte !== patternByte(this.#pattern, this.received)) {
          throw new Error(`byte ${this.received} is wrong`);
        }
        this.received += 1;
      }
    }
    if (this.received !== this.total)
      throw new Error(`end after ${this.received} of ${this.total}`);
    this.isOver = true;
    socket.close();
  }

  #write(): void {
    const { socket, total } = this;
    while (this.sent < total) {
      const length = Math.min(total - this.sent, this.#random.integer(1, 30_000));
      const data = new Uint8Array(length);
      for (let at = 0; at < length; at += 1) data[at] = patternByte(this.#pattern, this.sent + at);
      const count = socket.write(data);
      if (count < 0) return;
      this.sent += count;
      if (count < length) return;
    }
    if (!this.#isShut) socket.shutdown('send');
    this.#isShut = true;
  }

  #fail(error: number): void {
    this.isOver = true;
    this.failure = Object.entries(errno).find(([, value]) => value === error)?.[0] ?? `${error}`;
    this.socket.close();
  }
}

/** The other side of a connection: sends back what comes. */
class Echo {
  readonly socket: FakeSocket;
  isOver = false;
  #kept: Uint8Array | null = null;

  constructor(socket: FakeSocket) {
    this.socket = socket;
  }

  step(): void {
    const { socket } = this;
    while (!this.isOver) {
      if (this.#kept !== null) {
        const count = socket.write(this.#kept);
        if (count < 0) break;
        this.#kept = count === this.#kept.length ? null : this.#kept.subarray(count);
        if (this.#kept !== null) return;
      }
      const bytes = socket.read(20_000);
      if (bytes === undefined) return;
      if (bytes === null) break;
      this.#kept = bytes;
    }
    if (this.isOver) return;
    this.isOver = true;
    socket.close();
  }
}

/** Some clients at once against an echo server, with both IP versions. @returns how many were served */
export function socketEcho(seed: number): number {
  const random = seededRandom(seed);
  const agenda = new Agenda();
  const family = random.pick([4, 6] as const);
  const link = new Link(agenda, random, {
    ...chooseConditions(random, family),
    bandwidth: 0,
    back: {},
  });
  const hosts = ([0, 1] as const).map(
    (end) => new SocketHost(agenda, random, link, end, chooseDevice(random)),
  ) as [SocketHost, SocketHost];
  const [near, far] = hosts;
  const addressFamily = family === 4 ? 2 : 10;
  const pass = (until: () => boolean, within: number): boolean => {
    const latest = agenda.now + within;
    while (!until()) {
      if (agenda.next > latest) return false;
      agenda.step();
    }
    return true;
  };
  pass(() => false, 5 * second);
  // A request of the far host's, answered.
  const ask = (socket: FakeSocket): void => {
    far.wake();
    if (!pass(() => socket.reply !== undefined, second)) throw new Error('no answer');
    if (socket.reply?.error !== 0) throw new Error(`request failed: ${socket.reply?.error}`);
  };
  const listener = far.kernel.stream(addressFamily);
  listener.bind({ address: family === 4 ? anyV4 : anyV6, port });
  ask(listener);
  listener.listen(random.integer(1, 16));
  ask(listener);
  const clients: Client[] = [];
  const echoes: Echo[] = [];
  const count = random.integer(1, 8);
  const most = random.pick([1_000, 100_000, 300_000]);
  for (let index = 0; index < count; index += 1) {
    const to = family === 4 ? far.address4 : far.address6;
    const socket = near.kernel.stream(addressFamily);
    clients.push(new Client(socket, to, random.integer(0, most), index, random));
  }
  const pause = random.pick([500, 5_000, 50_000]);
  let isRunning = true;
  const work = (): void => {
    for (const client of clients) client.step();
    for (let socket = listener.accept(); socket !== undefined; socket = listener.accept()) {
      echoes.push(new Echo(socket));
    }
    for (const echo of echoes) echo.step();
    near.wake();
    far.wake();
    if (isRunning) agenda.at(agenda.now + pause, work);
  };
  work();
  const isOver = (): boolean =>
    clients.every((client) => client.isOver) && echoes.every((echo) => echo.isOver);
  pass(isOver, hour);
  for (const client of clients) {
    if (!client.isOver) throw new Error(`a client hangs after ${client.received} bytes`);
    if (client.failure !== '' && !['EHOSTUNREACH', 'ETIMEDOUT'].includes(client.failure)) {
      throw new Error(`a client got ${client.failure}`);
    }
  }
  isRunning = false;
  listener.close();
  for (const echo of echoes) if (!echo.isOver) echo.socket.close();
  near.wake();
  far.wake();
  pass(() => false, 30 * minute);
  hosts.forEach((host, index) => {
    const left = host.left();
    if (left.length > 0) throw new Error(`host ${index} has left: ${left.join(', ')}`);
    host.close();
  });
  return clients.filter((client) => client.failure === '').length;
}
