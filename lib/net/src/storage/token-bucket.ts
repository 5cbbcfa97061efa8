/** Token buckets: what strangers can make this machine do is bounded by them. */
import type { Instant } from './timers.ts';

/** So many at once, then so many a second. */
export class TokenBucket {
  readonly #burst: number;
  /** Microseconds that one token costs. */
  readonly #interval: number;
  /** When the bucket would have been empty, had it always been full at `burst` tokens. */
  #emptyAt: Instant = Number.NEGATIVE_INFINITY;

  /** @param burst tokens of a full bucket; it begins full */
  constructor(perSecond: number, burst: number) {
    this.#interval = 1_000_000 / perSecond;
    this.#burst = burst;
  }

  /** Takes a token; false when there is none. */
  take(now: Instant): boolean {
    const oldest = now - this.#burst * this.#interval;
    const from = Math.max(this.#emptyAt, oldest);
    if (from + this.#interval > now) return false;
    this.#emptyAt = from + this.#interval;
    return true;
  }
}
