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
}

/** Time, passed in. */
export interface Timing {
  /** Milliseconds on a clock that never goes back. */
  now(): number;
  /**
   * Calls a function once, later.
   * @returns what keeps it from being called
   */
  after(milliseconds: number, run: () => void): () => void;
}
