/** What a connection, its transport and the program behind it ask of each other. */
import type { Limits, Timeouts } from '../limits.ts';
import type { DecodeLatin1, RequestHead } from '../wire/request.ts';
import type { FieldPairs } from '../wire/response.ts';

/** Microseconds on a clock that never goes back. */
export type Instant = number;

/** The bytes' way to the client. */
export interface Output {
  /** How many bytes can be written now. */
  readonly room: number;
  /** Takes bytes, at most `room`; they are copied. */
  write(bytes: Uint8Array, start: number, end: number): void;
  /** Takes text whose code units are bytes, at most `room`. */
  writeText(text: string, start: number, end: number): void;
  /** FIN after what was written. */
  end(): void;
  /** Gone once what was written has been sent; nothing is received any more. */
  close(): void;
  /** RST. */
  abort(): void;
  /** Has receive() called soon: what it left untaken can be taken now. */
  receiveAgain(): void;
}

/** Who waits for a piece of a request's content: null is its end, an error says why it will not be complete. */
export type PieceReader = (piece: Uint8Array | null, error?: Error) => void;

/** The content of a request, which is taken from the client as it is read. */
export interface IncomingBody {
  /** Bytes, when the client has said so. */
  readonly length: number | undefined;
  /** Asks for the next piece; to be called again after it has come. */
  read(reader: PieceReader): void;
  /** Nobody will read the rest. */
  discard(): void;
}

/** Content of a response that comes in pieces. */
export interface OutgoingBody {
  /** Bytes, where they are known before. */
  readonly length: number | undefined;
  /** Asks for the next piece: null is the end, an error ends the connection. One at a time. */
  pull(then: (piece: Uint8Array | null, error?: unknown) => void): void;
  /** The client does not get it. */
  cancel(reason: Error): void;
}

/** A response. */
export interface OutgoingResponse {
  readonly status: number;
  /** Empty for the usual one. */
  readonly reason: string;
  readonly fields: FieldPairs;
  /** Text is written as it is: one byte for each code unit. */
  readonly body: Uint8Array | string | OutgoingBody | null;
  /** For responses to HEAD: the length that GET would give. */
  readonly length?: number | undefined;
}

/** A request that waits for its response. */
export interface Exchange {
  readonly head: RequestHead;
  /** Null when the request has no content. */
  readonly body: IncomingBody | null;
  /** Called once when the client goes away before it has the response. */
  onAbort: ((reason: Error) => void) | undefined;
  /**
   * Answers. Once; what comes later, or after the client has gone, is dropped and its content cancelled.
   * @throws TypeError for a field that cannot be sent; nothing was sent then
   */
  respond(response: OutgoingResponse): void;
}

/** What the connections of a server share. */
export interface ConnectionHost {
  readonly limits: Limits;
  readonly timeouts: Timeouts;
  readonly clock: { readonly now: Instant };
  readonly decode: DecodeLatin1;
  readonly counters: Record<string, number>;
  /** The server is closing: connections end after the response that is under way. */
  readonly isClosing: boolean;
  /** Value of the Date field. */
  date(): string;
  /** Takes a request. Must not throw. */
  handle(exchange: Exchange): void;
}
