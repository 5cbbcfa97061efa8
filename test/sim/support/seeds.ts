/** Runs a simulation with many seeds, and says which failed and how to replay it. */
import type { ExecutionContext } from 'ava';

const single = process.env.SIM_SEED;
const factor = Number(process.env.SIM_RUNS ?? 1);
const first = Number(single ?? process.env.SIM_FIRST ?? 1);
const mostFailures = 5;

/**
 * Runs `simulate` once for each seed; what it throws fails the test with the seed. SIM_SEED replays one
 * seed, SIM_RUNS multiplies their number, SIM_FIRST says with which to begin.
 * @param usual how many seeds when nothing is said
 */
export function everySeed(
  t: ExecutionContext,
  usual: number,
  simulate: (seed: number) => void,
): void {
  const runs = single === undefined ? Math.ceil(usual * factor) : 1;
  const failures: string[] = [];
  for (let seed = first; seed < first + runs && failures.length < mostFailures; seed += 1) {
    try {
      simulate(seed);
    } catch (error) {
      failures.push(`SIM_SEED=${seed}: ${(error as Error).stack}`);
    }
  }
  t.log(`seeds ${first} to ${first + runs - 1}`);
  t.deepEqual(failures, []);
}
