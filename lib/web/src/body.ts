/** The content of requests and responses (Fetch standard, section 5.2). */
import type { IncomingBody, OutgoingBody } from '@runtimejs/http/connection/types.ts';
import { webHost } from './host.ts';
import { isReadableStream, type ReadableStream, streams } from './streams.ts';
import { isSearchParams, type URLSearchParams } from './url.ts';

export type BodyInit =
  | string
  | ArrayBuffer
  | ArrayBufferView
  | URLSearchParams
  | ReadableStream<Uint8Array>;

type Bytes = Uint8Array<ArrayBuffer>;

/** Where content comes from. */
type Source =
  | { readonly kind: 'none' }
  | { readonly kind: 'bytes'; readonly bytes: Bytes }
  | { readonly kind: 'incoming'; readonly incoming: IncomingBody }
  | { readonly kind: 'stream'; readonly stream: ReadableStream<Uint8Array> };

const none: Source = { kind: 'none' };

/** What Request and Response have in common. */
export abstract class Body {
  #source: Source = none;
  #isUsed = false;

  /** Has the content been read, or begun to be? */
  get bodyUsed(): boolean {
    return this.#isUsed || (this.#source.kind === 'stream' && isDisturbed(this.#source.stream));
  }

  /** The content as a stream, null when there is none. */
  get body(): ReadableStream<Uint8Array> | null {
    const source = this.#source;
    if (source.kind === 'none') return null;
    if (source.kind === 'stream') return source.stream;
    const stream =
      source.kind === 'bytes' ? streamOfBytes(source.bytes) : streamOfIncoming(source.incoming);
    this.#source = { kind: 'stream', stream };
    return stream;
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = await this.bytes();
    return bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
  }

  async bytes(): Promise<Bytes> {
    const source = this.#take();
    switch (source.kind) {
      case 'none':
        return new Uint8Array();
      case 'bytes':
        return source.bytes.slice();
      case 'incoming':
        return readIncoming(source.incoming);
      case 'stream':
        return readStream(source.stream);
      default:
        return source satisfies never;
    }
  }

  async text(): Promise<string> {
    const bytes = await this.bytes();
    const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    return webHost().decodeUtf8(hasMark ? bytes.subarray(3) : bytes);
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  /**
   * Sets the content.
   * @returns the Content-Type that it implies, undefined for none
   */
  protected setBody(init: BodyInit | null | undefined): string | undefined {
    if (init === null || init === undefined) return undefined;
    if (isReadableStream(init)) {
      if (init.locked || isDisturbed(init)) {
        throw new TypeError('The stream is in use, or has been read.');
      }
      this.#source = { kind: 'stream', stream: init };
      return undefined;
    }
    if (init instanceof ArrayBuffer) {
      this.#source = { kind: 'bytes', bytes: new Uint8Array(init.slice(0)) };
      return undefined;
    }
    if (ArrayBuffer.isView(init)) {
      const view = new Uint8Array(init.buffer, init.byteOffset, init.byteLength);
      this.#source = { kind: 'bytes', bytes: new Uint8Array(view) };
      return undefined;
    }
    this.#source = { kind: 'bytes', bytes: webHost().encodeUtf8(String(init)) };
    return isSearchParams(init)
      ? 'application/x-www-form-urlencoded;charset=UTF-8'
      : 'text/plain;charset=UTF-8';
  }

  /** Sets content that a client sends. */
  protected setIncoming(incoming: IncomingBody | null): void {
    if (incoming !== null) this.#source = { kind: 'incoming', incoming };
  }

  /** Takes over another one's content, which is used from then on. */
  protected takeBody(other: Body): void {
    this.#source = other.#take();
  }

  /** Gives this and a copy the same content. */
  protected shareBody(copy: Body): void {
    if (this.bodyUsed) throw new TypeError('The content has been read already.');
    const stream = this.#source.kind === 'bytes' ? null : this.body;
    if (stream === null) {
      copy.#source = this.#source;
      return;
    }
    const [mine, theirs] = stream.tee();
    this.#source = { kind: 'stream', stream: mine };
    copy.#source = { kind: 'stream', stream: theirs };
  }

  /** For the server: the content as it is sent. */
  protected outgoing(length: number | undefined): Uint8Array | OutgoingBody | null {
    const source = this.#take();
    switch (source.kind) {
      case 'none':
        return null;
      case 'bytes':
        return source.bytes;
      case 'incoming':
        return outgoingOf(streamOfIncoming(source.incoming), length ?? source.incoming.length);
      case 'stream':
        return outgoingOf(source.stream, length);
      default:
        return source satisfies never;
    }
  }

  #take(): Source {
    const source = this.#source;
    if (source.kind === 'none') return source;
    if (this.bodyUsed) throw new TypeError('The content has been read already.');
    if (source.kind === 'stream' && source.stream.locked) {
      throw new TypeError('Somebody is reading the content.');
    }
    this.#isUsed = true;
    return source;
  }
}

/** Streams that somebody has read from, by their readers here. */
const disturbed = new WeakSet<ReadableStream<Uint8Array>>();

function isDisturbed(stream: ReadableStream<Uint8Array>): boolean {
  return disturbed.has(stream);
}

function streamOfBytes(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new (streams().ReadableStream)<Uint8Array>({
    pull(controller) {
      if (bytes.length > 0) controller.enqueue(bytes);
      controller.close();
    },
  });
}

function streamOfIncoming(incoming: IncomingBody): ReadableStream<Uint8Array> {
  return new (streams().ReadableStream)<Uint8Array>(
    {
      pull: (controller) =>
        new Promise<void>((resolve, reject) => {
          incoming.read((piece, error) => {
            if (error !== undefined) {
              reject(error);
              return;
            }
            if (piece === null) controller.close();
            else controller.enqueue(piece);
            resolve();
          });
        }),
      cancel: () => incoming.discard(),
    },
    { highWaterMark: 0 },
  );
}

function readIncoming(incoming: IncomingBody): Promise<Bytes> {
  const pieces: Uint8Array[] = [];
  return new Promise((resolve, reject) => {
    const next = (): void =>
      incoming.read((piece, error) => {
        if (error !== undefined) reject(error);
        else if (piece === null) resolve(join(pieces));
        else {
          pieces.push(piece);
          next();
        }
      });
    next();
  });
}

async function readStream(stream: ReadableStream<Uint8Array>): Promise<Bytes> {
  disturbed.add(stream);
  const reader = stream.getReader();
  const pieces: Uint8Array[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return join(pieces);
    pieces.push(checkPiece(value));
  }
}

function join(pieces: readonly Uint8Array[]): Bytes {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

function checkPiece(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new TypeError('A stream of content must give Uint8Arrays.');
}

function outgoingOf(stream: ReadableStream<Uint8Array>, length: number | undefined): OutgoingBody {
  disturbed.add(stream);
  const reader = stream.getReader();
  return {
    length,
    pull: (then) => {
      reader.read().then(
        ({ done, value }) => {
          if (done) {
            then(null);
            return;
          }
          try {
            then(checkPiece(value));
          } catch (error) {
            reader.cancel(error).catch(() => {});
            then(null, error);
          }
        },
        (error) => then(null, error ?? new Error('The stream failed.')),
      );
    },
    cancel: (reason) => {
      reader.cancel(reason).catch(() => {});
    },
  };
}
