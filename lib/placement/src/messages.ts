/** What a driver's isolate and the system isolate say to each other, beside the rings of frames. */
import type { Channel } from '@runtimejs/rpc/channel.ts';

/** The first byte of a message. */
const kind = { bell: 0, entropy: 1, told: 2 } as const;

/** From the driver's isolate. */
export type DriverMessage =
  | { readonly is: 'ready'; readonly linkUp: boolean }
  | { readonly is: 'link'; readonly up: boolean }
  | { readonly is: 'counters'; readonly counters: Readonly<Record<string, number>> };

/** To the driver's isolate. */
export interface MulticastMessage {
  readonly is: 'multicast';
  readonly address: readonly number[];
  readonly join: boolean;
}

/** Who takes what comes. */
export interface MessageTaker<Told> {
  /** There is something in a ring, or room. */
  bell?(): void;
  entropy?(bytes: Uint8Array): void;
  told?(message: Told): void;
  closed?(): void;
}

/** Texts as UTF-8: bare isolates have bindings for that. */
interface TextBindings {
  encodeUtf8(text: string): Uint8Array;
  decodeUtf8(bytes: Uint8Array): string;
}

const bell = Uint8Array.of(kind.bell);

/** One side of the conversation. What finds the channel full waits in order, except for bells. */
export class Conversation<Tell, Told> {
  readonly #channel: Channel;
  readonly #text: TextBindings;
  #waiting: Uint8Array[] = [];

  constructor(channel: Channel, text: TextBindings, taker: MessageTaker<Told>) {
    this.#channel = channel;
    this.#text = text;
    channel.start({
      readable: () => this.#receive(taker),
      writable: () => this.#sendWaiting(),
      closed: () => taker.closed?.(),
    });
  }

  /** Rings. A channel that is full has bells in it, and the other side comes to look anyway. */
  ring(): void {
    this.#channel.send(bell);
  }

  tell(message: Tell): void {
    this.#send(kind.told, this.#text.encodeUtf8(JSON.stringify(message)));
  }

  entropy(bytes: Uint8Array): void {
    this.#send(kind.entropy, bytes);
  }

  #send(first: number, content: Uint8Array): void {
    const bytes = new Uint8Array(1 + content.length);
    bytes[0] = first;
    bytes.set(content, 1);
    this.#waiting.push(bytes);
    this.#sendWaiting();
  }

  #sendWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#channel.send(next) === 'full') return;
      this.#waiting.shift();
    }
  }

  #receive(taker: MessageTaker<Told>): void {
    for (;;) {
      const message = this.#channel.receive();
      if (message === undefined) return;
      const { bytes } = message;
      if (bytes[0] === kind.bell) taker.bell?.();
      else if (bytes[0] === kind.entropy) taker.entropy?.(bytes.subarray(1));
      else if (bytes[0] === kind.told) {
        taker.told?.(JSON.parse(this.#text.decodeUtf8(bytes.subarray(1))) as Told);
      }
    }
  }
}
