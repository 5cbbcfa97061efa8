/** CUBIC (RFC 9438). Windows are bytes here; the RFC's are segments, so C is scaled by the segment size. */
import type { Instant } from '../../storage/timers.ts';
import { type CongestionControl, type CongestionWindow, slowStart } from './types.ts';

/** Section 4.1: C in segments per cubed second, and the factor of multiplicative decrease. */
const aggressiveness = 0.4;
const beta = 0.7;
/** Section 4.3: growth of the Reno-friendly estimate, 3 (1 - beta) / (1 + beta). */
const friendly = (3 * (1 - beta)) / (1 + beta);

/** HyStart++ (RFC 9406, section 4.3). */
const hystart = {
  /** Bounds of the threshold on delay growth, microseconds. */
  minimumThreshold: 4000,
  maximumThreshold: 16000,
  samples: 8,
  /** Samples of one turn are late together when this machine was busy: they count as one opinion. */
  turns: 2,
  /** How much slower conservative slow start grows, and for how many rounds. */
  divisor: 4,
  rounds: 5,
} as const;

/** The window grows along a cubic curve around the size at the last loss. */
export class Cubic implements CongestionControl {
  readonly name = 'cubic';
  /** Segments: W_max, and the estimate of what Reno would have. */
  #maximum = 0;
  #estimate = 0;
  /** When this epoch of congestion avoidance began, -1: not yet. */
  #epoch = -1;
  /** Seconds until the curve is back at W_max (section 4.2). */
  #k = 0;
  /** What undone() restores. */
  #undoMaximum = 0;
  /** Fractions of a byte that the window has grown by. */
  #credit = 0;
  // HyStart++: rounds are measured in acknowledged bytes.
  #roundLeft = 0;
  #lastRoundMinimum = Number.POSITIVE_INFINITY;
  #roundMinimum = Number.POSITIVE_INFINITY;
  #roundSamples = 0;
  /** Turns that the samples came in, and the last one's time. */
  #roundTurns = 0;
  #sampledAt: Instant = -1;
  /** 0: slow start; else rounds of conservative slow start left, plus one. */
  #conservative = 0;
  #baseline = Number.POSITIVE_INFINITY;

  acknowledged(
    window: CongestionWindow,
    bytes: number,
    now: Instant,
    roundTrip: number,
    smallest: number,
  ): void {
    let left = bytes;
    if (window.inSlowStart) {
      left = this.#slowStart(window, bytes, now, roundTrip);
      if (left === 0) return;
    }
    this.#avoid(window, left, now, smallest > 0 ? smallest : roundTrip);
  }

  lost(window: CongestionWindow, inFlight: number): void {
    this.#undoMaximum = this.#maximum;
    const segments = window.bytes / window.segment;
    // Section 4.7, fast convergence: a shrinking W_max makes room for newcomers.
    this.#maximum = segments < this.#maximum ? (segments * (1 + beta)) / 2 : segments;
    this.#epoch = -1;
    this.#credit = 0;
    this.#conservative = 0;
    // Section 4.6: from what was in flight, so that an unused window does not count.
    const basis = Math.min(window.bytes, Math.max(inFlight, window.segment));
    window.threshold = Math.max(Math.floor(basis * beta), 2 * window.segment);
  }

  timedOut(window: CongestionWindow, inFlight: number): void {
    this.lost(window, inFlight);
  }

  undone(): void {
    this.#maximum = this.#undoMaximum;
    this.#epoch = -1;
  }

  resumed(idle: number): void {
    if (this.#epoch >= 0) this.#epoch += idle;
  }

  /** Sections 4.2 to 4.5. */
  #avoid(window: CongestionWindow, bytes: number, now: Instant, roundTrip: number): void {
    const segments = window.bytes / window.segment;
    if (this.#epoch < 0) {
      this.#epoch = now;
      this.#estimate = segments;
      if (this.#maximum <= segments) {
        this.#maximum = segments;
        this.#k = 0;
      } else {
        this.#k = Math.cbrt((this.#maximum - segments) / aggressiveness);
      }
    }
    const acknowledged = bytes / window.segment;
    // Section 4.3: once the estimate has reached W_max it grows as Reno does.
    const factor = this.#estimate >= this.#maximum ? 1 : friendly;
    this.#estimate += (factor * acknowledged) / segments;
    const time = (now - this.#epoch) / 1e6;
    const offset = time - this.#k;
    const curve = aggressiveness * offset * offset * offset + this.#maximum;
    if (curve < this.#estimate) {
      if (this.#estimate > segments) {
        window.bytes = Math.floor(this.#estimate * window.segment);
      }
      return;
    }
    // Section 4.4: towards where the curve is one round trip from now, at most half as much again.
    const ahead = offset + roundTrip / 1e6;
    const target = Math.min(
      Math.max(aggressiveness * ahead * ahead * ahead + this.#maximum, segments),
      1.5 * segments,
    );
    this.#credit += ((target - segments) / segments) * bytes;
    const whole = Math.floor(this.#credit);
    this.#credit -= whole;
    window.bytes += whole;
  }

  /** HyStart++ (RFC 9406): leaves slow start when the delay grows, before the queue overflows. */
  #slowStart(window: CongestionWindow, bytes: number, now: Instant, roundTrip: number): number {
    if (window.bytes < 16 * window.segment) {
      this.#roundLeft = 0;
      return slowStart(window, bytes);
    }
    if (this.#roundLeft <= 0) this.#beginRound(window);
    this.#roundLeft -= bytes;
    this.#roundMinimum = Math.min(this.#roundMinimum, roundTrip);
    this.#roundSamples += 1;
    if (now !== this.#sampledAt) {
      this.#sampledAt = now;
      this.#roundTurns += 1;
    }
    if (
      this.#roundSamples >= hystart.samples &&
      this.#roundTurns >= hystart.turns &&
      Number.isFinite(this.#lastRoundMinimum)
    ) {
      if (this.#conservative === 0) {
        const threshold = Math.max(
          hystart.minimumThreshold,
          Math.min(this.#lastRoundMinimum / 8, hystart.maximumThreshold),
        );
        if (this.#roundMinimum >= this.#lastRoundMinimum + threshold) {
          this.#baseline = this.#roundMinimum;
          this.#conservative = hystart.rounds + 1;
        }
      } else if (this.#roundMinimum < this.#baseline) {
        this.#conservative = 0;
      }
    }
    return slowStart(
      window,
      this.#conservative === 0 ? bytes : Math.max(1, Math.floor(bytes / hystart.divisor)),
    );
  }

  #beginRound(window: CongestionWindow): void {
    this.#roundLeft = window.bytes;
    this.#lastRoundMinimum = this.#roundMinimum;
    this.#roundMinimum = Number.POSITIVE_INFINITY;
    this.#roundSamples = 0;
    this.#roundTurns = 0;
    if (this.#conservative > 0) {
      this.#conservative -= 1;
      if (this.#conservative === 0) window.threshold = window.bytes;
    }
  }
}
