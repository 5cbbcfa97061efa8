/**
 * Numbers for calls, the least free one first, and what they stand for. Not a Map: one whose entries come and go makes
 * the collector keep what is long gone, and that cost a third of the time of all calls.
 */

/** Numbers are below this: also a peer that makes them up cannot make a table larger. */
export const mostSlots = 1 << 16;

export class Slots<T> {
  #entries: (T | undefined)[] = [];
  #free: number[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @returns a free number, for set(); undefined when all are taken */
  take(): number | undefined {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#entries.length >= mostSlots) return undefined;
    return this.#entries.push(undefined) - 1;
  }

  /** Gives a number back that take() has given. */
  giveBack(number: number): void {
    this.delete(number);
    this.#free.push(number);
  }

  get(number: number): T | undefined {
    return this.#entries[number];
  }

  /** @returns false when the number is beyond all that there are */
  set(number: number, value: T): boolean {
    if (number >= mostSlots) return false;
    while (this.#entries.length < number) this.#entries.push(undefined);
    if (this.#entries[number] === undefined) this.#size += 1;
    this.#entries[number] = value;
    return true;
  }

  delete(number: number): boolean {
    if (this.#entries[number] === undefined) return false;
    this.#entries[number] = undefined;
    this.#size -= 1;
    return true;
  }

  /** Forgets everything. @returns what there was */
  clear(): T[] {
    const all = this.#entries.filter((entry) => entry !== undefined);
    this.#entries = [];
    this.#free = [];
    this.#size = 0;
    return all;
  }
}
