/**
 * A channel over two rings in shared memory. Whoever has the memory gives what JavaScript cannot do alone: a
 * doorbell that wakes the other side's event loop, and a lane on which attachments travel.
 */
import type { Attachment, Channel, ChannelListener, Closure, Message, Sent } from '../channel.ts';
import { checkMessage } from './check.ts';
import { asleep, RingReader, RingWriter } from './ring.ts';

/** What a channel over rings needs of the threads that it connects. */
export interface RingHost {
  /** Calls wake() of the peer's channel from the peer's event loop, soon. More than once is harmless. */
  ringBell(): void;
  /** Runs something from the own event loop, soon. */
  later(run: () => void): void;
  /**
   * Hands attachments over, in order, ArrayBuffers moved. The record that names them follows. When they arrive, the
   * peer's wake() is called, so that no bell is needed.
   */
  pushAttachments(items: readonly Attachment[]): void;
  /** What pushAttachments() has handed over at the other end, in order; undefined when it has not arrived. */
  takeAttachments(): readonly Attachment[] | undefined;
  /** Whether takeAttachments() would give something. */
  readonly hasAttachments: boolean;
  /** See Channel.carries(). */
  carries(value: object): boolean;
  /** The channel has ended: nothing of this is called again. The peer has been rung. */
  ended(closure: Closure): void;
}

const none: readonly Attachment[] = [];
const jobsEnd = Promise.resolve();

/** One end. */
export class RingChannel implements Channel {
  readonly longestMessage: number;
  readonly mostAttachments = 64;
  closure: Closure | undefined;
  readonly #writer: RingWriter;
  readonly #reader: RingReader;
  readonly #host: RingHost;
  #listener: ChannelListener | undefined;
  /** The listener was told that something is there, and has not come to the end of it. */
  #isReading = false;
  /** receive() has returned a record whose room is not given back yet. */
  #isTaken = false;
  #isWriterWaiting = false;
  /** Messages of one job of the event loop are told of together: to be woken costs the peer more than they do. */
  #isBellDue = false;
  readonly #wakePeer = (): void => {
    this.#isBellDue = false;
    if (this.closure === undefined && this.#writer.takeSleep()) this.#host.ringBell();
  };
  readonly #message: { bytes: Uint8Array; attachments: readonly Attachment[] } = {
    bytes: new Uint8Array(0),
    attachments: none,
  };
  #death: Closure | undefined;

  /**
   * @param outgoing memory that this side writes, from ringMemory()
   * @param incoming memory that this side reads
   */
  constructor(outgoing: SharedArrayBuffer, incoming: SharedArrayBuffer, host: RingHost) {
    this.#writer = new RingWriter(outgoing);
    this.#reader = new RingReader(incoming);
    this.#host = host;
    this.longestMessage = this.#writer.longestMessage;
  }

  start(listener: ChannelListener): void {
    if (this.#listener !== undefined) throw new Error('This channel has been started.');
    this.#listener = listener;
    this.#host.later(() => this.wake());
  }

  send(bytes: Uint8Array, attachments: readonly Attachment[] = none): Sent {
    checkMessage(this, bytes, attachments);
    if (this.closure !== undefined || this.#death !== undefined) return 'closed';
    const fits = this.#writer.fits(bytes.length);
    if (fits === undefined) {
      this.#break('the ring of messages is broken: more was read than was written');
      return 'closed';
    }
    if (!fits) {
      this.#isWriterWaiting = true;
      return 'full';
    }
    if (attachments.length > 0) {
      this.#host.pushAttachments(attachments);
      this.#writer.write(bytes, attachments.length);
      if (this.#writer.takeSleepWithAttachments()) this.#host.ringBell();
      return 'sent';
    }
    this.#writer.write(bytes, 0);
    if (!this.#isBellDue) {
      this.#isBellDue = true;
      void jobsEnd.then(this.#wakePeer);
    }
    return 'sent';
  }

  receive(): Message | undefined {
    if (this.closure !== undefined) return undefined;
    const reader = this.#reader;
    if (this.#isTaken && reader.advance()) this.#host.ringBell();
    this.#isTaken = false;
    while (true) {
      if (reader.next()) {
        const { bytes, attachments } = reader.record;
        if (attachments < 0 || attachments > this.mostAttachments) {
          this.#break(`${attachments} attachments were announced`);
          return undefined;
        }
        const items = attachments === 0 ? none : this.#host.takeAttachments();
        if (items === undefined) break;
        if (items.length !== attachments) {
          this.#break(`${attachments} attachments were announced, ${items.length} came`);
          return undefined;
        }
        this.#message.bytes = bytes;
        this.#message.attachments = items;
        this.#isTaken = true;
        return this.#message;
      }
      if (reader.broken !== undefined) {
        this.#break(reader.broken);
        return undefined;
      }
      if (this.#isOver() || this.#sleep()) break;
    }
    this.#isReading = false;
    return undefined;
  }

  carries(value: object): boolean {
    return this.#host.carries(value);
  }

  close(reason = ''): void {
    if (this.closure !== undefined) return;
    this.#writer.close(reason);
    this.#host.ringBell();
    this.#finish({ cause: 'closed', by: 'here', reason });
  }

  /** For the host: the peer has rung, or attachments have come. */
  wake(): void {
    if (this.closure !== undefined || this.#listener === undefined) return;
    if (this.#isWriterWaiting && this.#writer.hasRoomAgain) {
      this.#isWriterWaiting = false;
      this.#listener.writable();
    }
    if (this.#isReading || this.closure !== undefined) return;
    if (this.#reader.hasMore) {
      this.#isReading = true;
      this.#listener.readable();
    } else if (!this.#isOver() && !this.#sleep()) {
      this.#host.later(() => this.wake());
    }
  }

  /** For the host: the peer is dead. What it had written is read first. */
  died(reason: string): void {
    if (this.closure !== undefined || this.#death !== undefined) return;
    this.#death = { cause: 'died', by: 'peer', reason };
    this.wake();
  }

  /** @returns false when something has come in the meantime */
  #sleep(): boolean {
    const { hasAttachments } = this.#host;
    return this.#reader.sleep(hasAttachments ? asleep.withAttachments : asleep.plainly);
  }

  /** Finishes when the peer has ended and nothing of it is left. @returns whether that is so */
  #isOver(): boolean {
    const reader = this.#reader;
    // Closed first, then whether there is more: the other way round, a last message could be missed.
    const isClosed = reader.isClosed;
    if (reader.hasMore) return false;
    const closure: Closure | undefined = isClosed
      ? { cause: 'closed', by: 'peer', reason: reader.closeReason }
      : this.#death;
    if (closure === undefined) return false;
    this.#finish(closure);
    return true;
  }

  #break(reason: string): void {
    this.#writer.close(reason);
    this.#host.ringBell();
    this.#finish({ cause: 'broken', by: 'peer', reason });
  }

  #finish(closure: Closure): void {
    if (this.closure !== undefined) return;
    this.closure = closure;
    this.#host.later(() => {
      this.#host.ended(closure);
      this.#listener?.closed(closure);
    });
  }
}
