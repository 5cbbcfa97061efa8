// The smallest machine that runs the app.

const step = 4;
/** No machine of this size, in MiB, can hold a Node binary of more than 100 MB. */
const tooSmall = 16;
const tries = 2;

/** What a search found. Sizes are QEMU's -m, in MiB. */
export interface MemorySearch {
  /** The smallest size that ran the app every time; undefined when even the largest did not. */
  readonly smallest: number | undefined;
  /** How often each size that was tried ran the app, out of `tries`. */
  readonly successes: Readonly<Record<number, number>>;
  readonly tries: number;
}

/**
 * Finds the smallest memory, by bisection in steps of 4 MiB. Each size is tried twice, and counts
 * only if the app ran both times.
 * @param boot boots a machine with that many MiB, and says whether the app ran to its end
 * @param largest where the search starts, in MiB: a multiple of 4
 */
export async function smallestMemory(
  boot: (megabytes: number) => Promise<boolean>,
  largest: number,
): Promise<MemorySearch> {
  const successes: Record<number, number> = {};
  const runs = async (megabytes: number) => {
    let count = 0;
    for (let index = 0; index < tries; index++) {
      if (await boot(megabytes)) count++;
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
