/** Hands out pages of the one block of memory that a driver's isolate shares with its device. */

const pageBytes = 4096;

/** A stretch of memory; both in bytes. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/** Free pages, first fit. */
export class DmaArena {
  /** In order, with something in use between any two. */
  #free: Range[];
  readonly #used = new Map<number, Range>();

  /** @param start where it begins, @param end where it ends: multiples of the page size */
  constructor(start: number, end: number) {
    this.#free = [{ start, end }];
  }

  /**
   * Takes pages.
   * @param size bytes, rounded up to pages
   * @returns where they are; undefined when there are not so many in one piece
   */
  allocate(size: number): { readonly offset: number; readonly size: number } | undefined {
    if (!(size > 0)) return undefined;
    const bytes = Math.ceil(size / pageBytes) * pageBytes;
    const index = this.#free.findIndex(({ start, end }) => end - start >= bytes);
    const found = this.#free[index];
    if (found === undefined) return undefined;
    const taken = { start: found.start, end: found.start + bytes };
    const rest = { start: taken.end, end: found.end };
    this.#free.splice(index, 1, ...(rest.start < rest.end ? [rest] : []));
    this.#used.set(taken.start, taken);
    return { offset: taken.start, size: bytes };
  }

  /** Gives pages back. @throws RangeError when none were taken there */
  free(offset: number): void {
    const taken = this.#used.get(offset);
    if (taken === undefined) throw new RangeError(`There is no memory of a device at ${offset}.`);
    this.#used.delete(offset);
    const merged: Range[] = [];
    for (const each of [...this.#free, taken].sort((one, other) => one.start - other.start)) {
      const last = merged.at(-1);
      if (last?.end !== each.start) merged.push(each);
      else merged[merged.length - 1] = { start: last.start, end: each.end };
    }
    this.#free = merged;
  }
}
