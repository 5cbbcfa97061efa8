/** An HTTP server on one simulated host, and clients on the other that do as they are told. */
import type { Exchange } from '@runtimejs/http/connection/types.ts';
import type { Limits, Timeouts } from '@runtimejs/http/limits.ts';
import { largestBlock, RingMemory } from '@runtimejs/http/server/ring-memory.ts';
import { HttpServer } from '@runtimejs/http/server/server.ts';
import type { SocketError } from '@runtimejs/net/errors.ts';
import { ReceiveRing, SendRing } from '@runtimejs/net/storage/ring.ts';
import { defaultSettings } from '@runtimejs/net/tcp/tcp.ts';
import type { TcpConnection, TcpEvents, TcpUser } from '@runtimejs/net/tcp/types.ts';
import type { SimulatedHost } from './host.ts';
import type { World } from './world.ts';

/** What a server is started with. */
export interface SimulatedServerOptions {
  readonly limits?: Partial<Limits>;
  readonly timeouts?: Partial<Timeouts>;
  /** Bytes of all rings together. */
  readonly ringBytes?: number;
}

/** A server on host 1, port 80. */
export class SimulatedServer {
  readonly server: HttpServer;
  readonly rings: RingMemory;

  constructor(
    world: World,
    handle: (exchange: Exchange) => void,
    options: SimulatedServerOptions = {},
  ) {
    const host = world.hosts[1];
    this.rings = new RingMemory(host.environment.memory, options.ringBytes ?? 8 * 1024 * 1024, () =>
      host.arena.allocate(largestBlock),
    );
    this.server = new HttpServer({
      environment: host.environment,
      tcp: host.tcp,
      rings: this.rings,
      wallClock: () => 784111777000,
      wake: () => host.wake(),
      handle,
      limits: options.limits,
      timeouts: options.timeouts,
    });
    host.stack.addWork(this.server);
    this.server.listen(host.endpoint(80));
  }
}

const ringSize = 64 * 1024;

/** A client on host 0: it sends what it is told, and reads all or nothing. */
export class SimulatedClient implements TcpUser {
  readonly send: SendRing;
  readonly receive: ReceiveRing;
  readonly events: TcpEvents;
  received = '';
  established = false;
  sawEnd = false;
  closed = false;
  error: SocketError | undefined;
  /** False: what comes stays in the ring. */
  reads = true;
  #pending = '';
  readonly #host: SimulatedHost;
  readonly #first: number;
  readonly #connection: TcpConnection;

  constructor(world: World) {
    const host = world.hosts[0];
    this.#host = host;
    const { memory } = host.environment;
    const first = host.arena.require(32) / 4;
    this.#first = first;
    memory.words.fill(0, first, first + 8);
    for (const at of [first, first + 4]) {
      memory.words[at] = host.arena.require(ringSize);
      memory.words[at + 1] = ringSize;
    }
    const words = (at: number) => ({ offset: at, capacity: at + 1, head: at + 2, tail: at + 3 });
    this.send = new SendRing(memory, words(first));
    this.receive = new ReceiveRing(memory, words(first + 4), () => false);
    this.events = {
      established: () => {
        this.established = true;
        this.#write();
      },
      receivable: () => this.read(),
      sendable: () => this.#write(),
      receiveEnded: () => {
        this.sawEnd = true;
      },
      failed: (error) => {
        this.error = error;
      },
      closed: () => {
        this.closed = true;
      },
    };
    const settings = { ...defaultSettings(), receiveBuffer: ringSize, noDelay: true };
    const connection = host.tcp.connect(world.hosts[1].endpoint(80), null, this, settings);
    if (typeof connection === 'string') throw new Error(connection);
    this.#connection = connection;
    host.wake();
  }

  write(text: string): void {
    this.#pending += text;
    this.#write();
  }

  /** FIN. */
  end(): void {
    this.#connection.shutdownSend();
    this.#host.wake();
  }

  close(): void {
    this.#connection.close();
    this.#host.wake();
  }

  abort(): void {
    this.#connection.abort();
    this.closed = true;
    this.#host.wake();
  }

  /** Takes what has come. */
  read(): void {
    if (!this.reads) return;
    const { memory } = this.#host.environment;
    const offset = memory.words[this.#first + 4] as number;
    const tail = memory.words[this.#first + 7] as number;
    const { length } = this.receive;
    for (let at = 0; at < length; at += 1) {
      const byte = memory.bytes[offset + ((tail + at) & (ringSize - 1))] as number;
      this.received += String.fromCharCode(byte);
    }
    memory.words[this.#first + 7] = (tail + length) | 0;
    this.#connection.received();
    this.#host.wake();
  }

  #write(): void {
    if (!this.established || this.closed || this.error !== undefined) return;
    const { memory } = this.#host.environment;
    const offset = memory.words[this.#first] as number;
    const head = memory.words[this.#first + 2] as number;
    const length = Math.min(this.#pending.length, ringSize - this.send.length);
    for (let at = 0; at < length; at += 1) {
      memory.bytes[offset + ((head + at) & (ringSize - 1))] = this.#pending.charCodeAt(at);
    }
    memory.words[this.#first + 2] = (head + length) | 0;
    this.#pending = this.#pending.slice(length);
    this.#connection.sendMore();
    this.#host.wake();
  }
}
