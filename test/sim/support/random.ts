/** A seeded source of random numbers: the same seed gives the same run. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** An integer from `least` to `most`, both included. */
  integer(least: number, most: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  /** One of the values. */
  pick<T>(values: readonly T[]): T;
  /** Fills an array. */
  fill(into: Uint8Array): void;
}

/** Marsaglia's xorshift128, seeded through a splitmix step so that neighbouring seeds differ at once. */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  const split = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return mixed ^ (mixed >>> 15);
  };
  let [x, y, z, w] = [split(), split(), split(), split() | 1];
  const word = (): number => {
    const mixed = x ^ (x << 11);
    [x, y, z] = [y, z, w];
    w = w ^ (w >>> 19) ^ mixed ^ (mixed >>> 8);
    return w >>> 0;
  };
  const next = (): number => word() / 0x1_0000_0000;
  const integer = (least: number, most: number): number =>
    least + Math.floor(next() * (most - least + 1));
  return {
    next,
    integer,
    chance: (probability) => next() < probability,
    pick: (values) => values[integer(0, values.length - 1)] as (typeof values)[number],
    fill: (into) => {
      for (let at = 0; at < into.length; at += 1) into[at] = word();
    },
  };
}
