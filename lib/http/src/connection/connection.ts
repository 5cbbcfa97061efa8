/**
 * One connection of the server, as a state machine: bytes and instants in, bytes out.
 *
 * Requests are taken one after the other: the next one stays in the input, and so in TCP's window, until the
 * response before it has been handed over. Content is taken from the input when it is read. So a client can
 * make the server keep no more than one head, one piece of content and one piece of a response.
 */

import { carriageReturn, decodeLatin1 } from '../wire/characters.ts';
import { type Refusal, statusOf, textOf } from '../wire/refusal.ts';
import { parseRequestHead, type RequestHead } from '../wire/request.ts';
import { continueResponse } from '../wire/response.ts';
import { RequestBody } from './request-body.ts';
import { ResponseWriter } from './response-writer.ts';
import type { ConnectionHost, Exchange, Instant, OutgoingResponse, Output } from './types.ts';

/** A deadline that never comes. */
const never: Instant = Number.POSITIVE_INFINITY;

type Phase =
  /** No byte of the next request has come. */
  | 'idle'
  /** Some bytes of a head have come. */
  | 'head'
  /** A request is being answered. */
  | 'exchange'
  /** It was answered, and the rest of its content is thrown away. */
  | 'drain'
  /** The request was refused: the answer is being sent, what comes is thrown away. */
  | 'refusal'
  /** Our side is closed; what comes is thrown away until the client closes, too. */
  | 'linger'
  | 'over';

/** See the top of the file. */
export class Connection {
  /** When expire() wants to be called. */
  deadline: Instant;
  readonly #host: ConnectionHost;
  readonly #output: Output;
  #phase: Phase = 'idle';
  #scanned = 0;
  #inputEnded = false;
  #isReceiving = false;
  #current: CurrentExchange | null = null;
  #refusal: ResponseWriter | null = null;
  /** When the content of the current request has to be complete. */
  #requestEnd: Instant = never;

  constructor(host: ConnectionHost, output: Output) {
    this.#host = host;
    this.#output = output;
    this.deadline = this.#in(host.timeouts.head);
  }

  get isOver(): boolean {
    return this.#phase === 'over';
  }

  /** Nothing is under way: it can be closed without anybody missing anything. */
  get isIdle(): boolean {
    return this.#phase === 'idle';
  }

