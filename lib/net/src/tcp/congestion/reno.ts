/** NewReno's congestion avoidance (RFC 5681, section 3.1; RFC 6582). */
import type { Instant } from '../../storage/timers.ts';
import { type CongestionControl, type CongestionWindow, slowStart } from './types.ts';

/** One segment per window of acknowledged bytes; half after a loss. */
export class Reno implements CongestionControl {
  readonly name = 'reno';
  /** Acknowledged bytes that have not become growth yet. */
  #credit = 0;

  acknowledged(window: CongestionWindow, bytes: number, _now: Instant): void {
    let left = bytes;
    if (window.inSlowStart) left = slowStart(window, bytes);
    if (left === 0) return;
    this.#credit += left;
    if (this.#credit >= window.bytes) {
      this.#credit -= window.bytes;
      window.bytes += window.segment;
    }
  }

  lost(window: CongestionWindow, inFlight: number): void {
    window.threshold = Math.max(inFlight >> 1, 2 * window.segment);
    this.#credit = 0;
  }

  timedOut(window: CongestionWindow, inFlight: number): void {
    this.lost(window, inFlight);
  }

  undone(): void {
    this.#credit = 0;
  }

  resumed(): void {}
}
