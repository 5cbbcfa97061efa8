/**
 * Timers in virtual or real time: a binary heap of deadlines. Nothing here reads a clock.
 *
 * Moving a timer later, which TCP does for every acknowledgement, costs nothing: the heap keeps the
 * old position, and the timer finds its true place when that position comes up.
 */

/** Microseconds on a clock that never goes back. */
export type Instant = number;

/** A deadline that never comes. */
export const never: Instant = Number.POSITIVE_INFINITY;

/** Something to do at an instant. Belongs to the queue that made it. */
export class Timer {
  /** What runs; the timer is not set any more by then. */
  readonly fire: (now: Instant) => void;
  /** When it fires; `never` when it is not set. Read only: change it through the queue. */
  deadline: Instant = never;
  /** Where the heap holds it, at most `deadline`; index -1 when it does not. */
  position: Instant = never;
  index = -1;

  constructor(fire: (now: Instant) => void) {
    this.fire = fire;
  }

  get isSet(): boolean {
    return this.deadline !== never;
  }
}

/** All timers of a stack. */
export class TimerQueue {
  readonly #heap: Timer[] = [];

  /** How many timers are set or still in the heap; 0 when nothing leaks. */
  get size(): number {
    return this.#heap.length;
  }

  /** How many timers are set. */
  get active(): number {
    return this.#heap.filter((timer) => timer.isSet).length;
  }

  /** Sets a timer, or moves it. */
  set(timer: Timer, deadline: Instant): void {
    timer.deadline = deadline;
    if (deadline === never) return;
    if (timer.index < 0) {
      timer.position = deadline;
      timer.index = this.#heap.length;
      this.#heap.push(timer);
      this.#up(timer);
    } else if (deadline < timer.position) {
      timer.position = deadline;
      this.#up(timer);
    }
  }

  /** Stops a timer; it leaves the heap when its position comes up. */
  cancel(timer: Timer): void {
    timer.deadline = never;
  }

  /** Takes a timer out at once, for owners that go away. */
  remove(timer: Timer): void {
    timer.deadline = never;
    if (timer.index >= 0) this.#removeAt(timer.index);
  }

  /** When run() has something to do next: the earliest deadline, `never` when there is none. */
  get next(): Instant {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined) return never;
      if (first.deadline === first.position) return first.position;
      this.#settleFirst(first);
    }
  }

  /** Fires every timer whose deadline is not after `now`, earliest first. */
  run(now: Instant): void {
    while (this.next <= now) {
      const first = this.#heap[0] as Timer;
      this.#removeAt(0);
      first.deadline = never;
      first.fire(now);
    }
  }

  /** Puts the first timer, whose position is out of date, where it belongs. */
  #settleFirst(first: Timer): void {
    if (first.deadline === never) {
      this.#removeAt(0);
    } else {
      first.position = first.deadline;
      this.#down(first);
    }
  }

  #removeAt(index: number): void {
    const heap = this.#heap;
    const removed = heap[index] as Timer;
    const last = heap.pop() as Timer;
    removed.index = -1;
    if (last === removed) return;
    last.index = index;
    heap[index] = last;
    this.#up(last);
    this.#down(last);
  }

  #up(timer: Timer): void {
    const heap = this.#heap;
    let index = timer.index;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above] as Timer;
      if (parent.position <= timer.position) break;
      heap[index] = parent;
      parent.index = index;
      index = above;
    }
    heap[index] = timer;
    timer.index = index;
  }

  #down(timer: Timer): void {
    const heap = this.#heap;
    let index = timer.index;
    for (;;) {
      let below = 2 * index + 1;
      if (below >= heap.length) break;
      const right = heap[below + 1];
      if (right !== undefined && right.position < (heap[below] as Timer).position) below += 1;
      const child = heap[below] as Timer;
      if (child.position >= timer.position) break;
      heap[index] = child;
      child.index = index;
      index = below;
    }
    heap[index] = timer;
    timer.index = index;
  }
}
