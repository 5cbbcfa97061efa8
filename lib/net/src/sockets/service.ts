/**
 * The service behind the kernel's sockets: takes what the kernel has to say, has TCP, UDP and ICMP echo
 * do it, and says to the kernel what became of it.
 */
import type { Counters } from '../environment.ts';
import { errno } from '../errors.ts';
import {
  socketDatagram,
  socketMaximum,
  socketPing,
  socketStream,
} from '../generated/shared-memory.ts';
import { type Instant, never } from '../storage/timers.ts';
import { AttentionList } from './attention.ts';
import { blockWord, field } from './block.ts';
import { DatagramSocket } from './datagram.ts';
import { EndpointCache } from './endpoint-cache.ts';
import type { ServiceSocket, SocketHost, SocketParts } from './host.ts';
import { StreamSocket } from './stream.ts';

/** How often sockets with rings are looked at, microseconds. Rings are freed when nothing moved twice. */
const ringCheckInterval = 2_000_000;

/** Sockets that are looked at in one go for that. */
const ringCheckBudget = 512;

/** The socket service. One exists per life of the system isolate. */
export class SocketService implements SocketHost {
  readonly parts: SocketParts;
  readonly endpoints: EndpointCache = new EndpointCache();
  readonly counters: Counters = {
    requests: 0,
    acceptFailed: 0,
    datagramReceiveBufferFull: 0,
    ringsFreed: 0,
  };
  readonly #attention: AttentionList;
  readonly #kernelAttention: AttentionList;
  readonly #taken = new Int32Array(socketMaximum);
  readonly #sockets: (ServiceSocket | undefined)[] = [];
  readonly #touched: ServiceSocket[] = [];
  readonly #awaiting: ServiceSocket[] = [];
  readonly #again: ServiceSocket[] = [];
  readonly #released: number[] = [];
  readonly #withRings: ServiceSocket[] = [];
  #count = 0;
  #pushed = false;
  #subscribed = false;
  #nextRingCheck: Instant = never;
  #ringPosition = 0;

  constructor(parts: SocketParts) {
    this.parts = parts;
    const { memory } = parts.environment;
    this.#attention = new AttentionList(memory, 'service');
    this.#kernelAttention = new AttentionList(memory, 'kernel');
  }

  /** How many sockets there are. */
  get count(): number {
    return this.#count;
  }

  /** When poll() wants to be called without any other cause: 0 for at once. */
  get deadline(): Instant {
    return this.#again.length > 0 || !this.#attention.isEmpty ? 0 : this.#nextRingCheck;
  }

