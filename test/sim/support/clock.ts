/** Virtual time: events at instants, run in order; nothing waits for a real clock. */

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** The world's agenda. Instants are microseconds. */
export class Agenda {
  now = 0;
  #order = 0;
  readonly #heap: Event[] = [];

  /** Runs something at an instant, not before now; events of one instant run in the order of their adding. */
  at(instant: number, run: () => void): void {
    const event = { at: Math.max(instant, this.now), order: this.#order, run };
    this.#order += 1;
    const heap = this.#heap;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const above = (index - 1) >> 1;
      if (!before(event, heap[above] as Event)) break;
      heap[index] = heap[above] as Event;
      index = above;
    }
    heap[index] = event;
  }

  /** When the next event is, Infinity when there is none. */
  get next(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Runs the next event and moves time to it. */
  step(): void {
    const heap = this.#heap;
    const first = heap[0] as Event;
    const last = heap.pop() as Event;
    if (last !== first) {
      let index = 0;
      for (;;) {
        let below = 2 * index + 1;
        if (below >= heap.length) break;
        if (below + 1 < heap.length && before(heap[below + 1] as Event, heap[below] as Event))
          below += 1;
        if (!before(heap[below] as Event, last)) break;
        heap[index] = heap[below] as Event;
        index = below;
      }
      heap[index] = last;
    }
    this.now = first.at;
    first.run();
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
