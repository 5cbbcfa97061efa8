/** The content of one request: taken from the input when somebody reads it. */
import { ChunkedDecoder } from '../wire/chunked.ts';
import type { Refusal } from '../wire/refusal.ts';
import type { ContentFraming } from '../wire/request.ts';
import type { IncomingBody, PieceReader } from './types.ts';

/** Bytes of the largest piece. */
const largestPiece = 64 * 1024;

/** What a body asks of its connection. */
export interface BodyOwner {
  /** Somebody waits for content: the input is to be looked at. */
  wanted(): void;
  /** Nobody will read the rest. */
  unwanted(): void;
}

/** Limits of a body. */
export interface BodyLimits {
  readonly body: number;
  readonly head: number;
  readonly fields: number;
}

/** See IncomingBody; take() and fail() are its connection's. */
export class RequestBody implements IncomingBody {
  readonly length: number | undefined;
  /** Everything was taken from the input. */
  isComplete = false;
  /** Content is thrown away as it comes. */
  isDiscarding = false;
  /** Bytes that were thrown away. */
  discarded = 0;
  /** Bytes of content were seen: the client does not wait for 100 (Continue). */
  hasBegun = false;
  readonly #owner: BodyOwner;
  readonly #chunks: ChunkedDecoder | null;
  readonly #limit: number;
  #left: number;
  #taken = 0;
  #reader: PieceReader | null = null;
  #error: Error | undefined;

  constructor(framing: ContentFraming, limits: BodyLimits, owner: BodyOwner) {
    this.#owner = owner;
    this.#limit = limits.body;
    this.#chunks = framing === 'chunked' ? new ChunkedDecoder(limits.head, limits.fields) : null;
    this.length = framing === 'chunked' ? undefined : framing;
    this.#left = framing === 'chunked' ? 0 : framing;
  }

  /** Somebody waits. */
  get isWanted(): boolean {
    return this.#reader !== null;
  }

  read(reader: PieceReader): void {
    if (this.#reader !== null) throw new Error('The content is being read already.');
    if (this.#error !== undefined) reader(null, this.#error);
    else if (this.isComplete) reader(null);
    else if (this.isDiscarding) reader(null, new Error('The content was discarded.'));
    else {
      this.#reader = reader;
      this.#owner.wanted();
    }
  }

  discard(): void {
    if (this.isComplete || this.isDiscarding || this.#error !== undefined) return;
    this.isDiscarding = true;
    this.#owner.unwanted();
  }

  /** The rest does not come. */
  fail(error: Error): void {
    if (this.isComplete || this.#error !== undefined) return;
    this.#error = error;
    this.#give(null, error);
  }

  /**
   * Takes content from the input, as far as somebody wants it.
   * @returns the place after what was taken, or why the content is refused
   */
  take(bytes: Uint8Array, start: number, end: number): number | Refusal {
    let at = start;
    while (!this.isComplete && (this.#reader !== null || this.isDiscarding)) {
      const before = at;
      const next =
        this.#chunks === null ? this.#plain(bytes, at, end) : this.#chunked(bytes, at, end);
      if (typeof next === 'string') return next;
      at = next;
      if (at === before && !this.isComplete) break;
    }
    return at;
  }

  #plain(bytes: Uint8Array, start: number, end: number): number | Refusal {
    const length = Math.min(end - start, this.#left, largestPiece);
    if (length === 0) return start;
    this.#left -= length;
    if (this.#left === 0) this.isComplete = true;
    this.#piece(bytes, start, start + length);
    return start + length;
  }

  #chunked(bytes: Uint8Array, start: number, end: number): number | Refusal {
    const chunks = this.#chunks as ChunkedDecoder;
    const step = chunks.step(bytes, start, end);
    switch (step) {
      case 'more':
        return start;
      case 'framing':
        this.hasBegun = true;
        // A chunk that goes beyond the limit is refused by its size, before it comes.
        if (this.#taken + chunks.left > this.#limit && !this.isDiscarding) return 'bodyTooLarge';
        return chunks.next;
      case 'data':
        this.#taken += chunks.dataEnd - chunks.dataStart;
        this.#piece(bytes, chunks.dataStart, chunks.dataEnd);
        return chunks.next;
      case 'done':
        this.isComplete = true;
        this.#give(null);
        return chunks.next;
      case 'refused':
        return chunks.refusal as Refusal;
      default:
        return step satisfies never;
    }
  }

  #piece(bytes: Uint8Array, start: number, end: number): void {
    this.hasBegun = true;
    if (this.isDiscarding) this.discarded += end - start;
    else this.#give(bytes.slice(start, end));
  }

  #give(piece: Uint8Array | null, error?: Error): void {
    const reader = this.#reader;
    this.#reader = null;
    if (reader === null) return;
    if (error === undefined) reader(piece);
    else reader(piece, error);
  }
}
