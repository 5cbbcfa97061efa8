/** A connection of the server on its TCP connection: rings to state machine and back. */
import type { SocketError } from '@runtimejs/net/errors.ts';
import { ReceiveRing, type RingWords, SendRing } from '@runtimejs/net/storage/ring.ts';
import { never, Timer, type TimerQueue } from '@runtimejs/net/storage/timers.ts';
import type { TcpConnection, TcpEvents, TcpUser } from '@runtimejs/net/tcp/types.ts';
import { Connection } from '../connection/connection.ts';
import type { ConnectionHost, Output } from '../connection/types.ts';
import { largestBlock, type RingMemory, smallestBlock } from './ring-memory.ts';

/** What the server is for its sockets. */
export interface SocketOwner {
  readonly connections: ConnectionHost;
  readonly rings: RingMemory;
  readonly timers: TimerQueue;
  /** Where a ring's content is put when it wraps: `largestBlock` bytes. */
  readonly scratch: Uint8Array;
  /** Has attend() called in the next turn. */
  attendLater(socket: ServerSocket): void;
  /** The connection is gone. */
  gone(socket: ServerSocket): void;
}

/** See the top of the file. */
export class ServerSocket implements TcpUser, TcpEvents, Output {
  readonly send: SendRing;
  readonly receive: ReceiveRing;
  readonly events: TcpEvents = this;
  /** In the server's list of those to attend to. */
  isQueued = false;
  /** Bytes moved since the rings were last looked at. */
  isActive = true;
  readonly #owner: SocketOwner;
  readonly #tcp: TcpConnection;
  readonly #connection: Connection;
  readonly #timer: Timer;
  readonly #words: Int32Array;
  readonly #control: number;
  #receiveBytes: Uint8Array;
  #isEnding: 'close' | 'abort' | undefined;
  #isClosed = false;
  #isGone = false;

