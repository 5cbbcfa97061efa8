/**
 * Async iterables across a connection. Whoever reads says how many items it wants, so that the sender's iterator
 * is asked for no more than that: a slow reader slows the source.
 */
import { ProtocolError } from './errors.ts';
import type { RemoteStream } from './types.ts';

/** Items that a reader lets come before they are asked for. */
export const streamWindow = 16;

/** What streams say to the peer. */
export interface StreamSender {
  /** Throws when the value cannot be sent. */
  item(id: number, value: unknown): void;
  end(id: number): void;
  fail(id: number, error: unknown): void;
  want(id: number, items: number): void;
  stop(id: number): void;
}

/** A stream of this side's. */
class Source {
  readonly #id: number;
  readonly #sender: StreamSender;
  readonly #iterable: AsyncIterable<unknown>;
  readonly #done: () => void;
  #iterator: AsyncIterator<unknown> | undefined;
  #wanted = 0;
  #isRunning = false;
  #isOver = false;

  constructor(
    id: number,
    iterable: AsyncIterable<unknown>,
    sender: StreamSender,
    done: () => void,
  ) {
    this.#id = id;
    this.#iterable = iterable;
    this.#sender = sender;
    this.#done = done;
  }

  want(items: number): void {
    if (items < 1 || this.#wanted + items > streamWindow) {
      throw new ProtocolError(`${items} more items of a stream are wanted than may be`);
    }
    this.#wanted += items;
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      this.#iterator ??= this.#iterable[Symbol.asyncIterator]();
      while (this.#wanted > 0 && !this.#isOver) {
        const result = await this.#iterator.next();
        if (this.#isOver) break;
        if (result.done === true) {
          this.#finish();
          this.#sender.end(this.#id);
          break;
        }
        this.#wanted -= 1;
        this.#sender.item(this.#id, result.value);
      }
    } catch (error) {
      if (!this.#isOver) {
        this.#sender.fail(this.#id, error);
        this.stop();
      }
    }
    this.#isRunning = false;
  }

  /** Nobody reads any longer: the iterator is told. */
  stop(): void {
    if (this.#isOver) return;
    this.#finish();
    // What it says about that interests nobody any more.
    const close = async (): Promise<unknown> => this.#iterator?.return?.();
    close().catch(() => {});
  }

  #finish(): void {
    this.#isOver = true;
    this.#done();
  }
}

interface Reader {
  /** Keeps the stream from being collected while it is waited for. */
  readonly stream: object;
  readonly resolve: (result: IteratorResult<unknown, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/** What has come of a stream of the peer's. Apart from the iterator that the program holds, which may be collected. */
class Arrival {
  readonly #items: unknown[] = [];
  readonly #readers: Reader[] = [];
  #taken = 0;
  #isAsked = false;
  #end: { readonly error: unknown; readonly isFailure: boolean } | undefined;
  readonly #id: number;
  readonly #sender: StreamSender;

  constructor(id: number, sender: StreamSender) {
    this.#id = id;
    this.#sender = sender;
  }

  item(value: unknown): void {
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader.resolve({ done: false, value });
      this.#take();
    } else if (this.#items.length < streamWindow) this.#items.push(value);
    else throw new ProtocolError('a stream sends more items than are wanted');
  }

  finish(isFailure: boolean, error?: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { isFailure, error };
    for (const reader of this.#readers.splice(0)) this.#conclude(reader);
  }

  next(stream: object): Promise<IteratorResult<unknown, undefined>> {
    if (!this.#isAsked) {
      this.#isAsked = true;
      this.#sender.want(this.#id, streamWindow);
    }
    return new Promise((resolve, reject) => {
      if (this.#items.length > 0) {
        resolve({ done: false, value: this.#items.shift() });
        if (this.#end === undefined) this.#take();
      } else if (this.#end !== undefined) this.#conclude({ stream, resolve, reject });
      else this.#readers.push({ stream, resolve, reject });
    });
  }

  drop(): void {
    this.#items.length = 0;
    this.finish(false);
  }

  /** Half of the window is asked for at once. */
  #take(): void {
    this.#taken += 1;
    if (this.#taken < streamWindow / 2) return;
    this.#sender.want(this.#id, this.#taken);
    this.#taken = 0;
  }

  /** A failure is told once; after it the stream has ended. */
  #conclude({ resolve, reject }: Reader): void {
    const end = this.#end;
    if (end?.isFailure === true) {
      this.#end = { isFailure: false, error: undefined };
      reject(end.error);
    } else resolve({ done: true, value: undefined });
  }
}

/** What the program reads. Nothing of the connection refers to it, so that it is collected when it is forgotten. */
class ArrivingStream implements RemoteStream<unknown> {
  readonly #arrival: Arrival;
  readonly #stop: () => void;

  constructor(arrival: Arrival, stop: () => void) {
    this.#arrival = arrival;
    this.#stop = stop;
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    return this.#arrival.next(this);
  }

  async return(): Promise<IteratorResult<unknown, undefined>> {
    this.#stop();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
  }
}

/** All streams of a connection. */
export class Streams {
  readonly #sender: StreamSender;
  readonly #sources = new Map<number, Source>();
  readonly #arrivals = new Map<number, Arrival>();
  readonly #collected = new FinalizationRegistry<number>((id) => this.#stop(id));
  #next = 1;

  constructor(sender: StreamSender) {
    this.#sender = sender;
  }

  get sources(): number {
    return this.#sources.size;
  }

  get arrivals(): number {
    return this.#arrivals.size;
  }

  /** Makes a stream of this side's known. @returns its number */
  send(iterable: AsyncIterable<unknown>): number {
    const id = this.#next;
    this.#next += 1;
    const done = (): void => void this.#sources.delete(id);
    this.#sources.set(id, new Source(id, iterable, this.#sender, done));
    return id;
  }

  /** A stream of the peer's. Nothing of it is asked for before it is read. */
  receive(id: number): RemoteStream<unknown> {
    if (this.#arrivals.has(id)) throw new ProtocolError(`stream ${id} is there twice`);
    const arrival = new Arrival(id, this.#sender);
    this.#arrivals.set(id, arrival);
    const stream = new ArrivingStream(arrival, () => this.#stop(id));
    this.#collected.register(stream, id);
    return stream;
  }

  item(id: number, value: unknown): void {
    this.#arrivals.get(id)?.item(value);
  }

  finish(id: number, isFailure: boolean, error?: unknown): void {
    this.#arrivals.get(id)?.finish(isFailure, error);
    this.#arrivals.delete(id);
  }

  want(id: number, items: number): void {
    this.#sources.get(id)?.want(items);
  }

  /** The peer wants no more, or never got it. */
  stopSource(id: number): void {
    this.#sources.get(id)?.stop();
  }

  /** The peer is gone. */
  clear(error: Error): void {
    for (const source of [...this.#sources.values()]) source.stop();
    for (const arrival of this.#arrivals.values()) arrival.finish(true, error);
    this.#arrivals.clear();
  }

  #stop(id: number): void {
    const arrival = this.#arrivals.get(id);
    if (arrival === undefined) return;
    this.#arrivals.delete(id);
    arrival.drop();
    this.#sender.stop(id);
  }
}