  /**
   * Looks at the input.
   * @param bytes what was received and not taken lies from `start` to `end`
   * @returns the place after what was taken
   */
  receive(bytes: Uint8Array, start: number, end: number): number {
    if (this.#isReceiving) return start;
    this.#isReceiving = true;
    let at = start;
    for (;;) {
      const before = at;
      const phase = this.#phase;
      at = this.#step(phase, bytes, at, end);
      if (this.#phase === phase && at === before) break;
    }
    this.#isReceiving = false;
    return at;
  }

  #step(phase: Phase, bytes: Uint8Array, start: number, end: number): number {
    switch (phase) {
      case 'idle':
      case 'head':
        return this.#takeHead(bytes, start, end);
      case 'exchange':
      case 'drain':
        return this.#takeBody(bytes, start, end);
      case 'refusal':
      case 'linger':
      case 'over':
        return end;
      default:
        return phase satisfies never;
    }
  }

  /** The client will send no more. */
  receiveEnded(): void {
    this.#inputEnded = true;
    switch (this.#phase) {
      case 'idle':
        this.#finish();
        break;
      case 'head':
        this.#count('incomplete');
        this.#finish();
        break;
      case 'exchange': {
        const body = this.#current?.body;
        // Its input is looked at before; what is missing now does not come.
        if (body?.isWanted) {
          body.fail(new Error('The client ended the connection within the content.'));
        }
        break;
      }
      case 'drain':
      case 'linger':
        this.#finish();
        break;
      case 'refusal':
      case 'over':
        break;
      default:
        this.#phase satisfies never;
    }
  }

  /** There is room for more of the response. */
  sendable(): void {
    if (this.#phase === 'refusal') {
      this.deadline = this.#in(this.#host.timeouts.send);
      this.#refusal?.flush();
      return;
    }
    const current = this.#current;
    if (current === null || this.#phase !== 'exchange') return;
    this.#sendContinue(current);
    current.writer?.flush();
    if (this.#phase === 'exchange') this.#armExchange();
  }

  /** The connection is gone: reset, timed out. */
  failed(): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    this.deadline = never;
    this.#abandon(new Error('The client has gone.'));
  }

  /** The server closes: ends at once when nothing is under way, else after the response. */
  shutDown(): void {
    if (this.#phase === 'idle') this.#close();
  }

  /** The deadline has come. */
  expire(): void {
    if (this.deadline > this.#host.clock.now) return;
    switch (this.#phase) {
      case 'idle':
        this.#count('idleTimeout');
        this.#close();
        break;
      case 'head':
        this.#refuse('headTimeout');
        break;
      case 'exchange':
        this.#expireExchange();
        break;
      case 'drain':
        this.#close();
        break;
      case 'refusal':
        this.#count('sendTimeout');
        this.#abort('The client takes nothing of the response.');
        break;
      case 'linger':
        this.#finish();
        break;
      case 'over':
        this.deadline = never;
        break;
      default:
        this.#phase satisfies never;
    }
  }

  // Input.

  #takeHead(bytes: Uint8Array, start: number, end: number): number {
    if (start === end) {
      if (this.#inputEnded) this.#finish();
      return start;
    }
    const { limits, decode } = this.#host;
    const parsed = parseRequestHead(bytes, start, end, this.#scanned, limits, decode);
    if (parsed.kind === 'more') {
      this.#scanned = end - start;
      if (this.#inputEnded) {
        this.#count('incomplete');
        this.#finish();
        return end;
      }
      if (this.#phase === 'idle') {
        this.#phase = 'head';
        this.deadline = this.#in(this.#host.timeouts.head);
      }
      return start;
    }
    this.#scanned = 0;
    if (parsed.kind === 'refused') {
      this.#refuse(parsed.refusal, isHeadRequest(bytes, start, end));
      return end;
    }
    this.#count('requests');
    const { head } = parsed;
    if (typeof head.framing === 'number' && head.framing > limits.body) {
      this.#refuse('bodyTooLarge', head.method === 'HEAD');
      return end;
    }
    this.#phase = 'exchange';
    this.#begin(head);
    return parsed.end;
  }

  #begin(head: RequestHead): void {
    const body =
      head.framing === 0
        ? null
        : new RequestBody(head.framing, this.#host.limits, {
            wanted: () => this.#wanted(current),
            unwanted: () => this.#output.receiveAgain(),
          });
    const current: CurrentExchange = new CurrentExchange(head, body, (response) =>
      this.#respond(current, response),
    );
    this.#current = current;
    this.deadline = never;
    this.#requestEnd = body === null ? never : this.#in(this.#host.timeouts.request);
    this.#host.handle(current);
  }

  #wanted(current: CurrentExchange): void {
    if (this.#current !== current || this.#phase !== 'exchange') return;
    const { body } = current;
    if (current.continue === 'expected' && body?.hasBegun === false) {
      current.continue = 'due';
      this.#sendContinue(current);
    }
    this.#armExchange();
    this.#output.receiveAgain();
  }

  #sendContinue(current: CurrentExchange): void {
    if (current.continue !== 'due' || current.writer !== null) return;
    if (this.#output.room < continueResponse.length) return;
    this.#output.writeText(continueResponse, 0, continueResponse.length);
    current.continue = 'sent';
  }

  #takeBody(bytes: Uint8Array, start: number, end: number): number {
    const current = this.#current;
    const body = current?.body ?? null;
    if (current === null || body === null || body.isComplete) return start;
    const at = body.take(bytes, start, end);
    if (typeof at === 'string') {
      this.#refuseBody(current, body, at);
      return end;
    }
    if (this.#phase === 'drain') this.#drained(body);
    else if (this.#phase === 'exchange') {
      if (this.#inputEnded && body.isWanted) {
        body.fail(new Error('The client ended the connection within the content.'));
      }
      if (at > start) this.#armExchange();
    }
    return at;
  }

  #drained(body: RequestBody): void {
    if (body.isComplete) this.#next();
    else if (body.discarded > this.#host.limits.drain || this.#inputEnded) this.#close();
  }

  // Output.

  #respond(current: CurrentExchange, response: OutgoingResponse): void {
    if (this.#current !== current || current.writer !== null || this.#phase !== 'exchange') {
      cancelBody(response, new Error('The client has gone, or was answered already.'));
      return;
    }
    const { head, body } = current;
    // A client that was not told to continue may send the content or not: nobody knows what follows.
    const isCertain = current.continue === 'sent' || body?.hasBegun !== false;
    const writer = new ResponseWriter(this.#output, {
      finished: () => this.#finished(current),
      broken: (error) => this.#broken(error),
    });
    current.writer = writer;
    try {
      const delivery = {
        isHead: head.method === 'HEAD',
        minorVersion: head.minorVersion,
        keepAlive: head.keepAlive && isCertain && !this.#host.isClosing,
        date: this.#host.date(),
      };
      current.keepAlive = writer.start(response, delivery);
    } catch (error) {
      if (!current.isFinished) current.writer = null;
      throw error;
    }
    if (current.isFinished) this.#conclude(current);
    else if (this.#phase === 'exchange') this.#armExchange();
  }

  #finished(current: CurrentExchange): void {
    current.isFinished = true;
    // While the writer starts, the connection is not known to be kept yet.
    if (current.keepAlive !== undefined) this.#conclude(current);
  }

  /** The response was handed over: what comes next? */
  #conclude(current: CurrentExchange): void {
    const { body } = current;
    if (current.keepAlive !== true) {
      this.#close();
      return;
    }
    if (body === null || body.isComplete) {
      this.#next();
      return;
    }
    if ((body.length ?? 0) > this.#host.limits.drain) {
      this.#close();
      return;
    }
    this.#phase = 'drain';
    body.fail(new Error('The response was sent before the content was read.'));
    body.isDiscarding = true;
    this.deadline = this.#in(this.#host.timeouts.body);
    this.#output.receiveAgain();
  }

