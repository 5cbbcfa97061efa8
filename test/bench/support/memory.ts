// The smallest machine that runs the app.

/** No machine of this size, in MiB, can hold a Node binary of more than 100 MB. */
const tooSmall = 16;

/** How to search. */
export interface SearchOptions {
  /** Where the search starts, in MiB: a multiple of the step. */
  readonly largest: number;
  /** How exact the result is, in MiB: 16 is a multiple of it. */
  readonly step: number;
  /** A size counts only if the app ran so many times. */
  readonly tries: number;
  /** Boots a machine with that many MiB, and says whether the app ran. */
  readonly boot: (megabytes: number) => Promise<boolean>;
}

/** What a search found. Sizes are QEMU's -m, in MiB. */
export interface MemorySearch {
  /** The smallest size that ran the app every time; undefined when even the largest did not. */
  readonly smallest: number | undefined;
  /** How often each size that was tried ran the app in a row, at most `tries` times. */
  readonly successes: Readonly<Record<number, number>>;
  readonly tries: number;
}

/** Finds the smallest memory, by bisection. */
export async function smallestMemory(options: SearchOptions): Promise<MemorySearch> {
  const { largest, step, tries, boot } = options;
  const successes: Record<number, number> = {};
  const runs = async (megabytes: number) => {
    let count = 0;
    for (let index = 0; index < tries; index++) {
      if (!(await boot(megabytes))) break; // the size does not count any more
      count++;
    }
    successes[megabytes] = count;
    return count === tries;
  };
  if (!(await runs(largest))) return { smallest: undefined, successes, tries };
  let failing = tooSmall;
  let running = largest;
  while (running - failing > step) {
    const middle = failing + Math.round((running - failing) / 2 / step) * step;
    if (await runs(middle)) running = middle;
    else failing = middle;
  }
  return { smallest: running, successes, tries };
}
