/** Makes wrong bytes of right ones. */
import type { Random } from '../../sim/support/random.ts';

const interesting = [0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 40, 63, 64, 127, 128, 254, 255];

/** A copy with some bytes, bits, lengths or order changed. */
export function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  let result = bytes.slice();
  const changes = random.pick([0, 1, 1, 2, 3, 8, 30]);
  for (let count = 0; count < changes && result.length > 0; count += 1) {
    const at = random.integer(0, result.length - 1);
    switch (random.integer(0, 6)) {
      case 0:
        result[at] = random.integer(0, 255);
        break;
      case 1:
        result[at] = (result[at] as number) ^ (1 << random.integer(0, 7));
        break;
      case 2:
        result[at] = random.pick(interesting);
        break;
      case 3:
        result = result.slice(0, at);
        break;
      case 4: {
        // Something is there twice.
        const length = random.integer(1, Math.min(40, result.length - at));
        const longer = new Uint8Array(result.length + length);
        longer.set(result.subarray(0, at + length));
        longer.set(result.subarray(at), at + length);
        result = longer;
        break;
      }
      case 5: {
        // Something is missing.
        const length = random.integer(1, Math.min(40, result.length - at));
        const shorter = new Uint8Array(result.length - length);
        shorter.set(result.subarray(0, at));
        shorter.set(result.subarray(at + length), at);
        result = shorter;
        break;
      }
      default: {
        const end = Math.min(result.length, at + random.integer(1, 8));
        for (let n = at; n < end; n += 1) result[n] = random.integer(0, 255);
      }
    }
  }
  return result;
}

/** Random bytes, often with small numbers. */
export function noise(random: Random, most: number): Uint8Array {
  const bytes = new Uint8Array(random.integer(0, most));
  random.fill(bytes);
  if (random.chance(0.5)) {
    for (let at = 0; at < bytes.length; at += 1) {
      if (random.chance(0.4)) bytes[at] = random.pick(interesting);
    }
  }
  return bytes;
}
