/** What a driver counts, in this life and in former ones. */

import type { Platform } from '@runtimejs/platform/platform.ts';

/** Counters by name. */
export type Counters = Readonly<Record<string, number>>;

/** The sums. */
export class LifeCounters {
  readonly #before: Record<string, number> = {};
  #now: Counters = {};

  /** What the driver has counted in this life so far. */
  tell(counters: Counters): void {
    this.#now = counters;
  }

  /** This life has ended. */
  end(): void {
    for (const [name, count] of Object.entries(this.#now)) {
      this.#before[name] = (this.#before[name] ?? 0) + count;
    }
    this.#now = {};
  }

  get sums(): Counters {
    const sums: Record<string, number> = { ...this.#before };
    for (const [name, count] of Object.entries(this.#now)) sums[name] = (sums[name] ?? 0) + count;
    return sums;
  }
}

/** Between two looks at the counters, microseconds. */
const period = 1_000_000;

/** Tells a driver's counters when they have changed. */
export class CountersTeller {
  readonly #read: () => Counters;
  readonly #tell: (counters: Counters) => void;
  readonly #clock: Pick<Platform, 'now' | 'at'>;
  #last = '';
  #isPending = false;

  constructor(
    read: () => Counters,
    tell: (counters: Counters) => void,
    clock: Pick<Platform, 'now' | 'at'>,
  ) {
    this.#read = read;
    this.#tell = tell;
    this.#clock = clock;
  }

  /** Something may have changed: tells it within a second. Nothing runs while nothing changes. */
  soon(): void {
    if (this.#isPending) return;
    this.#isPending = true;
    this.#clock.at(this.#clock.now() + period, () => {
      this.#isPending = false;
      this.tell();
    });
  }

  /** Tells it now. */
  tell(): void {
    const text = JSON.stringify(this.#read());
    if (text === this.#last) return;
    this.#last = text;
    this.#tell(JSON.parse(text) as Counters);
  }
}
