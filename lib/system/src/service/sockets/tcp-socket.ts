/** TCP connections of services: rings of the stack on one side, calls of a service on the other. */
import type { Endpoint } from '@runtimejs/net/address.ts';
import type { SocketError } from '@runtimejs/net/errors.ts';
import { ReceiveRing, type RingWords, SendRing } from '@runtimejs/net/storage/ring.ts';
import { defaultSettings } from '@runtimejs/net/tcp/tcp.ts';
import type {
  TcpConnection as StackConnection,
  TcpEvents,
  TcpSettings,
  TcpUser,
} from '@runtimejs/net/tcp/types.ts';
import type { Served } from '@runtimejs/rpc/calls/types.ts';
import { News } from './arrivals.ts';
import {
  type ClientSockets,
  checkBytes,
  fromEndpoint,
  type SocketsHost,
  socketError,
} from './host.ts';
import type { SocketAddress, TcpConnection } from './types.ts';

/** Bytes of each of the two rings of a connection. */
const ringSize = 64 * 1024;
/** Most bytes that go to the service at once: what one message of a channel holds. */
const mostAtOnce = 15 * 1024;

/** What is called from the other side. */
export const tcpMethods = ['local', 'remote', 'data', 'write', 'end', 'close'] as const;

/** Rings have one size, and both sides live as long as they answer. */
export function tcpSettings(): TcpSettings {
  return {
    ...defaultSettings(),
    noDelay: true, // what is written comes in pieces that are worth sending
    keepAlive: true,
    receiveBuffer: ringSize / 2,
    sendBuffer: ringSize,
  };
}

/** Blocks and words of a connection. */
interface Rings {
  readonly control: number;
  readonly sendBlock: number;
  readonly receiveBlock: number;
}

/** One connection. */
export class ServiceTcpSocket implements Served<TcpConnection>, TcpUser, TcpEvents {
  readonly send: SendRing;
  readonly receive: ReceiveRing;
  readonly events: TcpEvents = this;
  readonly #host: SocketsHost;
  readonly #owner: ClientSockets;
  readonly #rings: Rings;
  #tcp: StackConnection | undefined;
  #error: Error | undefined;
  #hasReceivedAll = false;
  #hasEnded = false;
  #isClosed = false;
  #isRead = false;
  #isUnwanted = false;
  #isEstablished = false;
  /** TCP has done its part: what came may not have been read yet. */
  #isDone = false;
  /** Rings were given back. */
  #isGone = false;
  #writing: Promise<unknown> = Promise.resolve();
  readonly #news = new News();

  private constructor(host: SocketsHost, owner: ClientSockets, rings: Rings) {
    this.#host = host;
    this.#owner = owner;
    this.#rings = rings;
    const { memory } = host.rings;
    const { control, sendBlock, receiveBlock } = rings;
    const sendWords = ringWords(control);
    const receiveWords = ringWords(control + 4);
    memory.words[sendWords.offset] = sendBlock;
    memory.words[sendWords.capacity] = ringSize;
    memory.words[receiveWords.offset] = receiveBlock;
    memory.words[receiveWords.capacity] = ringSize;
    this.send = new SendRing(memory, sendWords);
    this.receive = new ReceiveRing(memory, receiveWords, () => false);
    owner.add(this);
  }

  /** @returns undefined when there is no memory for another one */
  static create(host: SocketsHost, owner: ClientSockets): ServiceTcpSocket | undefined {
    const { rings } = host;
    const control = rings.takeControl();
    if (control === undefined) return undefined;
    const sendBlock = rings.take(ringSize);
    const receiveBlock = sendBlock === undefined ? undefined : rings.take(ringSize);
    if (sendBlock === undefined || receiveBlock === undefined) {
      if (sendBlock !== undefined) rings.give(sendBlock, ringSize);
      rings.giveControl(control);
      return undefined;
    }
    return new ServiceTcpSocket(host, owner, { control, sendBlock, receiveBlock });
  }

  /** Whether the service has closed it, or has ended. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The stack's side of one that a peer has opened. */
  attach(tcp: StackConnection): void {
    this.#tcp = tcp;
    this.#isEstablished = true;
  }

