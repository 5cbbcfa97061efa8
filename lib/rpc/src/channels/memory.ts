/** Two ends of a channel in one isolate's memory: for tests, and for parts that share an isolate. */
import type { Attachment, Channel, ChannelListener, Closure, Message, Sent } from '../channel.ts';
import { checkMessage } from './check.ts';

/** How a pair is made. */
export interface MemoryChannelOptions {
  /** Runs something later, not within the call: a microtask, a timer, or a simulation's agenda. */
  readonly later: (run: () => void) => void;
  /** Bytes that wait in each direction, by default 65,536. The longest message is a quarter of it. */
  readonly capacity?: number;
  /** What may be an attachment beside ArrayBuffers and SharedArrayBuffers; by default nothing. */
  readonly carries?: (value: object) => boolean;
}

/** What a message takes beside its bytes, so that empty ones are bounded too. */
const overhead = 16;

/** One end of a channel in memory. */
export interface MemoryChannel extends Channel {
  /**
   * Ends this side as if its isolate had died.
   * @param lost how many of the messages that the peer has not received yet it never gets, the last ones
   */
  die(reason: string, lost?: number): void;
}

/** Makes a channel and returns its two ends. */
export function memoryChannels(
  options: MemoryChannelOptions,
): readonly [MemoryChannel, MemoryChannel] {
  const one = new MemoryEnd(options);
  const other = new MemoryEnd(options);
  one.peer = other;
  other.peer = one;
  return [one, other];
}

class MemoryEnd implements MemoryChannel {
  readonly longestMessage: number;
  readonly mostAttachments = 64;
  peer: MemoryEnd | undefined;
  closure: Closure | undefined;
  readonly #options: MemoryChannelOptions;
  readonly #capacity: number;
  #listener: ChannelListener | undefined;
  /** What was sent to this side. */
  #inbox: Message[] = [];
  #inboxBytes = 0;
  #isIdle = true;
  #isWriterWaiting = false;
  /** How the peer has ended, until everything before that is received. */
  #ending: Closure | undefined;

  constructor(options: MemoryChannelOptions) {
    this.#options = options;
    this.#capacity = options.capacity ?? 65_536;
    this.longestMessage = this.#capacity >> 2;
    if (this.longestMessage < 256) throw new RangeError('A channel has at least 1,024 bytes.');
  }

  start(listener: ChannelListener): void {
    if (this.#listener !== undefined) throw new Error('This channel has been started.');
    this.#listener = listener;
    this.#wakeReader();
  }

  send(bytes: Uint8Array, attachments: readonly Attachment[] = []): Sent {
    checkMessage(this, bytes, attachments);
    const { peer } = this;
    if (peer === undefined || this.closure !== undefined || this.#ending !== undefined) {
      return 'closed';
    }
    if (peer.#inboxBytes + bytes.length + overhead > this.#capacity) {
      this.#isWriterWaiting = true;
      return 'full';
    }
    const moved = attachments.map((item) => (item instanceof ArrayBuffer ? item.transfer() : item));
    peer.#inbox.push({ bytes: bytes.slice(), attachments: moved });
    peer.#inboxBytes += bytes.length + overhead;
    peer.#wakeReader();
    return 'sent';
  }

  receive(): Message | undefined {
    if (this.closure !== undefined) return undefined;
    const message = this.#inbox.shift();
    if (message === undefined) {
      this.#isIdle = true;
      if (this.#ending !== undefined) this.#wakeReader();
      return undefined;
    }
    this.#inboxBytes -= message.bytes.length + overhead;
    this.peer?.wakeWriter();
    return message;
  }

  carries(value: object): boolean {
    return this.#options.carries?.(value) ?? false;
  }

  close(reason = ''): void {
    this.#end({ cause: 'closed', by: 'here', reason }, { cause: 'closed', by: 'peer', reason });
  }

  die(reason: string, lost = 0): void {
    if (this.closure === undefined) this.peer?.lose(lost);
    this.#end({ cause: 'died', by: 'here', reason }, { cause: 'died', by: 'peer', reason });
  }

  #end(here: Closure, there: Closure): void {
    if (this.closure !== undefined) return;
    this.#finish(here);
    const { peer } = this;
    if (peer === undefined || peer.closure !== undefined) return;
    peer.#ending = there;
    peer.#wakeReader();
  }

  /** For the peer: the last messages that it sent are lost. */
  lose(count: number): void {
    const lost = this.#inbox.splice(Math.max(this.#inbox.length - count, 0));
    for (const { bytes } of lost) this.#inboxBytes -= bytes.length + overhead;
  }

  /** For the peer: room has been made. */
  wakeWriter(): void {
    if (!this.#isWriterWaiting) return;
    this.#isWriterWaiting = false;
    this.#options.later(() => {
      if (this.closure === undefined) this.#listener?.writable();
    });
  }

  /** Tells the reader once that something has come, or that the end has. */
  #wakeReader(): void {
    if (this.#listener === undefined || !this.#isIdle) return;
    if (this.#inbox.length === 0 && this.#ending === undefined) return;
    this.#isIdle = false;
    this.#options.later(() => {
      if (this.closure !== undefined) return;
      if (this.#inbox.length > 0) this.#listener?.readable();
      else if (this.#ending !== undefined) this.#finish(this.#ending);
      else this.#isIdle = true;
    });
  }

  #finish(closure: Closure): void {
    this.closure = closure;
    this.#inbox = [];
    this.#inboxBytes = 0;
    this.#options.later(() => this.#listener?.closed(closure));
  }
}
