// The smallest machine that runs the app.
import { type Bench, measureBoot, type System } from './measure.ts';

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
 * Finds the smallest memory, by bisection in steps of 4 MiB. Each size is booted twice, and counts
 * only if the app's line came and Node ended well both times.
 * @param bench the same for all systems
 * @param system what to boot
 * @param largest where the search starts, in MiB: a multiple of 4
 * @param onSize is told of each size before it is tried
 */
export async function smallestMemory(
  bench: Bench,
  system: System,
  largest: number,
  onSize: (megabytes: number) => void,
): Promise<MemorySearch> {
  const successes: Record<number, number> = {};
  const runs = async (megabytes: number) => {
    onSize(megabytes);
    let count = 0;
    for (let index = 0; index < tries; index++) {
      const boot = await measureBoot(bench, system, { memoryMegabytes: megabytes });
      if (boot.complete) count++;
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
