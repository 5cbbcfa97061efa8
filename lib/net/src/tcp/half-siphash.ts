/**
 * HalfSipHash-1-3 (Aumasson, Bernstein), SipHash on 32-bit words: a hash with a secret key for tables that
 * outsiders fill. It is a tenth of the work of SipHash-2-4, and of use only where its results stay inside.
 */

const words = 10;

/** A hash of ten words with its own key. */
export class TableHash {
  readonly #key0: number;
  readonly #key1: number;
  readonly #message = new Int32Array(words + 1);

  /** @param key 8 bytes that nobody can predict */
  constructor(key: Uint8Array) {
    if (key.length !== 8) {
      throw new RangeError(`HalfSipHash takes a key of 8 bytes, not ${key.length}: pass 8.`);
    }
    const view = new DataView(key.buffer, key.byteOffset);
    this.#key0 = view.getInt32(0, true);
    this.#key1 = view.getInt32(4, true);
    this.#message[words] = (4 * words) << 24; // The last word carries the length in its top byte.
  }

  /**
   * Hashes ten words: two addresses and two ports.
   * @returns a signed integer
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
    const message = this.#message;
    message[0] = a;
    message[1] = b;
    message[2] = c;
    message[3] = d;
    message[4] = e;
    message[5] = f;
    message[6] = g;
    message[7] = h;
    message[8] = i;
    message[9] = j;
    let v0 = this.#key0;
    let v1 = this.#key1;
    let v2 = 0x6c796765 ^ v0;
    let v3 = 0x74656462 ^ v1;
    // One round a word, and three after the last, before which v2 is marked.
    for (let round = 0; round <= words + 3; round += 1) {
      const word = round <= words ? (message[round] as number) : 0;
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
      if (round === words) v2 ^= 0xff;
    }
    return v1 ^ v3;
  }
}
