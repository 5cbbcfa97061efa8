/** What a driver's isolate and the system isolate say to each other, beside what goes through rings. */
import type { Json } from '@runtimejs/isolate/program.ts';
import type { Channel, Message } from '@runtimejs/rpc/channel.ts';

/** The first byte of a message. */
const kind = { bell: 0, entropy: 1, told: 2 } as const;

/** From the driver's isolate. */
export type DriverMessage =
  | { readonly is: 'ready'; readonly linkUp: boolean }
  /** Answer to `handOver`: its state, null when it has none. */
  | { readonly is: 'state'; readonly state: Json }
  | { readonly is: 'stateless'; readonly reason: string }
  /** Answer to `stop`: the device is quiet, and all that was received is in the ring. */
  | { readonly is: 'stopped' }
  | { readonly is: 'link'; readonly up: boolean }
  | { readonly is: 'counters'; readonly counters: Readonly<Record<string, number>> };

/** To the driver's isolate: it is about to be replaced. */
export type ReplacementMessage = { readonly is: 'handOver' } | { readonly is: 'stop' };

/** To a network driver's isolate. */
export interface MulticastMessage {
  readonly is: 'multicast';
  readonly address: readonly number[];
  readonly join: boolean;
}

/**
 * Checks what a driver says: the driver may be wrong, or hostile.
 * @returns undefined when it is no such message
 */
export function driverMessage(value: unknown): DriverMessage | undefined {
  if (!isRecord(value)) return undefined;
  switch (value.is) {
    case 'ready':
      return typeof value.linkUp === 'boolean' ? { is: 'ready', linkUp: value.linkUp } : undefined;
    case 'link':
      return typeof value.up === 'boolean' ? { is: 'link', up: value.up } : undefined;
    case 'counters':
      return isCounters(value.counters) ? { is: 'counters', counters: value.counters } : undefined;
    case 'state':
      return 'state' in value ? { is: 'state', state: value.state as Json } : undefined;
    case 'stateless':
      return typeof value.reason === 'string'
        ? { is: 'stateless', reason: value.reason }
        : undefined;
    case 'stopped':
      return { is: 'stopped' };
    default:
      return undefined;
  }
}

/** Checks what a driver is told that is about to be replaced. @returns undefined when it is no such message */
export function replacementMessage(value: unknown): ReplacementMessage | undefined {
  if (!isRecord(value)) return undefined;
  return value.is === 'handOver' || value.is === 'stop' ? { is: value.is } : undefined;
}

/** Checks what a network driver is told. @returns undefined when it is no such message */
export function multicastMessage(value: unknown): MulticastMessage | undefined {
  if (!isRecord(value) || value.is !== 'multicast') return undefined;
  const { address, join } = value;
  if (!Array.isArray(address) || address.length !== 6 || typeof join !== 'boolean')
    return undefined;
  return { is: 'multicast', address: address as readonly number[], join };
}

/** Whether a value is an object, of whatever properties. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a value is counters by name. */
export function isCounters(value: unknown): value is Readonly<Record<string, number>> {
  return isRecord(value) && Object.values(value).every(isCount);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Who takes what comes. */
export interface MessageTaker<Told> {
  /** There is something in a ring, or room. */
  bell?(): void;
  entropy?(bytes: Uint8Array): void;
  told?(message: Told): void;
  closed?(): void;
  /** The other side says what nobody says, or does not listen. @param what it did, for people */
  violated(what: string): void;
}

/** Texts as UTF-8: bare isolates have bindings for that. */
interface TextBindings {
  encodeUtf8(text: string): Uint8Array;
  decodeUtf8(bytes: Uint8Array): string;
}

const bell = Uint8Array.of(kind.bell);
/** So many messages may wait for a channel that is full: who leaves more there does not listen. */
const mostWaiting = 1024;

/** One side of the conversation. What finds the channel full waits in order, except for bells. */
export class Conversation<Tell, Told> {
  readonly #channel: Channel;
  readonly #text: TextBindings;
  readonly #taker: MessageTaker<Told>;
  readonly #parse: (value: unknown) => Told | undefined;
  readonly #waiting: Uint8Array[] = [];
  /** Nothing more is listened to, nor said. */
  #isOver = false;

  /** @param parse checks what comes for `told`; undefined for what is no such message */
  constructor(
    channel: Channel,
    text: TextBindings,
    taker: MessageTaker<Told>,
    parse: (value: unknown) => Told | undefined = () => undefined,
  ) {
    this.#channel = channel;
    this.#text = text;
    this.#taker = taker;
    this.#parse = parse;
    channel.start({
      readable: () => this.#receive(),
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
    if (this.#isOver) return;
    this.#waiting.push(bytes);
    this.#sendWaiting();
    if (this.#waiting.length > mostWaiting) this.#end('it does not take what it is told');
  }

  #sendWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#channel.send(next) === 'full') return;
      this.#waiting.shift();
    }
  }

  #receive(): void {
    while (!this.#isOver) {
      const message = this.#channel.receive();
      if (message === undefined) return;
      const violation = this.#take(message);
      if (violation !== undefined) this.#end(violation);
    }
  }

  /** @returns what is wrong with a message */
  #take({ bytes, attachments }: Message): string | undefined {
    if (attachments.length > 0) {
      for (const each of attachments) if ('close' in each) (each as Channel).close();
      return 'it sends what nobody asked for';
    }
    const content = bytes.subarray(1);
    switch (bytes[0]) {
      case kind.bell:
        this.#taker.bell?.();
        return undefined;
      case kind.entropy:
        this.#taker.entropy?.(content);
        return undefined;
      case kind.told: {
        const told = this.#decode(content);
        if (told === undefined) return 'it says what makes no sense';
        this.#taker.told?.(told);
        return undefined;
      }
      default:
        return 'it sends messages of a kind that there is not';
    }
  }

  #decode(bytes: Uint8Array): Told | undefined {
    try {
      return this.#parse(JSON.parse(this.#text.decodeUtf8(bytes)));
    } catch {
      return undefined; // no JSON
    }
  }

  #end(violation: string): void {
    this.#isOver = true;
    this.#waiting.length = 0;
    this.#taker.violated(violation);
  }
}

/** What a driver says, whatever it is told. */
export type DriverVoice = Pick<Conversation<DriverMessage, never>, 'tell' | 'ring'>;
