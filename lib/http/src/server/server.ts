/**
 * The server: listens on TCP, and hands requests to a program. Between it and the stack there are no sockets:
 * it reads TCP's receive rings and fills its send rings itself, within the stack's turn.
 */
import type { Endpoint } from '@runtimejs/net/address.ts';
import type { Environment } from '@runtimejs/net/environment.ts';
import { Timer } from '@runtimejs/net/storage/timers.ts';
import { defaultSettings } from '@runtimejs/net/tcp/tcp.ts';
import type {
  TcpApi,
  TcpConnection,
  TcpListener,
  TcpListenerEvents,
  TcpUser,
} from '@runtimejs/net/tcp/types.ts';
import type { ConnectionHost, Exchange } from '../connection/types.ts';
import { defaultLimits, defaultTimeouts, type Limits, type Timeouts } from '../limits.ts';
import { decodeLatin1 } from '../wire/characters.ts';
import { HttpDates } from '../wire/date.ts';
import type { DecodeLatin1 } from '../wire/request.ts';
import { largestBlock, type RingMemory } from './ring-memory.ts';
import { ServerSocket, type SocketOwner } from './socket.ts';

/** Handshakes that may be under way, and connections that wait. */
const backlog = 511;
/** How often rings of idle connections are given back, microseconds. */
const sweepInterval = 2_000_000;

/** What a server is made of. */
export interface ServerParts {
  readonly environment: Environment;
  readonly tcp: TcpApi;
  readonly rings: RingMemory;
  /** Milliseconds since 1970, for the Date field. */
  wallClock(): number;
  /** Has the stack polled soon: there is something to send. */
  wake(): void;
  /** Takes a request. Must not throw. */
  handle(exchange: Exchange): void;
  readonly limits?: Partial<Limits> | undefined;
  readonly timeouts?: Partial<Timeouts> | undefined;
  /** A faster decodeLatin1(). */
  readonly decode?: DecodeLatin1;
}

/** See the top of the file. Work of a Stack, to be added before TCP's. */
export class HttpServer implements SocketOwner, TcpListenerEvents {
  readonly connections: ConnectionHost & { isClosing: boolean };
  readonly rings: RingMemory;
  readonly timers: Environment['timers'];
  readonly scratch: Uint8Array = new Uint8Array(largestBlock);
  /** Counts requests, connections, and refused requests under the names in refusal.ts. */
  readonly counters: Record<string, number> = { connections: 0, requests: 0, acceptFailed: 0 };
  readonly #parts: ServerParts;
  readonly #sockets = new Set<ServerSocket>();
  #queue: ServerSocket[] = [];
  #spare: ServerSocket[] = [];
  #listener: TcpListener | null = null;
  readonly #sweep: Timer;
  readonly #grace: Timer;
  #whenClosed: (() => void) | undefined;

  constructor(parts: ServerParts) {
    this.#parts = parts;
    this.rings = parts.rings;
    this.timers = parts.environment.timers;
    const dates = new HttpDates(() => parts.wallClock());
    this.connections = {
      limits: { ...defaultLimits, ...parts.limits },
      timeouts: { ...defaultTimeouts, ...parts.timeouts },
      clock: parts.environment.clock,
      decode: parts.decode ?? decodeLatin1,
      counters: this.counters,
      isClosing: false,
      date: () => dates.now(),
      handle: (exchange) => parts.handle(exchange),
    };
    this.#sweep = new Timer(() => this.#freeRings());
    this.#grace = new Timer(() => {
      for (const socket of [...this.#sockets]) socket.reset();
    });
  }

  /** How many connections there are. */
  get connectionCount(): number {
    return this.#sockets.size;
  }

  /**
   * Begins to listen.
   * @returns where, or throws an Error that says why not
   */
  listen(local: Endpoint): Endpoint {
    const { tcp } = this.#parts;
    const flags = { reuseAddress: true, reusePort: false, v6Only: false };
    const binding = tcp.bind(local, flags);
    if (typeof binding === 'string') {
      throw new Error(`The server cannot have port ${local.port} (${binding}).`);
    }
    const { timeouts } = this.connections;
    const settings = {
      ...defaultSettings(),
      noDelay: true, // responses are written whole
      keepAlive: true,
      userTimeout: timeouts.send * 1000,
      receiveBuffer: largestBlock / 2,
      sendBuffer: largestBlock,
    };
    const listener = tcp.listen(binding, backlog, settings, this);
    if (typeof listener === 'string') {
      binding.release();
      throw new Error(`The server cannot listen on port ${local.port} (${listener}).`);
    }
    this.#listener = listener;
    return listener.local;
  }

  /**
   * Ends: no connection is taken any more, those that idle are closed, the others end after their response,
   * or are reset.
   * @param graceSeconds how long responses may take
   * @param then called once nothing is left
   */
  close(graceSeconds: number, then: () => void): void {
    this.#whenClosed = then;
    this.connections.isClosing = true;
    this.#listener?.close();
    this.#listener = null;
    const { clock } = this.#parts.environment;
    this.timers.set(this.#grace, clock.now + graceSeconds * 1_000_000);
    for (const socket of [...this.#sockets]) socket.shutDown();
    this.#parts.wake();
    this.#checkClosed();
  }

  /** Work of a Stack. */
  run(): boolean {
    const queue = this.#queue;
    if (queue.length === 0) return false;
    this.#queue = this.#spare;
    for (let index = 0; index < queue.length; index += 1) {
      const socket = queue[index] as ServerSocket;
      socket.isQueued = false;
      socket.attend();
    }
    queue.length = 0;
    this.#spare = queue;
    return this.#queue.length > 0;
  }

  // TcpListenerEvents

  waiting(): number {
    return 0;
  }

  accept(connection: TcpConnection): TcpUser | null {
    const { limits } = this.connections;
    const control = this.#sockets.size < limits.connections ? this.rings.takeControl() : undefined;
    if (control === undefined) {
      this.counters.acceptFailed = (this.counters.acceptFailed ?? 0) + 1;
      return null;
    }
    const socket = new ServerSocket(this, connection, control);
    this.#sockets.add(socket);
    this.counters.connections = (this.counters.connections ?? 0) + 1;
    if (!this.#sweep.isSet) this.#startSweep();
    return socket;
  }

  // SocketOwner

  attendLater(socket: ServerSocket): void {
    if (socket.isQueued) return;
    socket.isQueued = true;
    this.#queue.push(socket);
    if (this.#queue.length === 1) this.#parts.wake();
  }

  gone(socket: ServerSocket): void {
    this.#sockets.delete(socket);
    this.#checkClosed();
  }

  #checkClosed(): void {
    if (!this.connections.isClosing || this.#sockets.size > 0) return;
    const then = this.#whenClosed;
    this.#whenClosed = undefined;
    this.timers.cancel(this.#grace);
    this.timers.cancel(this.#sweep);
    then?.();
  }

  #startSweep(): void {
    this.timers.set(this.#sweep, this.#parts.environment.clock.now + sweepInterval);
  }

  /** Gives back the rings of connections over which nothing moved since the last time. */
  #freeRings(): void {
    for (const socket of this.#sockets) {
      if (!socket.isActive) socket.freeRings();
      socket.isActive = false;
    }
    if (this.#sockets.size > 0) this.#startSweep();
  }
}
