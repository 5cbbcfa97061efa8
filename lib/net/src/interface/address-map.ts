/** A hash map from addresses to objects whose look-up by words allocates nothing. */
import type { IpAddress } from '../address.ts';

interface Entry<Value> {
  readonly address: IpAddress;
  value: Value;
  next: Entry<Value> | null;
}

/** Spreads four words over 32 bits; `seed` is secret, so that nobody chooses addresses that collide. */
export function hashWords(
  word0: number,
  word1: number,
  word2: number,
  word3: number,
  seed: number,
): number {
  let hash = Math.imul(seed ^ word0, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15) ^ word1, 0x85ebca77);
  hash = Math.imul(hash ^ (hash >>> 13) ^ word2, 0xc2b2ae3d);
  hash = Math.imul(hash ^ (hash >>> 16) ^ word3, 0x27d4eb2f);
  return hash ^ (hash >>> 15);
}

/** Addresses in the order in which they were added, with what belongs to them. */
export class AddressMap<Value> {
  readonly #buckets = new Map<number, Entry<Value>>();
  readonly #seed: number;
  #size = 0;

  /** @param seed 32 random bits */
  constructor(seed: number) {
    this.#seed = seed;
  }

  get size(): number {
    return this.#size;
  }

  get(address: IpAddress): Value | undefined {
    return this.getWords(address.word0, address.word1, address.word2, address.word3);
  }

  getWords(word0: number, word1: number, word2: number, word3: number): Value | undefined {
    let entry = this.#buckets.get(hashWords(word0, word1, word2, word3, this.#seed)) ?? null;
    while (entry !== null) {
      const { address } = entry;
      if (
        address.word3 === word3 &&
        address.word2 === word2 &&
        address.word1 === word1 &&
        address.word0 === word0
      ) {
        return entry.value;
      }
      entry = entry.next;
    }
    return undefined;
  }

  set(address: IpAddress, value: Value): void {
    const hash = this.#hash(address);
    const first = this.#buckets.get(hash) ?? null;
    for (let entry = first; entry !== null; entry = entry.next) {
      if (entry.address.equals(address)) {
        entry.value = value;
        return;
      }
    }
    this.#buckets.set(hash, { address, value, next: first });
    this.#size += 1;
  }

  delete(address: IpAddress): boolean {
    const hash = this.#hash(address);
    let before: Entry<Value> | null = null;
    let entry = this.#buckets.get(hash) ?? null;
    while (entry !== null && !entry.address.equals(address)) {
      before = entry;
      entry = entry.next;
    }
    if (entry === null) return false;
    if (before !== null) before.next = entry.next;
    else if (entry.next !== null) this.#buckets.set(hash, entry.next);
    else this.#buckets.delete(hash);
    this.#size -= 1;
    return true;
  }

  clear(): void {
    this.#buckets.clear();
    this.#size = 0;
  }

  *values(): IterableIterator<Value> {
    for (const first of this.#buckets.values()) {
      for (let entry: Entry<Value> | null = first; entry !== null; entry = entry.next) {
        yield entry.value;
      }
    }
  }

  #hash(address: IpAddress): number {
    return hashWords(address.word0, address.word1, address.word2, address.word3, this.#seed);
  }
}
