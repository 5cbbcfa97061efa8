/** What congestion control is asked, and what it acts on. */
import type { Instant } from '../../storage/timers.ts';

/** No threshold yet: slow start goes on until the first loss. */
export const noThreshold = 0x7fffffff;

/** Initial window of RFC 6928: ten segments, but at most 14600 bytes or two segments. */
export function initialWindow(segment: number): number {
  return Math.min(10 * segment, Math.max(2 * segment, 14600));
}

/** The congestion window of a connection, all in bytes. */
export class CongestionWindow {
  /** How much may be in flight. */
  bytes: number;
  /** Slow start below, congestion avoidance from there on. */
  threshold: number = noThreshold;
  /** Payload of a full segment. */
  segment: number;

  constructor(segment: number) {
    this.segment = segment;
    this.bytes = initialWindow(segment);
  }

  get inSlowStart(): boolean {
    return this.bytes < this.threshold;
  }
}

/** An algorithm. One object per connection where it has state of its own. */
export interface CongestionControl {
  readonly name: 'cubic' | 'reno';
  /**
   * Bytes were acknowledged while the window was in use and nothing is lost: grow it.
   * @param roundTrip the latest round-trip time in microseconds, the smoothed one when there is none
   * @param smallest the smallest round-trip time seen lately
   */
  acknowledged(
    window: CongestionWindow,
    bytes: number,
    now: Instant,
    roundTrip: number,
    smallest: number,
  ): void;
  /** A loss was found: lowers the threshold. The caller brings the window down to it (RFC 9937). */
  lost(window: CongestionWindow, inFlight: number): void;
  /** A timeout: lowers the threshold; the caller sets the window to one segment. */
  timedOut(window: CongestionWindow, inFlight: number): void;
  /** The last loss was none: the caller has restored window and threshold. */
  undone(): void;
  /** Nothing was in flight for `idle` microseconds: time must not count as growth. */
  resumed(idle: number): void;
}

/**
 * Slow start with appropriate byte counting (RFC 3465, RFC 5681 section 3.1).
 * @returns the acknowledged bytes left over for congestion avoidance
 */
export function slowStart(window: CongestionWindow, bytes: number): number {
  const room = window.threshold - window.bytes;
  const growth = Math.min(bytes, room);
  window.bytes += growth;
  return bytes - growth;
}
