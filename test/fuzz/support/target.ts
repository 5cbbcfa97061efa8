/** What a fuzzer is: cases, each of which follows from its number alone. */

/** A fuzzer. A case that throws is a finding; so is one that does not end. */
export interface FuzzTarget {
  readonly name: string;
  /** Runs one case, chosen by the seed. */
  run(seed: number): void;
  /** How many cases the short run has: about two seconds' worth. */
  readonly shortRun: number;
}

/** A case that failed. */
export interface Finding {
  readonly seed: number;
  readonly error: Error;
}

/**
 * Runs cases from a seed on.
 * @param more asked before each case: false ends the run
 * @param begun told of each case before it runs, for watchdogs
 * @returns how many were run, and those that failed, at most 5
 */
export function fuzz(
  target: FuzzTarget,
  first: number,
  more: (done: number) => boolean,
  begun: (seed: number) => void = () => {},
): { readonly cases: number; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  let cases = 0;
  for (; more(cases) && findings.length < 5; cases += 1) {
    const seed = first + cases;
    begun(seed);
    try {
      target.run(seed);
    } catch (error) {
      findings.push({ seed, error: error as Error });
    }
  }
  return { cases, findings };
}
