/** Makes values of every kind that remote calls copy. */
import type { Random } from '../../sim/support/random.ts';

/** A value at most so many levels deep; parts of it may be shared, or contain it. */
export function randomValue(random: Random, depth: number, made: object[] = []): unknown {
  if (made.length > 0 && random.chance(0.1)) return random.pick(made);
  const inner = (): unknown => randomValue(random, depth - 1, made);
  const some = <T>(make: () => T): T[] => Array.from({ length: random.integer(0, 4) }, make);
  const keep = <T extends object>(value: T): T => {
    made.push(value);
    return value;
  };
  switch (random.integer(0, depth > 0 ? 17 : 7)) {
    case 0:
      return random.pick([undefined, null, true, false]);
    case 1:
      return random.integer(-100, 100);
    case 2:
      return random.pick([
        -0,
        Number.NaN,
        1e300,
        0.1,
        2 ** 31,
        -(2 ** 31),
        Number.POSITIVE_INFINITY,
      ]);
    case 3:
      return BigInt(random.integer(-1e9, 1e9)) ** BigInt(random.integer(0, 20));
    case 4:
      return text(random);
    case 5:
      return keep(new Date(random.pick([0, Number.NaN, random.integer(-1e12, 1e12)])));
    case 6:
      return keep(random.pick([/a/g, /[^b]+/iu, /(?<c>d)/v]));
    case 7:
      return keep(Object(random.pick<unknown>([1, 'x', true, 5n])) as object);
    case 8:
    case 9: {
      const object = keep({} as Record<string, unknown>);
      for (const key of some(() => text(random))) object[`k${key}`] = inner();
      return object;
    }
    case 10:
    case 11: {
      const array = keep([] as unknown[]);
      for (let index = random.integer(0, 5); index > 0; index -= 1) {
        if (random.chance(0.8)) array[array.length] = inner();
        else array.length += 1;
      }
      return array;
    }
    case 12: {
      const map = keep(new Map<unknown, unknown>());
      for (const key of some(inner)) map.set(key, inner());
      return map;
    }
    case 13: {
      const set = keep(new Set<unknown>());
      for (const item of some(inner)) set.add(item);
      return set;
    }
    case 14: {
      const error = keep(new (random.pick([Error, TypeError, RangeError]))(text(random)));
      if (random.chance(0.5)) error.cause = inner();
      return error;
    }
    case 15: {
      const bytes = keep(new Uint8Array(random.integer(0, 64)));
      random.fill(bytes);
      return bytes;
    }
    case 16:
      return keep(new Float64Array(keep(new ArrayBuffer(24)), 8 * random.integer(0, 1), 2));
    default: {
      const sparse = keep([] as unknown[]);
      sparse[random.integer(5000, 100_000)] = inner();
      return sparse;
    }
  }
}

function text(random: Random): string {
  const alphabet = random.pick(['abc', 'naïve', '漢字\ud800', '\0\n"']);
  let made = '';
  for (let left = random.integer(0, 12); left > 0; left -= 1) made += random.pick([...alphabet]);
  return made;
}