  /** @param control the first of its words: see RingMemory.takeControl() */
  constructor(owner: SocketOwner, tcp: TcpConnection, control: number) {
    this.#owner = owner;
    this.#tcp = tcp;
    this.#control = control;
    const { memory } = owner.rings;
    this.#words = memory.words;
    this.#receiveBytes = memory.bytes.subarray(0, 0);
    this.send = new SendRing(memory, ringWords(control));
    this.receive = new ReceiveRing(memory, ringWords(control + 4), (capacity) =>
      this.#growReceiveRing(capacity),
    );
    this.#connection = new Connection(owner.connections, this);
    this.#timer = new Timer(() => {
      this.#connection.expire();
      this.#settle();
    });
    this.#arm();
  }

  /** Takes what has come, and does what was put off. */
  attend(): void {
    if (this.#isGone) return;
    this.#takeInput();
    this.#settle();
    if (this.#isEnding === 'abort') this.#abortNow();
  }

  /** The server closes. */
  shutDown(): void {
    this.#connection.shutDown();
    this.#settle();
  }

  /** Ends at once, whatever is under way. */
  reset(): void {
    if (this.#isGone) return;
    this.#connection.failed();
    this.#abortNow();
  }

  /** Gives back rings that are empty: a connection that idles costs its objects only. */
  freeRings(): void {
    if (this.#isGone || this.send.length > 0 || this.receive.length > 0) return;
    if (!this.#tcp.isQuiescent) return;
    this.#give(this.send.words);
    this.#give(this.receive.words);
  }

  // TcpEvents

  established(): void {}

  receivable(): void {
    this.isActive = true;
    this.#takeInput();
    this.#settle();
  }

  sendable(): void {
    this.isActive = true;
    this.#connection.sendable();
    this.#settle();
  }

  receiveEnded(): void {
    this.#takeInput();
    this.#connection.receiveEnded();
    this.#settle();
  }

  failed(_error: SocketError): void {
    this.#connection.failed();
    this.#discard();
  }

  closed(): void {
    this.#connection.failed();
    this.#discard();
  }

  // Output

  get room(): number {
    if (this.#isGone || this.#isEnding !== undefined) return 0;
    const { length } = this.send;
    const capacity = this.#words[this.send.words.capacity] as number;
    return Math.max(capacity, this.#owner.rings.available) - length;
  }

  write(bytes: Uint8Array, start: number, end: number): void {
    const { head, offset } = this.send.words;
    const capacity = this.#reserve(end - start);
    const { bytes: memory } = this.#owner.rings.memory;
    const place = (this.#words[head] as number) & (capacity - 1);
    const first = Math.min(end - start, capacity - place);
    const ring = this.#words[offset] as number;
    memory.set(bytes.subarray(start, start + first), ring + place);
    if (start + first < end) memory.set(bytes.subarray(start + first, end), ring);
    this.#produce(end - start);
  }

  writeText(text: string, start: number, end: number): void {
    const { head, offset } = this.send.words;
    const mask = this.#reserve(end - start) - 1;
    const { bytes } = this.#owner.rings.memory;
    const ring = this.#words[offset] as number;
    const place = this.#words[head] as number;
    for (let index = start; index < end; index += 1) {
      bytes[ring + ((place + index - start) & mask)] = text.charCodeAt(index);
    }
    this.#produce(end - start);
  }

  end(): void {
    this.#tcp.shutdownSend();
  }

  close(): void {
    this.#isEnding ??= 'close';
    this.#owner.attendLater(this);
  }

  abort(): void {
    this.#isEnding = 'abort';
    // Not here: TCP may be in the middle of telling.
    this.#owner.attendLater(this);
  }

  receiveAgain(): void {
    this.#owner.attendLater(this);
  }

  // Input

  #takeInput(): void {
    if (this.#isGone || this.#isClosed) return;
    const { length } = this.receive;
    const { tail, capacity } = this.receive.words;
    const size = this.#words[capacity] as number;
    const start = size === 0 ? 0 : (this.#words[tail] as number) & (size - 1);
    let taken: number;
    if (start + length <= size) {
      taken = this.#connection.receive(this.#receiveBytes, start, start + length) - start;
    } else {
      const { scratch } = this.#owner;
      scratch.set(this.#receiveBytes.subarray(start));
      scratch.set(this.#receiveBytes.subarray(0, start + length - size), size - start);
      taken = this.#connection.receive(scratch, 0, length);
    }
    if (taken === 0) return;
    Atomics.store(this.#words, tail, ((this.#words[tail] as number) + taken) | 0);
    this.#tcp.received();
  }

  // Ends

  #settle(): void {
    if (this.#isGone) return;
    if (this.#isEnding === 'close' && !this.#isClosed) {
      this.#isClosed = true;
      this.#tcp.close();
    }
    this.#arm();
  }

  #abortNow(): void {
    this.#tcp.abort();
    this.#discard();
  }

  #arm(): void {
    const { timers } = this.#owner;
    const deadline = this.#isGone ? never : this.#connection.deadline;
    if (deadline === this.#timer.deadline) return;
    if (deadline === never) timers.cancel(this.#timer);
    else timers.set(this.#timer, deadline);
  }

  #discard(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#owner.timers.remove(this.#timer);
    this.#give(this.send.words);
    this.#give(this.receive.words);
    this.#owner.rings.giveControl(this.#control);
    this.#owner.gone(this);
  }

  // Rings

  /** Makes sure that so many bytes fit into the send ring. @returns its capacity */
  #reserve(length: number): number {
    const { rings } = this.#owner;
    const needed = this.send.length + length;
    const present = this.#words[this.send.words.capacity] as number;
    if (needed <= present) return present;
    const size = blockFor(needed);
    const block = rings.take(size);
    if (block === undefined) throw new Error('More was written than there was room for.');
    this.#move(this.send.words, block, size);
    return size;
  }

  #produce(length: number): void {
    const { head } = this.send.words;
    this.isActive = true;
    Atomics.store(this.#words, head, ((this.#words[head] as number) + length) | 0);
    this.#tcp.sendMore();
    this.#owner.attendLater(this);
  }

  #growReceiveRing(wanted: number): boolean {
    const { rings } = this.#owner;
    if (wanted > largestBlock) return false;
    const size = blockFor(wanted);
    const block = rings.take(size);
    if (block === undefined) return false;
    this.#move(this.receive.words, block, size);
    this.#receiveBytes = rings.memory.bytes.subarray(block, block + size);
    return true;
  }

  /** Gives a ring a larger block, with all that lies in it: bytes ahead of a gap, too. */
  #move(words: RingWords, block: number, size: number): void {
    const { memory } = this.#owner.rings;
    const present = this.#words[words.capacity] as number;
    const old = this.#words[words.offset] as number;
    const tail = this.#words[words.tail] as number;
    for (let done = 0; done < present; ) {
      const from = (tail + done) & (present - 1);
      const to = (tail + done) & (size - 1);
      const length = Math.min(present - done, present - from, size - to);
      memory.copy(block + to, old + from, length);
      done += length;
    }
    this.#give(words);
    this.#words[words.offset] = block;
    this.#words[words.capacity] = size;
  }

  #give(words: RingWords): void {
    const present = this.#words[words.capacity] as number;
    if (present === 0) return;
    this.#owner.rings.give(this.#words[words.offset] as number, present);
    this.#words[words.capacity] = 0;
  }
}

function ringWords(first: number): RingWords {
  return { offset: first, capacity: first + 1, head: first + 2, tail: first + 3 };
}

function blockFor(bytes: number): number {
  let size = smallestBlock;
  while (size < bytes) size *= 2;
  return size;
}
