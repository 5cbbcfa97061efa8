/** A bucket of tokens: so many at once, so many a second. */
import type { Instant } from '../storage/timers.ts';

export class RateLimit {
  readonly #burst: number;
  readonly #perSecond: number;
  #tokens: number;
  #filledAt: Instant = 0;

  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#tokens = burst;
  }

  /** Takes a token; false when there is none. */
  take(now: Instant): boolean {
    const refill = ((now - this.#filledAt) * this.#perSecond) / 1e6;
    this.#tokens = Math.min(this.#burst, this.#tokens + refill);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
