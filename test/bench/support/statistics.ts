// Figures of a series.

/** Middle and ends of a series, and the series itself. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly samples: readonly number[];
}

/**
 * Sums up a series.
 * @param samples at least one number, in the order they were taken
 * @throws RangeError when there is none
 */
export function summarise(samples: readonly number[]): Summary {
  const sorted = samples.toSorted((left, right) => left - right);
  const low = sorted[(sorted.length - 1) >> 1];
  const high = sorted[sorted.length >> 1];
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (low === undefined || high === undefined || min === undefined || max === undefined) {
    throw new RangeError('A summary needs at least one sample.');
  }
  return { median: (low + high) / 2, min, max, samples };
}

/**
 * The mean of rates that have nothing in common: a tenth more of any counts the same.
 * @param values positive numbers, at least one
 * @throws RangeError when there is none
 */
export function geometricMean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('A mean needs at least one value.');
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
