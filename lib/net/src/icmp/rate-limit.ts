/** Token buckets that bound how much ICMP a stranger can make this machine send (RFC 1812, section 4.3.2.8). */
import type { Instant } from '../storage/timers.ts';

/** One bucket. */
export class TokenBucket {
  readonly #burst: number;
  /** Microseconds that one token costs. */
  readonly #interval: number;
  /** When the bucket would have been empty, had it always been full at `burst` tokens. */
  #emptyAt: Instant = Number.NEGATIVE_INFINITY;

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

const slotCount = 64;

/**
 * Bounds errors: all together, and for each of a fixed number of groups of destinations, chosen by a
 * keyed hash, so that one flooded destination does not take everybody's share.
 */
export class ErrorRateLimit {
  readonly #all: TokenBucket;
  readonly #slots: TokenBucket[] = [];

  /** @param perSecond errors in all; a destination gets a burst of 6 and then one per second */
  constructor(perSecond: number) {
    this.#all = new TokenBucket(perSecond, 50);
    for (let at = 0; at < slotCount; at += 1) this.#slots.push(new TokenBucket(1, 6));
  }

  /** @param hash keyed hash of the destination */
  take(hash: number, now: Instant): boolean {
    const slot = this.#slots[(hash >>> 0) % slotCount] as TokenBucket;
    return slot.take(now) && this.#all.take(now);
  }
}
