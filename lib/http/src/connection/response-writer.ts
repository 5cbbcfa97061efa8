/** Writes one response as fast as the client takes it, and no faster. */
import { allowsContent, fieldLines, hasDate, statusLine } from '../wire/response.ts';
import type { OutgoingBody, OutgoingResponse, Output } from './types.ts';

/** What the writer tells its connection. */
export interface WriterEvents {
  /** All of the response was handed to the transport. */
  finished(): void;
  /** The content could not be made: what was sent must not look complete. */
  broken(error: unknown): void;
}

/** How a response is delimited, and what its connection does afterwards. */
export interface Delivery {
  readonly isHead: boolean;
  readonly minorVersion: number;
  readonly keepAlive: boolean;
  readonly date: string;
}

/** Text and bytes that wait for room, and the content that follows them. */
export class ResponseWriter {
  readonly #output: Output;
  readonly #events: WriterEvents;
  readonly #queue: (Uint8Array | string)[] = [];
  #at = 0;
  #source: OutgoingBody | null = null;
  #isPulling = false;
  #isChunked = false;
  /** Bytes that the content still has to have; -1: unknown. */
  #left = -1;
  #isEnding = false;

  constructor(output: Output, events: WriterEvents) {
    this.#output = output;
    this.#events = events;
  }

  /** Bytes wait for room. */
  get isBlocked(): boolean {
    return this.#queue.length > 0;
  }

  /**
   * Begins.
   * @returns whether the connection can be kept: a length is known to the client
   * @throws TypeError for fields that cannot be sent
   */
  start(response: OutgoingResponse, delivery: Delivery): boolean {
    const { status, body } = response;
    const hasContent = allowsContent(status);
    const source = isSource(body) ? body : null;
    const length = isSource(body) ? body.length : (body?.length ?? 0);
    const shownLength =
      delivery.isHead && (body === null || length === undefined) ? response.length : length;
    const isChunked = hasContent && length === undefined && delivery.minorVersion > 0;
    const isUntilClose = hasContent && length === undefined && delivery.minorVersion === 0;
    const keepAlive = delivery.keepAlive && (!isUntilClose || delivery.isHead);
    let text = statusLine(status, response.reason) + fieldLines(response.fields);
    if (!hasDate(response.fields)) text += `Date: ${delivery.date}\r\n`;
    if (!keepAlive) text += 'Connection: close\r\n';
    else if (delivery.minorVersion === 0) text += 'Connection: keep-alive\r\n';
    if (hasContent) {
      if (shownLength !== undefined) text += `Content-Length: ${shownLength}\r\n`;
      else if (isChunked) text += 'Transfer-Encoding: chunked\r\n';
    }
    text += '\r\n';
    if (delivery.isHead || !hasContent) {
      source?.cancel(new Error('This response has no content.'));
      this.#queue.push(text);
      this.#isEnding = true;
    } else if (source === null) {
      if (typeof body === 'string') this.#queue.push(text + body);
      else if (body === null || length === 0) this.#queue.push(text);
      else this.#queue.push(text, body as Uint8Array);
      this.#isEnding = true;
    } else {
      this.#queue.push(text);
      this.#source = source;
      this.#isChunked = isChunked;
      this.#left = length ?? -1;
    }
    this.flush();
    return keepAlive;
  }

  /** Goes on after there is room again. */
  flush(): void {
    const { room } = this.#output;
    if (room === 0 && this.#queue.length > 0) return;
    while (this.#queue.length > 0) {
      const first = this.#queue[0] as Uint8Array | string;
      const end = Math.min(first.length, this.#at + this.#output.room);
      if (end > this.#at) {
        if (typeof first === 'string') this.#output.writeText(first, this.#at, end);
        else this.#output.write(first, this.#at, end);
      }
      this.#at = end;
      if (end < first.length) return;
      this.#queue.shift();
      this.#at = 0;
    }
    if (this.#isEnding) {
      this.#isEnding = false;
      this.#events.finished();
    } else {
      this.#pull();
    }
  }

  /** The client does not get the rest. */
  cancel(reason: Error): void {
    const source = this.#source;
    this.#source = null;
    this.#queue.length = 0;
    source?.cancel(reason);
  }

  #pull(): void {
    const source = this.#source;
    if (source === null || this.#isPulling) return;
    this.#isPulling = true;
    source.pull((piece, error) => {
      this.#isPulling = false;
      if (this.#source !== source) return; // cancelled meanwhile
      this.#take(piece, error);
    });
  }

  #take(piece: Uint8Array | null, error: unknown): void {
    if (error !== undefined) {
      this.#break(error);
      return;
    }
    if (piece === null) {
      if (this.#left > 0) {
        this.#break(new Error(`The content ends ${this.#left} bytes short of its Content-Length.`));
        return;
      }
      this.#source = null;
      this.#isEnding = true;
      if (this.#isChunked) this.#queue.push('0\r\n\r\n');
    } else if (piece.length > 0) {
      if (this.#left >= 0) {
        if (piece.length > this.#left) {
          this.#break(new Error('The content is longer than its Content-Length.'));
          return;
        }
        this.#left -= piece.length;
      }
      if (this.#isChunked) this.#queue.push(`${piece.length.toString(16)}\r\n`, piece, '\r\n');
      else this.#queue.push(piece);
    }
    this.flush();
  }

  #break(error: unknown): void {
    const source = this.#source;
    this.#source = null;
    this.#queue.length = 0;
    if (error instanceof Error) source?.cancel(error);
    this.#events.broken(error);
  }
}

function isSource(body: OutgoingResponse['body']): body is OutgoingBody {
  return body !== null && typeof body === 'object' && 'pull' in body;
}
