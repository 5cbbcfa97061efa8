// A time in which answers are counted, and how long they took.
import { createHistogram } from 'node:perf_hooks';

/** What a load takes. */
export interface WindowOptions {
  readonly host: string;
  readonly seconds: number;
  /** Connections, or messages under way. */
  readonly connections: number;
}

/** What a load found. */
export interface WindowResult {
  readonly perSecond: number;
  /** Half took at most this long, in ms. */
  readonly p50: number;
  /** 99 of 100 took at most this long, in ms. */
  readonly p99: number;
}

/** Counts answers from its creation on. */
export class Window {
  readonly #histogram = createHistogram();
  readonly #start = performance.now();
  readonly #end: number;

  /** @param seconds how long it is open */
  constructor(seconds: number) {
    this.#end = this.#start + seconds * 1000;
  }

  get isOpen(): boolean {
    return performance.now() < this.#end;
  }

  /** Milliseconds until it closes. */
  get left(): number {
    return Math.max(0, this.#end - performance.now());
  }

  /**
   * Counts an answer, while the window is open.
   * @param asked when it was asked for, on this process's monotonic clock
   */
  count(asked: number): void {
    const now = performance.now();
    if (now <= this.#end) this.#histogram.record(Math.max(1, Math.round((now - asked) * 1000)));
  }

  /** @throws Error when no answer came */
  result(): WindowResult {
    const { count } = this.#histogram;
    if (count === 0) throw new Error('No answer came.');
    return {
      perSecond: (Number(count) * 1000) / (this.#end - this.#start),
      p50: this.#histogram.percentile(50) / 1000,
      p99: this.#histogram.percentile(99) / 1000,
    };
  }
}
