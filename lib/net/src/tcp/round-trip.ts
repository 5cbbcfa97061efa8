/** Round-trip time and retransmission timeout (RFC 6298), in microseconds. */
import type { Instant } from '../storage/timers.ts';

/** First timeout, before anything was measured (RFC 6298, 2.1). */
export const initialTimeout = 1_000_000;
/** RFC 6298 says at least a second; Linux takes 200 ms over the smoothed time, and so do we. */
const smallestVariance = 200_000;
/** Largest timeout, also with back-off. */
export const largestTimeout = 120_000_000;
/** How long the smallest round-trip time is believed. */
const minimumLifetime = 300_000_000;

/** The estimator of one connection. */
export class RoundTrip {
  /** SRTT and RTTVAR; 0: nothing measured yet. */
  smoothed = 0;
  variance = 0;
  /** RTO without back-off. */
  timeout: number = initialTimeout;
  /** Smallest time of late, 0: none. */
  minimum = 0;
  #minimumAt: Instant = 0;

  /** Takes a measurement of a segment that was sent once only (Karn), or that timestamps vouch for. */
  measured(time: number, now: Instant): void {
    const sample = Math.max(1, time);
    if (this.smoothed === 0) {
      // RFC 6298, 2.2
      this.smoothed = sample;
      this.variance = sample / 2;
    } else {
      // RFC 6298, 2.3
      this.variance += (Math.abs(this.smoothed - sample) - this.variance) / 4;
      this.smoothed += (sample - this.smoothed) / 8;
    }
    this.timeout = Math.min(
      this.smoothed + Math.max(smallestVariance, 4 * this.variance),
      largestTimeout,
    );
    this.observed(sample, now);
  }

  /** Takes a time that only counts for the minimum. */
  observed(sample: number, now: Instant): void {
    if (this.minimum === 0 || sample <= this.minimum || now - this.#minimumAt > minimumLifetime) {
      this.minimum = Math.max(1, sample);
      this.#minimumAt = now;
    }
  }
}
