/**
 * SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012), a hash with a secret
 * key. Initial sequence numbers, timestamps' offsets, SYN cookies and hash tables come from it, so
 * that nobody outside can foretell them. 64-bit words are pairs of 32-bit halves.
 */

/** A hash with its own key. Input are 32-bit words, two to a 64-bit word, low half first. */
export class KeyedHash {
  readonly #key: Int32Array;
  readonly #state: Int32Array = new Int32Array(8);

  /** @param key 16 bytes that nobody can predict */
  constructor(key: Uint8Array) {
    if (key.length !== 16) {
      throw new RangeError(`SipHash takes a key of 16 bytes, not ${key.length}: pass 16.`);
    }
    this.#key = new Int32Array(4);
    for (let word = 0; word < 4; word += 1) {
      this.#key[word] =
        (key[4 * word] as number) |
        ((key[4 * word + 1] as number) << 8) |
        ((key[4 * word + 2] as number) << 16) |
        ((key[4 * word + 3] as number) << 24);
    }
  }

  /** High half of the last result, as a signed integer. */
  high = 0;

  /**
   * Hashes ten words (40 bytes): enough for two addresses, two ports and a counter.
   * @returns the low half of the hash, as a signed integer; `high` has the other one
   */
  hash(
    a: number,
    b: number,
    c: number,
    d: number,
    e: number,
    f: number,
    g: number,
    h: number,
    i: number,
    j: number,
  ): number {
    this.#begin();
    this.#absorb(a, b);
    this.#absorb(c, d);
    this.#absorb(e, f);
    this.#absorb(g, h);
    this.#absorb(i, j);
    return this.#finish(40);
  }

  /** Hashes any bytes as SipHash is defined. For tests against the published vectors. */
  hashBytes(bytes: Uint8Array): number {
    this.#begin();
    const whole = bytes.length & ~7;
    const word = (at: number): number => {
      let value = 0;
      for (let byte = 0; byte < 4; byte += 1) value |= (bytes[at + byte] ?? 0) << (8 * byte);
      return value;
    };
    for (let at = 0; at < whole; at += 8) this.#absorb(word(at), word(at + 4));
    return this.#finish(bytes.length, word(whole), word(whole + 4));
  }

  #begin(): void {
    const v = this.#state;
    const k = this.#key;
    v[0] = (k[0] as number) ^ 0x70736575;
    v[1] = (k[1] as number) ^ 0x736f6d65;
    v[2] = (k[2] as number) ^ 0x6e646f6d;
    v[3] = (k[3] as number) ^ 0x646f7261;
    v[4] = (k[0] as number) ^ 0x6e657261;
    v[5] = (k[1] as number) ^ 0x6c796765;
    v[6] = (k[2] as number) ^ 0x79746573;
    v[7] = (k[3] as number) ^ 0x74656462;
  }

  #absorb(low: number, high: number): void {
    const v = this.#state;
    v[6] = (v[6] as number) ^ low;
    v[7] = (v[7] as number) ^ high;
    this.#round();
    this.#round();
    v[0] = (v[0] as number) ^ low;
    v[1] = (v[1] as number) ^ high;
  }

  /** The last word carries the length in its top byte. */
  #finish(length: number, low = 0, high = 0): number {
    const v = this.#state;
    this.#absorb(low, (high & 0xffffff) | (length << 24));
    v[4] = (v[4] as number) ^ 0xff;
    this.#round();
    this.#round();
    this.#round();
    this.#round();
    this.high = (v[1] as number) ^ (v[3] as number) ^ (v[5] as number) ^ (v[7] as number);
    return (v[0] as number) ^ (v[2] as number) ^ (v[4] as number) ^ (v[6] as number);
  }

  /** SipRound; v0..v3 lie as (low, high) pairs. */
  #round(): void {
    const v = this.#state;
    let v0l = v[0] as number;
    let v0h = v[1] as number;
    let v1l = v[2] as number;
    let v1h = v[3] as number;
    let v2l = v[4] as number;
    let v2h = v[5] as number;
    let v3l = v[6] as number;
    let v3h = v[7] as number;
    let low: number;
    // v0 += v1; v1 <<<= 13; v1 ^= v0; v0 <<<= 32
    low = (v0l >>> 0) + (v1l >>> 0);
    v0h = (v0h + v1h + (low > 0xffffffff ? 1 : 0)) | 0;
    v0l = low | 0;
    low = (v1l << 13) | (v1h >>> 19);
    v1h = (v1h << 13) | (v1l >>> 19);
    v1l = low ^ v0l;
    v1h ^= v0h;
    low = v0l;
    v0l = v0h;
    v0h = low;
    // v2 += v3; v3 <<<= 16; v3 ^= v2
    low = (v2l >>> 0) + (v3l >>> 0);
    v2h = (v2h + v3h + (low > 0xffffffff ? 1 : 0)) | 0;
    v2l = low | 0;
    low = (v3l << 16) | (v3h >>> 16);
    v3h = (v3h << 16) | (v3l >>> 16);
    v3l = low ^ v2l;
    v3h ^= v2h;
    // v0 += v3; v3 <<<= 21; v3 ^= v0
    low = (v0l >>> 0) + (v3l >>> 0);
    v0h = (v0h + v3h + (low > 0xffffffff ? 1 : 0)) | 0;
    v0l = low | 0;
    low = (v3l << 21) | (v3h >>> 11);
    v3h = (v3h << 21) | (v3l >>> 11);
    v3l = low ^ v0l;
    v3h ^= v0h;
    // v2 += v1; v1 <<<= 17; v1 ^= v2; v2 <<<= 32
    low = (v2l >>> 0) + (v1l >>> 0);
    v2h = (v2h + v1h + (low > 0xffffffff ? 1 : 0)) | 0;
    v2l = low | 0;
    low = (v1l << 17) | (v1h >>> 15);
    v1h = (v1h << 17) | (v1l >>> 15);
    v1l = low ^ v2l;
    v1h ^= v2h;
    v[0] = v0l;
    v[1] = v0h;
    v[2] = v1l;
    v[3] = v1h;
    v[4] = v2h;
    v[5] = v2l;
    v[6] = v3l;
    v[7] = v3h;
  }
}