  /** Ready for the next request, which may be there already. */
  #next(): void {
    this.#current = null;
    if (this.#host.isClosing) {
      this.#close();
      return;
    }
    this.#phase = 'idle';
    this.deadline = this.#in(this.#host.timeouts.idle);
    if (!this.#isReceiving) this.#output.receiveAgain();
  }

  #broken(error: unknown): void {
    this.#count('responsesBroken');
    this.#phase = 'over';
    this.deadline = never;
    this.#abandon(error instanceof Error ? error : new Error(String(error)));
    this.#output.abort();
  }

  // Ends.

  #expireExchange(): void {
    const current = this.#current as CurrentExchange;
    const { writer, body } = current;
    if (writer?.isBlocked) {
      this.#count('sendTimeout');
      this.#abort('The client takes nothing of the response.');
    } else if (body?.isWanted) {
      this.#refuseBody(current, body, 'bodyTimeout');
    } else {
      this.deadline = never;
    }
  }

  #refuseBody(current: CurrentExchange, body: RequestBody, refusal: Refusal): void {
    if (current.writer === null && this.#phase === 'exchange') {
      body.fail(new Error(textOf(refusal)));
      this.#refuse(refusal, current.head.method === 'HEAD');
      return;
    }
    this.#count(refusal);
    this.#abort(textOf(refusal));
  }

  /** Answers what cannot be understood, and closes: nobody knows where the next request begins. */
  #refuse(refusal: Refusal, isHead = false): void {
    this.#count(refusal);
    this.#abandon(new Error(textOf(refusal)));
    const body = `${textOf(refusal)}\n`;
    this.#phase = 'refusal';
    this.deadline = this.#in(this.#host.timeouts.send);
    const events = { finished: () => this.#close(), broken() {} };
    this.#refusal = new ResponseWriter(this.#output, events);
    this.#refusal.start(
      {
        status: statusOf(refusal),
        reason: '',
        fields: ['Content-Type', 'text/plain; charset=utf-8'],
        body,
      },
      { isHead, minorVersion: 1, keepAlive: false, date: this.#host.date() },
    );
    // What comes from now on is thrown away.
    if (!this.#isReceiving) this.#output.receiveAgain();
  }

  /** Ends our side, and lets the client read what was sent before it is told that nobody listens. */
  #close(): void {
    this.#abandon(new Error('The connection is closed.'));
    if (this.#inputEnded) {
      this.#finish();
      return;
    }
    this.#phase = 'linger';
    this.deadline = this.#in(this.#host.timeouts.linger);
    this.#output.end();
    if (!this.#isReceiving) this.#output.receiveAgain();
  }

  #finish(): void {
    this.#phase = 'over';
    this.deadline = never;
    this.#abandon(new Error('The connection is closed.'));
    this.#output.close();
  }

  #abort(why: string): void {
    this.#phase = 'over';
    this.deadline = never;
    this.#abandon(new Error(why));
    this.#output.abort();
  }

  /** Whoever still reads or writes is told that it is over. */
  #abandon(reason: Error): void {
    const current = this.#current;
    this.#current = null;
    if (current === null) return;
    current.body?.fail(reason);
    if (current.isFinished) return;
    current.writer?.cancel(reason);
    current.onAbort?.(reason);
  }

  /** When an exchange has waited too long for its client; for the program there is no limit. */
  #armExchange(): void {
    const current = this.#current;
    if (current === null) return;
    const { timeouts } = this.#host;
    if (current.writer?.isBlocked) this.deadline = this.#in(timeouts.send);
    else if (current.body?.isWanted) {
      this.deadline = Math.min(this.#in(timeouts.body), this.#requestEnd);
    } else this.deadline = never;
  }

  #in(seconds: number): Instant {
    return this.#host.clock.now + seconds * 1_000_000;
  }

  #count(what: string): void {
    const { counters } = this.#host;
    counters[what] = (counters[what] ?? 0) + 1;
  }
}

