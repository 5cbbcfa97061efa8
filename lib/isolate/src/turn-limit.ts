/**
 * Holds the turns of an isolate's event loop against a limit of processor time. Pure: what the shim knows of the isolate is
 * passed in, now and then. Where others want the processor, too, a turn may take many times as long by the clock: it is
 * not the isolate's doing, the less so as long turns yield.
 */

/** How often turns are looked at: so many times within the limit. */
const looksWithinLimit = 4;
/** Milliseconds that a turn may go without running at all. On the busiest machine each thread runs more often. */
const leastStillness = 10_000;

/** What is known of an isolate at one moment, in milliseconds. */
export interface TurnFigures {
  /** On a clock that never goes back. */
  readonly now: number;
  /** When the turn began that it is in, on that clock; 0 when it is in none. */
  readonly turn: number;
  /** Processor time of its own thread, read after `now`. */
  readonly cpu: number;
}

/** What a look has found. */
export interface TurnVerdict {
  /** Why the isolate should be ended, if it should. */
  readonly excess?: string;
  /** It has taken a quarter of its limit: others come first. */
  readonly isLong: boolean;
}

/** See the top of the file. */
export class TurnLimit {
  /** How often look() should be called, in milliseconds. */
  readonly interval: number;
  readonly #limit: number;
  #last: TurnFigures = { now: 0, turn: 0, cpu: 0 };
  /** Processor time that the turn has taken for certain. */
  #taken = 0;
  /** When it was last seen to have run. */
  #ranAt = 0;

  /** @param limit in milliseconds */
  constructor(limit: number) {
    this.#limit = limit;
    this.interval = limit / looksWithinLimit;
  }

  look(figures: TurnFigures): TurnVerdict {
    const { now, turn, cpu } = figures;
    const last = this.#last;
    this.#last = figures;
    if (turn === 0) return { isLong: false };
    const passed = cpu - last.cpu;
    if (turn !== last.turn) {
      // What the thread may have done for the turns before it is left out.
      this.#taken = Math.max(passed - Math.max(turn - last.now, 0), 0);
      this.#ranAt = now;
    } else {
      this.#taken += passed;
      if (passed > 0) this.#ranAt = now;
    }
    const limit = this.#limit;
    const isLong = this.#taken > limit / looksWithinLimit;
    if (this.#taken > limit) {
      const excess = `a turn of its event loop took more than ${limit} ms of processor time`;
      return { excess, isLong };
    }
    const stillness = Math.max(limit, leastStillness);
    if (now - this.#ranAt > stillness) {
      const excess = `a turn of its event loop has not run for more than ${stillness} ms: it waits`;
      return { excess, isLong };
    }
    return { isLong };
  }
}
