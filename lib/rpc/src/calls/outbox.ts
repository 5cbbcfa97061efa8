/** Messages on their way into the channel: cut into frames, and kept in order while it is full. */
import type { Attachment, Channel } from '../channel.ts';
import { frame } from './wire.ts';

interface Waiting {
  readonly bytes: Uint8Array;
  readonly attachments: readonly Attachment[];
  /** Bytes that are in the channel already. */
  done: number;
}

const none: readonly Attachment[] = [];

/** Takes whole messages, whose first byte is frame.last. */
export class Outbox {
  readonly #channel: Channel;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  readonly #part: Uint8Array;

  constructor(channel: Channel) {
    this.#channel = channel;
    this.#part = new Uint8Array(Math.min(channel.longestMessage, 16_384));
  }

  /** Bytes that the channel has not taken yet. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Sends a message, or keeps it until there is room. Its bytes are copied, its buffers detached at once. */
  post(bytes: Uint8Array, attachments: readonly Attachment[] = none): void {
    const fits = bytes.length <= this.#channel.longestMessage;
    if (this.#waiting.length === 0 && fits) {
      if (this.#channel.send(bytes, attachments) !== 'full') return;
    }
    const moved =
      attachments.length === 0
        ? none
        : attachments.map((item) => (item instanceof ArrayBuffer ? item.transfer() : item));
    this.#waiting.push({ bytes: bytes.slice(), attachments: moved, done: 0 });
    this.#waitingBytes += bytes.length;
    if (this.#waiting.length === 1) this.flush();
  }

  /** Sends what there is room for. */
  flush(): void {
    let sent = 0;
    for (const message of this.#waiting) {
      if (!this.#send(message)) break;
      this.#waitingBytes -= message.bytes.length;
      sent += 1;
    }
    if (sent > 0) this.#waiting.splice(0, sent);
  }

  /** Forgets everything. */
  clear(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  /** @returns whether the channel has all of it */
  #send(message: Waiting): boolean {
    const { bytes, attachments } = message;
    if (bytes.length <= this.#channel.longestMessage && message.done === 0) {
      return this.#channel.send(bytes, attachments) !== 'full';
    }
    // The frame's own byte comes before each piece, the message's first byte is left out.
    const most = this.#part.length - 1;
    for (let at = Math.max(message.done, 1); at < bytes.length; at += most) {
      message.done = at;
      const isLast = at + most >= bytes.length;
      const piece = bytes.subarray(at, Math.min(at + most, bytes.length));
      this.#part[0] = isLast ? frame.last : frame.part;
      this.#part.set(piece, 1);
      const framed = this.#part.subarray(0, piece.length + 1);
      if (this.#channel.send(framed, isLast ? attachments : none) === 'full') return false;
    }
    return true;
  }
}

const slack = 64;

/** Puts messages together again that came in pieces. */
export class Assembly {
  readonly #most: number;
  #parts: Uint8Array[] = [];
  #length = 0;

  /** @param most bytes of a message, which its first and last number may exceed */
  constructor(most: number) {
    this.#most = most + slack;
  }

  /**
   * Takes a frame.
   * @returns a whole message with its frame byte; undefined while there is more to come; a sentence when the
   *   frame is none
   */
  take(bytes: Uint8Array): Uint8Array | string | undefined {
    const length = this.#length + bytes.length;
    if (bytes.length === 0) return 'a frame is empty';
    if (length > this.#most) return `a message has more than ${this.#most} bytes`;
    if (bytes[0] === frame.last) {
      if (this.#length === 0) return bytes;
      const whole = new Uint8Array(length);
      let at = 1;
      for (const part of [...this.#parts, bytes.subarray(1)]) {
        whole.set(part, at);
        at += part.length;
      }
      this.#parts = [];
      this.#length = 0;
      return whole;
    }
    if (bytes[0] !== frame.part) return 'a frame is of no known kind';
    // A peer that cuts finely would make us keep more than its bytes.
    if (bytes.length < 64) return 'a part of a message is too small';
    this.#parts.push(bytes.slice(1));
    this.#length = length - 1;
    return undefined;
  }
}