/** Whether what is refused began as a HEAD request: its answer has no content either (RFC 9110, section 9.3.2). */
function isHeadRequest(bytes: Uint8Array, start: number, end: number): boolean {
  const first = bytes[start] === carriageReturn ? start + 2 : start;
  return decodeLatin1(bytes, first, Math.min(first + 5, end)) === 'HEAD ';
}

/** The request that is being answered. */
class CurrentExchange implements Exchange {
  readonly head: RequestHead;
  readonly body: RequestBody | null;
  onAbort: ((reason: Error) => void) | undefined;
  writer: ResponseWriter | null = null;
  /** What became of 100 (Continue). */
  continue: 'expected' | 'due' | 'sent';
  /** The response was handed over. */
  isFinished = false;
  /** Undefined while that is not known. */
  keepAlive: boolean | undefined;
  readonly respond: (response: OutgoingResponse) => void;

  constructor(
    head: RequestHead,
    body: RequestBody | null,
    respond: (response: OutgoingResponse) => void,
  ) {
    this.head = head;
    this.body = body;
    this.continue = head.expectsContinue ? 'expected' : 'sent';
    this.respond = respond;
  }
}

function cancelBody({ body }: OutgoingResponse, reason: Error): void {
  if (body !== null && typeof body === 'object' && 'cancel' in body) body.cancel(reason);
}
