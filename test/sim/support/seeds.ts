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
  const { seeds, failed, report } = run(t, usual);
  for (const seed of seeds()) {
    try {
      simulate(seed);
    } catch (error) {
      failed(seed, error);
    }
  }
  report();
}

/** The same for simulations in which promises are waited for, one after the other. */
export async function everySeedInTurn(
  t: ExecutionContext,
  usual: number,
  simulate: (seed: number) => Promise<void>,
): Promise<void> {
  const { seeds, failed, report } = run(t, usual);
  for (const seed of seeds()) {
    await simulate(seed).catch((error: unknown) => failed(seed, error));
  }
  report();
}

/** The seeds of one run, until too many have failed. */
function run(t: ExecutionContext, usual: number) {
  const runs = single === undefined ? Math.ceil(usual * factor) : 1;
  const failures: string[] = [];
  return {
    *seeds() {
      for (let seed = first; seed < first + runs && failures.length < mostFailures; seed += 1) {
        yield seed;
      }
    },
    failed(seed: number, error: unknown) {
      failures.push(`SIM_SEED=${seed}: ${(error as Error).stack}`);
    },
    report() {
      t.log(`seeds ${first} to ${first + runs - 1}`);
      t.deepEqual(failures, []);
    },
  };
}
