/** What the stack needs from whoever runs it; the same stack runs in the guest, in tests and in a simulation. */
import type { Memory } from './memory.ts';
import type { Instant, TimerQueue } from './storage/timers.ts';

/** How important a message is. */
export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** The time, as the stack's parts see it: one value for a whole batch of work. */
export interface Clock {
  /** Microseconds, never going back; set by Stack.poll(). */
  now: Instant;
}

/** Handed to every part of the stack. */
export interface Environment {
  readonly memory: Memory;
  readonly clock: Clock;
  readonly timers: TimerQueue;
  /** Fills an array with bytes that nobody can predict. */
  random(into: Uint8Array): void;
  log(level: LogLevel, text: string): void;
}

/** Counts under names, all starting at 0. A dropped packet is always counted under its reason. */
export type Counters = Record<string, number>;
