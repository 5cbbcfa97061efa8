/** A connection of the server with a client that is played by the test: bytes in, text out, virtual time. */
import { Connection } from '@runtimejs/http/connection/connection.ts';
import type {
  ConnectionHost,
  Exchange,
  IncomingBody,
  Output,
} from '@runtimejs/http/connection/types.ts';
import {
  defaultLimits,
  defaultTimeouts,
  type Limits,
  type Timeouts,
} from '@runtimejs/http/limits.ts';
import { decodeLatin1 } from '@runtimejs/http/wire/characters.ts';
import { bytesOf } from './http-corpus.ts';

export const second = 1_000_000;

export interface ClientOptions {
  readonly limits?: Partial<Limits>;
  readonly timeouts?: Partial<Timeouts>;
  /** Bytes that the client takes before it has to take() more. */
  readonly room?: number;
}

/** See the top of the file. */
export class TestClient implements Output {
  readonly clock = { now: 1_000 };
  readonly counters: Record<string, number> = {};
  readonly connection: Connection;
  readonly host: ConnectionHost & { isClosing: boolean };
  /** Everything that was written. */
  sent = '';
  room: number;
  ended = false;
  closed = false;
  aborted = false;
  #input: Uint8Array = new Uint8Array();
  #again = false;

  constructor(handle: (exchange: Exchange) => void, options: ClientOptions = {}) {
    this.room = options.room ?? 1 << 20;
    this.host = {
      limits: { ...defaultLimits, ...options.limits },
      timeouts: { ...defaultTimeouts, ...options.timeouts },
      clock: this.clock,
      decode: decodeLatin1,
      counters: this.counters,
      isClosing: false,
      date: () => 'Sun, 06 Nov 1994 08:49:37 GMT',
      handle,
    };
    this.connection = new Connection(this.host, this);
  }

  /** Bytes that the server has not taken. */
  get waiting(): number {
    return this.#input.length;
  }

  /** Sends bytes. */
  send(text: string): void {
    const more = bytesOf(text);
    const joined = new Uint8Array(this.#input.length + more.length);
    joined.set(this.#input);
    joined.set(more, this.#input.length);
    this.#input = joined;
    this.#again = true;
    this.settle();
  }

  /** Sends FIN. */
  end(): void {
    this.ended = true;
  }

  finish(): void {
    this.settle();
    this.connection.receiveEnded();
    this.settle();
  }

  /** Lets the connection do what it asked for. */
  settle(): void {
    while (this.#again) {
      this.#again = false;
      const taken = this.connection.receive(this.#input, 0, this.#input.length);
      this.#input = this.#input.slice(taken);
    }
  }

  /** Takes so many bytes more of what is sent. */
  take(bytes: number): void {
    this.room += bytes;
    this.connection.sendable();
    this.settle();
  }

  /** Time passes. */
  pass(seconds: number): void {
    this.clock.now += seconds * second;
    if (this.connection.deadline <= this.clock.now) this.connection.expire();
    this.settle();
  }

  /** Lets promises settle, and the connection after them. */
  async idle(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) {
      await Promise.resolve();
      this.settle();
    }
  }

  // Output

  write(bytes: Uint8Array, start: number, end: number): void {
    this.writeText(decodeLatin1(bytes, start, end), 0, end - start);
  }

  writeText(text: string, start: number, end: number): void {
    if (end - start > this.room) throw new Error('more was written than there is room for');
    this.room -= end - start;
    this.sent += text.slice(start, end);
  }

  close(): void {
    this.closed = true;
  }

  abort(): void {
    this.aborted = true;
  }

  receiveAgain(): void {
    this.#again = true;
  }
}

/** Reads all of a body. */
export function readAll(
  body: IncomingBody | null,
  then: (content: string, error?: Error) => void,
): void {
  let content = '';
  const next = (): void => {
    body?.read((piece, error) => {
      if (error !== undefined) then(content, error);
      else if (piece === null) then(content);
      else {
        content += decodeLatin1(piece, 0, piece.length);
        next();
      }
    });
  };
  if (body === null) then('');
  else next();
}
