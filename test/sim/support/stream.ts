/**
 * An application with one TCP connection: it writes a pattern, reads and checks its peer's, and
 * closes. It plays the kernel's part of the rings.
 */
import type { SocketError } from '@runtimejs/net/errors.ts';
import type { Memory } from '@runtimejs/net/memory.ts';
import { ReceiveRing, SendRing } from '@runtimejs/net/storage/ring.ts';
import type { TcpConnection, TcpEvents, TcpUser } from '@runtimejs/net/tcp/types.ts';
import type { Arena } from './arena.ts';
import type { Agenda } from './clock.ts';
import type { Random } from './random.ts';

/** How the application behaves. */
export interface StreamPlan {
  /** Bytes that it sends, then it shuts its sending side down. */
  readonly total: number;
  /** Names the pattern; the peer expects the same. */
  readonly pattern: number;
  readonly peerTotal: number;
  readonly peerPattern: number;
  /** Bytes per write and per read at most. */
  readonly writeChunk: number;
  readonly readChunk: number;
  /** Microseconds between two writes, and between two reads, at most. */
  readonly writePause: number;
  readonly readPause: number;
  /** Most bytes that may wait in the send ring. */
  readonly sendRing: number;
  /** Nothing is read before this instant. */
  readonly readFrom?: number;
  /** Whatever comes is taken: the peer is no application of ours. */
  readonly anything?: boolean;
}

/** Byte `at` of pattern `pattern`. */
export function patternByte(pattern: number, at: number): number {
  return (Math.imul(at ^ (at >>> 11), 0x9e3779b1) + Math.imul(pattern, 0x85ebca6b)) >>> 24;
}

const words = 8;

/** The application. */
export class Stream implements TcpUser {
  readonly send: SendRing;
  readonly receive: ReceiveRing;
  readonly events: TcpEvents;
  /** What became of it. */
  written = 0;
  read = 0;
  sawEnd = false;
  error: SocketError | undefined;
  closed = false;
  established = false;
  connection: TcpConnection | undefined;
  readonly #plan: StreamPlan;
  readonly #arena: Arena;
  readonly #agenda: Agenda;
  readonly #random: Random;
  readonly #wake: () => void;
  readonly #control: number;
  #isShutDown = false;
  #isGone = false;
  #writePending = false;
  #readPending = false;

  /**
   * @param wake called after anything that gives the stack work
   * @param memory what the stack works on, when that is not the arena's memory itself
   */
  constructor(
    arena: Arena,
    agenda: Agenda,
    random: Random,
    plan: StreamPlan,
    wake: () => void,
    memory: Memory = arena.memory,
  ) {
    this.#arena = arena;
    this.#agenda = agenda;
    this.#random = random;
    this.#plan = plan;
    this.#wake = wake;
    const control = arena.require(words * 4);
    this.#control = control;
    const first = control / 4;
    arena.memory.words.fill(0, first, first + words);
    // Indices that wrap soon find what forgets that they do.
    const start = random.chance(0.5) ? -random.integer(0, 100_000) : random.integer(0, 100_000);
    for (const index of [2, 3]) arena.memory.words[first + index] = start;
    for (const index of [6, 7]) arena.memory.words[first + index] = start;
    this.send = new SendRing(memory, {
      offset: first,
      capacity: first + 1,
      head: first + 2,
      tail: first + 3,
    });
    this.receive = new ReceiveRing(
      memory,
      { offset: first + 4, capacity: first + 5, head: first + 6, tail: first + 7 },
      (capacity) => this.#resize(this.receive.words, capacity),
    );
    this.events = {
      established: () => {
        this.established = true;
        this.#scheduleWrite();
      },
      receivable: () => this.#scheduleRead(),
      sendable: () => this.#scheduleWrite(),
      receiveEnded: () => {
        this.sawEnd = true;
        this.#scheduleRead();
      },
      failed: (error) => {
        this.error = error;
        this.#finish();
      },
      closed: () => {
        this.closed = true;
        this.#finish();
      },
    };
  }

  /** Takes the connection, for passive opens, which are established already. */
  start(connection: TcpConnection, isEstablished: boolean): void {
    this.connection = connection;
    if (isEstablished) this.events.established();
  }

  /** Everything was sent, and everything that the peer sends came. */
  get isComplete(): boolean {
    return this.read === this.#plan.peerTotal && this.sawEnd && this.written === this.#plan.total;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** Gives up: RST. */
  abort(): void {
    this.connection?.abort();
    this.#finish();
    this.#wake();
  }

  #word(index: number): number {
    return this.#arena.memory.words[index] as number;
  }