  /** Waits for the peer's answer. @throws Error with the stack's code when it refuses, or there is none */
  async establish(tcp: StackConnection): Promise<void> {
    this.#tcp = tcp;
    while (!this.#isEstablished && this.#error === undefined && !this.#isClosed) {
      await this.#news.after(this.#news.count);
    }
    if (!this.#isEstablished) throw this.#error ?? closedError();
  }

  /** It never was one. */
  discard(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    const { rings } = this.#host;
    rings.give(this.#rings.sendBlock, ringSize);
    rings.give(this.#rings.receiveBlock, ringSize);
    rings.giveControl(this.#rings.control);
    this.#owner.delete(this);
    this.#news.tell();
  }

  local(): SocketAddress {
    return fromEndpoint(this.#connection.local);
  }

  remote(): SocketAddress {
    return fromEndpoint(this.#connection.remote);
  }

  data(): AsyncIterable<Uint8Array> {
    if (this.#isRead) throw new Error('It is read already: there is one reader at a time.');
    this.#isRead = true;
    let isOver = false;
    const done = { done: true, value: undefined } as const;
    return {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          while (!isOver) {
            const { count } = this.#news;
            const piece = await this.#host.inTurn(() => this.#take());
            if (piece !== undefined) return { done: false, value: piece };
            if (this.#error !== undefined) throw this.#error;
            if (this.#hasReceivedAll || this.#isGone || this.#isClosed) break;
            await this.#news.after(count);
          }
          return done;
        },
        return: async () => {
          isOver = true;
          this.#isRead = false;
          this.#news.tell();
          this.#closeUnwanted();
          return done;
        },
      }),
    };
  }

  write(bytes: Uint8Array): Promise<void> {
    checkBytes(bytes);
    const written = this.#writing.then(() => this.#writeAll(bytes));
    this.#writing = written.catch(() => {});
    return written;
  }

  async end(): Promise<void> {
    await this.#writing;
    await this.#host.inTurn(() => {
      if (this.#isClosed || this.#isGone || this.#isDone || this.#hasEnded) return;
      this.#hasEnded = true;
      this.#connection.shutdownSend();
    });
  }

  /** As Linux's close(): who has not read all that came resets. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#owner.delete(this);
    this.#news.tell();
    void this.#host.inTurn(() => {
      if (this.#isGone) return;
      if (this.#tcp === undefined || this.#isDone) {
        this.discard();
      } else if (this.receive.length > 0) {
        this.#tcp.abort();
        this.discard();
      } else {
        this.#tcp.close();
      }
    });
  }

  /** Resets it. Within a turn of the stack. */
  reset(): void {
    if (this.#isGone) return;
    this.#isClosed = true;
    this.#tcp?.abort();
    this.discard();
  }

  /** The service has no reference any more: what it still reads goes on. */
  released(): void {
    this.#isUnwanted = true;
    this.#closeUnwanted();
  }

  #closeUnwanted(): void {
    if (this.#isUnwanted && !this.#isRead) this.close();
  }

  get #connection(): StackConnection {
    if (this.#tcp === undefined || this.#isGone) throw this.#error ?? closedError();
    return this.#tcp;
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const { count } = this.#news;
      const written = await this.#host.inTurn(() => this.#put(bytes, at));
      at += written;
      if (written === 0) await this.#news.after(count);
    }
  }

  /** Puts into the send ring what there is room for. @returns how many bytes */
  #put(bytes: Uint8Array, at: number): number {
    if (this.#error !== undefined) throw this.#error;
    if (this.#isClosed) throw closedError();
    if (this.#hasEnded || this.#isDone || this.#isGone) {
      throw Object.assign(new Error('write: EPIPE, this side has ended'), { code: 'EPIPE' });
    }
    const length = Math.min(bytes.length - at, ringSize - this.send.length);
    if (length === 0) return 0;
    const { memory } = this.#host.rings;
    const { head } = this.send.words;
    const start = memory.words[head] as number;
    const place = start & (ringSize - 1);
    const first = Math.min(length, ringSize - place);
    const ring = this.#rings.sendBlock;
    memory.bytes.set(bytes.subarray(at, at + first), ring + place);
    memory.bytes.set(bytes.subarray(at + first, at + length), ring);
    Atomics.store(memory.words, head, (start + length) | 0);
    this.#connection.sendMore();
    return length;
  }

  /** Takes from the receive ring what goes at once. */
  #take(): Uint8Array | undefined {
    if (this.#isGone || this.#isClosed) return undefined;
    const length = Math.min(this.receive.length, mostAtOnce);
    if (length === 0) return undefined;
    const { memory } = this.#host.rings;
    const { tail } = this.receive.words;
    const start = memory.words[tail] as number;
    const place = start & (ringSize - 1);
    const first = Math.min(length, ringSize - place);
    const ring = this.#rings.receiveBlock;
    const bytes = new Uint8Array(length);
    bytes.set(memory.bytes.subarray(ring + place, ring + place + first));
    bytes.set(memory.bytes.subarray(ring, ring + length - first), first);
    Atomics.store(memory.words, tail, (start + length) | 0);
    if (!this.#isDone) this.#connection.received();
    else if (this.receive.length === 0) this.discard();
    return bytes;
  }

  // TcpEvents

  established(): void {
    this.#isEstablished = true;
    this.#news.tell();
  }

  receivable(): void {
    this.#news.tell();
  }

  sendable(): void {
    this.#news.tell();
  }

  receiveEnded(): void {
    this.#hasReceivedAll = true;
    this.#news.tell();
  }

  failed(error: SocketError): void {
    this.#error = socketError('connection', error, this.#remoteIfKnown());
    this.discard();
  }

  closed(): void {
    this.#hasReceivedAll = true;
    this.#isDone = true;
    if (this.#isClosed || this.receive.length === 0) this.discard();
    this.#news.tell();
  }

  #remoteIfKnown(): Endpoint | undefined {
    return this.#tcp?.remote;
  }
}

function ringWords(first: number): RingWords {
  return { offset: first, capacity: first + 1, head: first + 2, tail: first + 3 };
}

function closedError(): Error {
  return Object.assign(new Error('The connection is closed.'), { code: 'EBADF' });
}
