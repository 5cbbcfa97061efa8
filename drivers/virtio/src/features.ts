/** Feature negotiation (virtio 1.2, section 2.2): 64 bits, as two words. */

/** A set of feature bits. */
export class Features {
  readonly low: number;
  readonly high: number;

  /** @param low bits 0 to 31. @param high bits 32 to 63. */
  constructor(low: number, high: number) {
    this.low = low >>> 0;
    this.high = high >>> 0;
  }

  /** The set of the bits named. */
  static of(bits: Iterable<number>): Features {
    let low = 0;
    let high = 0;
    for (const bit of bits) {
      if (bit < 32) low |= 1 << bit;
      else high |= 1 << (bit - 32);
    }
    return new Features(low, high);
  }

  has(bit: number): boolean {
    const word = bit < 32 ? this.low : this.high;
    return ((word >>> (bit & 31)) & 1) === 1;
  }

  and(other: Features): Features {
    return new Features(this.low & other.low, this.high & other.high);
  }

  or(other: Features): Features {
    return new Features(this.low | other.low, this.high | other.high);
  }

  without(bits: Iterable<number>): Features {
    const other = Features.of(bits);
    return new Features(this.low & ~other.low, this.high & ~other.high);
  }

  equals(other: Features): boolean {
    return this.low === other.low && this.high === other.high;
  }
}

/** What a driver wants of a device, each feature under the name that messages use. */
export interface FeatureWishes {
  /** Without one of these the driver does not start. */
  readonly needed: Readonly<Record<string, number>>;
  /** Taken when the device has them. */
  readonly usable: Readonly<Record<string, number>>;
  /** What a taken feature asks for (e.g. section 5.1.3.1): feature, then what it needs; dropped without. */
  readonly requirements?: readonly (readonly [number, number])[];
}

/**
 * Chooses features.
 * @returns the set to accept, or the names of the needed ones that are missing
 */
export function chooseFeatures(
  offered: Features,
  wishes: FeatureWishes,
): Features | readonly string[] {
  const missing = Object.entries(wishes.needed)
    .filter(([, bit]) => !offered.has(bit))
    .map(([name]) => name);
  if (missing.length > 0) return missing;
  let chosen = offered.and(
    Features.of([...Object.values(wishes.needed), ...Object.values(wishes.usable)]),
  );
  // A requirement may itself fall, so repeat until nothing changes.
  for (;;) {
    const unmet = (wishes.requirements ?? [])
      .filter(([bit, required]) => chosen.has(bit) && !chosen.has(required))
      .map(([bit]) => bit);
    if (unmet.length === 0) return chosen;
    chosen = chosen.without(unmet);
  }
}