  /** @param least microseconds to wait at least */
  #scheduleWrite(least = 0): void {
    if (this.#writePending || this.#isShutDown || !this.established || this.#isGone) return;
    this.#writePending = true;
    const pause = Math.max(least, this.#random.integer(0, this.#plan.writePause));
    this.#agenda.at(this.#agenda.now + pause, () => {
      this.#writePending = false;
      this.#write();
    });
  }

  #scheduleRead(): void {
    if (this.#readPending || this.#isGone) return;
    this.#readPending = true;
    const { readFrom = 0, readPause } = this.#plan;
    const earliest = Math.max(readFrom, this.#agenda.now);
    this.#agenda.at(earliest + this.#random.integer(0, readPause), () => {
      this.#readPending = false;
      this.#read();
    });
  }

  #write(): void {
    if (this.#isGone || this.#isShutDown) return;
    const { total, pattern, sendRing, writeChunk } = this.#plan;
    const { offset, capacity, head } = this.send.words;
    const room = sendRing - this.send.length;
    const length = Math.min(
      room,
      total - this.written,
      this.#random.integer(1, Math.max(1, writeChunk)),
    );
    if (length > 0) {
      if (this.send.length + length > this.#word(capacity)) {
        let larger = 4096;
        while (larger < this.send.length + length) larger *= 2;
        if (!this.#resize(this.send.words, larger)) {
          this.#scheduleWrite(10_000); // no memory: a process would block
          return;
        }
      }
      const mask = this.#word(capacity) - 1;
      const base = this.#word(offset);
      const start = this.#word(head);
      for (let at = 0; at < length; at += 1) {
        this.#arena.memory.bytes[base + ((start + at) & mask)] = patternByte(
          pattern,
          this.written + at,
        );
      }
      this.written += length;
      Atomics.store(this.#arena.memory.words, head, (start + length) | 0);
      this.connection?.sendMore();
    }
    if (this.written === total) {
      this.#isShutDown = true;
      this.connection?.shutdownSend();
    } else if (room > length) {
      this.#scheduleWrite();
    }
    this.#wake();
  }

  #read(): void {
    if (this.#isGone) return;
    const { peerPattern, peerTotal, readChunk, anything = false } = this.#plan;
    const { offset, capacity, tail } = this.receive.words;
    const length = Math.min(this.receive.length, this.#random.integer(1, Math.max(1, readChunk)));
    if (length > 0) {
      const mask = this.#word(capacity) - 1;
      const base = this.#word(offset);
      const start = this.#word(tail);
      for (let at = 0; at < length; at += 1) {
        const expected = patternByte(peerPattern, this.read + at);
        const found = this.#arena.memory.bytes[base + ((start + at) & mask)];
        if (found !== expected && !anything) {
          throw new Error(`byte ${this.read + at} is ${found} instead of ${expected}`);
        }
      }
      this.read += length;
      if (this.read > peerTotal && !anything) throw new Error('more bytes came than were sent');
      Atomics.store(this.#arena.memory.words, tail, (start + length) | 0);
      this.connection?.received();
      this.#wake();
    }
    if (this.receive.length > 0) this.#scheduleRead();
  }

  /** The kernel's broker_resize. */
  #resize(ring: SendRing['words'], capacity: number): boolean {
    const { words: memory, bytes } = this.#arena.memory;
    const fresh = capacity === 0 ? 0 : this.#arena.allocate(capacity);
    if (fresh === undefined) return false;
    const oldCapacity = this.#word(ring.capacity);
    const oldOffset = this.#word(ring.offset);
    // Also what lies ahead of gaps moves along: everything that the old ring held.
    const tail = this.#word(ring.tail);
    for (let at = 0; at < Math.min(oldCapacity, capacity); at += 1) {
      bytes[fresh + ((tail + at) & (capacity - 1))] = bytes[
        oldOffset + ((tail + at) & (oldCapacity - 1))
      ] as number;
    }
    memory[ring.offset] = fresh;
    memory[ring.capacity] = capacity;
    if (oldCapacity > 0) this.#arena.free(oldOffset, oldCapacity);
    return true;
  }

  /** Gives back what it holds when it never got a connection. */
  discard(): void {
    this.#finish();
  }

  #finish(): void {
    if (this.#isGone) return;
    if (this.error === undefined) this.#readRest();
    this.#isGone = true;
    // The stack may still be inside a call that uses the rings: free them afterwards.
    this.#agenda.at(this.#agenda.now, () => {
      this.#resize(this.send.words, 0);
      this.#resize(this.receive.words, 0);
      this.#arena.free(this.#control, words * 4);
    });
  }

  /** What arrived before the end is still read, as an application would. */
  #readRest(): void {
    while (this.receive.length > 0) this.#read();
  }
}
