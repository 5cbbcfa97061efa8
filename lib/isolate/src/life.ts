/** One life of something that can be started and ends: an isolate, or what a test makes. */

/**
 * How a life ended. `finished`: there was nothing left to do. `failed`: an exception escaped. `limit`: it reached
 * one of its limits. `killed`: somebody stopped it.
 */
export type EndingKind = 'finished' | 'failed' | 'limit' | 'killed';

/** How a life ended, and what is known of it. */
export interface Ending {
  readonly how: EndingKind;
  /** What happened, and where, for people; lines as in stack traces. Empty for what has finished. */
  readonly report: string;
}

/** Something that lives. */
export interface Life {
  /** Calls a function at its end, at once when it has ended. */
  onEnded(listener: (ending: Ending) => void): void;
  /** Ends it; onEnded() tells when it has. */
  stop(reason: string): void;
  /** Leaves it a part of its share of the processor: above 0, and 1 for all of it. */
  setShare?(part: number): void;
}

/** Time, passed in. */
export interface Timing {
  /** Milliseconds on a clock that never goes back. */
  now(): number;
  /**
   * Calls a function once, later.
   * @param isIdle that this is to be done is no reason to go on: for Node, whose event loop ends by itself
   * @returns what keeps it from being called
   */
  after(milliseconds: number, run: () => void, isIdle?: boolean): () => void;
}
