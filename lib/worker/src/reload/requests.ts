/** Counts the requests that a version of an app has not answered yet. */
import type { Exchange, IncomingBody, OutgoingResponse } from '@runtimejs/http/connection/types.ts';
import type { RequestHead } from '@runtimejs/http/wire/request.ts';

/** The requests of one version. */
export class Requests {
  #count = 0;
  #waiting: (() => void)[] = [];

  /** How many are under way. */
  get count(): number {
    return this.#count;
  }

  /** Counts a request until its response was handed over, or its client has gone. */
  track(exchange: Exchange): Exchange {
    this.#count += 1;
    let isOver = false;
    return new TrackedExchange(exchange, () => {
      if (isOver) return;
      isOver = true;
      this.#count -= 1;
      if (this.#count > 0) return;
      for (const run of this.#waiting.splice(0)) run();
    });
  }

  /** Calls a function once nothing is under way. @returns what keeps it from being called */
  whenNone(run: () => void): () => void {
    if (this.#count === 0) {
      run();
      return () => {};
    }
    this.#waiting.push(run);
    return () => {
      this.#waiting = this.#waiting.filter((each) => each !== run);
    };
  }
}

class TrackedExchange implements Exchange {
  readonly head: RequestHead;
  readonly body: IncomingBody | null;
  onAbort: Exchange['onAbort'];
  readonly #exchange: Exchange;
  readonly #over: () => void;

  constructor(exchange: Exchange, over: () => void) {
    this.head = exchange.head;
    this.body = exchange.body;
    this.#exchange = exchange;
    this.#over = over;
    exchange.onAbort = (reason) => {
      over();
      this.onAbort?.(reason);
    };
  }

  respond(response: OutgoingResponse): void {
    const { body } = response;
    const over = this.#over;
    if (body === null || typeof body !== 'object' || !('pull' in body)) {
      this.#exchange.respond(response);
      over();
      return;
    }
    this.#exchange.respond({
      ...response,
      body: {
        length: body.length,
        pull: (then) =>
          body.pull((piece, error) => {
            if (piece === null || error !== undefined) over();
            then(piece, error);
          }),
        cancel: (reason) => {
          over();
          body.cancel(reason);
        },
      },
    });
  }
}