  /** Looks at every socket that the kernel named since the last time. */
  poll(): void {
    this.#attendAgain();
    const count = this.#attention.take(this.#taken);
    for (let index = 0; index < count; index++) {
      const id = this.#taken[index] as number;
      (this.#sockets[id] ?? this.#open(id))?.attend();
    }
    if (this.parts.environment.clock.now >= this.#nextRingCheck) this.#checkRings();
  }

  #attendAgain(): void {
    const again = this.#again;
    const count = again.length;
    for (let index = 0; index < count; index++) {
      const socket = again[index] as ServiceSocket;
      socket.again = false;
      if (this.#sockets[socket.id] === socket) socket.attend();
    }
    again.copyWithin(0, count);
    again.length -= count;
  }

  /** The same, as Work of a Stack. */
  run(): boolean {
    this.poll();
    return this.deadline === 0;
  }

  /**
   * Ends a turn: tells the kernel what happened since the last time.
   * @returns true when something did
   */
  flush(): boolean {
    const touched = this.#touched;
    // Settling a socket may touch others.
    for (let index = 0; index < touched.length; index++) {
      const socket = touched[index] as ServiceSocket;
      socket.touched = false;
      if (this.#sockets[socket.id] === socket) socket.settle();
    }
    touched.length = 0;
    const pushed = this.#pushed;
    if (pushed) {
      this.#pushed = false;
      this.parts.broker.notify();
    }
    // After the kernel has seen how they ended, and has taken them out of its list.
    const released = this.#released;
    for (let index = 0; index < released.length; index++) {
      this.parts.broker.release(released[index] as number);
    }
    released.length = 0;
    return pushed;
  }

  /** Every socket, for statistics. */
  *sockets(): Generator<ServiceSocket> {
    for (const socket of this.#sockets) if (socket !== undefined) yield socket;
  }

  // SocketHost

  push(socket: number): void {
    this.#kernelAttention.push(socket);
    this.#pushed = true;
  }

  touch(socket: ServiceSocket): void {
    socket.touched = true;
    this.#touched.push(socket);
  }

  attendAgain(socket: ServiceSocket): void {
    if (socket.again) return;
    socket.again = true;
    this.#again.push(socket);
  }

  awaitConfiguration(socket: ServiceSocket): void {
    if (!socket.awaiting) {
      socket.awaiting = true;
      this.#awaiting.push(socket);
    }
    if (this.#subscribed) return;
    this.#subscribed = true;
    this.parts.network.onConfigured(() => this.#configured());
  }

  replace(socket: ServiceSocket): void {
    if (this.#sockets[socket.id] === undefined) this.#count += 1;
    // Ids are given from the lowest on, so that this array stays dense.
    while (this.#sockets.length < socket.id) this.#sockets.push(undefined);
    this.#sockets[socket.id] = socket;
  }

  release(socket: ServiceSocket): void {
    if (this.#sockets[socket.id] !== socket) return;
    this.#sockets[socket.id] = undefined;
    this.#count -= 1;
    this.push(socket.id);
    this.#released.push(socket.id);
  }

  watchRings(socket: ServiceSocket): void {
    socket.watched = true;
    this.#withRings.push(socket);
    if (this.#nextRingCheck === never) {
      this.#nextRingCheck = this.parts.environment.clock.now + ringCheckInterval;
    }
  }

  /** Makes the object for a socket that the kernel names for the first time. */
  #open(id: number): ServiceSocket | undefined {
    const { words } = this.parts.environment.memory;
    const block = blockWord(id);
    const kind = words[block + field.kind] as number;
    if (kind === 0) return undefined;
    if (this.#released.includes(id)) return undefined;
    let socket: ServiceSocket;
    if (kind === socketStream) socket = new StreamSocket(this, id);
    else if (kind === socketDatagram) socket = new DatagramSocket(this, id, this.parts.udp);
    else if (kind === socketPing && this.parts.ping !== undefined) {
      socket = new DatagramSocket(this, id, this.parts.ping);
    } else {
      this.#refuse(id, block);
      return undefined;
    }
    this.replace(socket);
    return socket;
  }

  /** Answers a socket of a kind that the stack does not have. */
  #refuse(id: number, block: number): void {
    const { words } = this.parts.environment.memory;
    words[block + field.replyError] = errno.EPROTONOSUPPORT;
    const sequence = words[block + field.requestSequence] as number;
    Atomics.store(words, block + field.replySequence, sequence);
    this.push(id);
    if ((Atomics.load(words, block + field.kernelFlags) & 1) !== 0) this.#released.push(id);
  }

  #configured(): void {
    this.#subscribed = false;
    const awaiting = this.#awaiting.splice(0);
    for (const socket of awaiting) {
      socket.awaiting = false;
      if (this.#sockets[socket.id] === socket) socket.configured();
    }
  }

  /** Frees rings over which nothing moves, a part of the sockets at a time. */
  #checkRings(): void {
    const list = this.#withRings;
    let position = this.#ringPosition;
    for (let budget = ringCheckBudget; budget > 0 && position < list.length; budget--) {
      const socket = list[position] as ServiceSocket;
      const gone = this.#sockets[socket.id] !== socket;
      if (socket.active && !gone) {
        socket.active = false;
        position += 1;
      } else if (gone || socket.freeRings()) {
        if (!gone) this.counters.ringsFreed = (this.counters.ringsFreed as number) + 1;
        socket.watched = false;
        list[position] = list[list.length - 1] as ServiceSocket;
        list.length -= 1;
      } else {
        position += 1;
      }
    }
    const { now } = this.parts.environment.clock;
    const finished = position >= list.length;
    this.#ringPosition = finished ? 0 : position;
    this.#nextRingCheck = list.length === 0 ? never : finished ? now + ringCheckInterval : now;
  }
}
