/** Endpoints by their bytes, so that sending datagrams to the same peers allocates nothing. */
import { type Endpoint, IpAddress } from '../address.ts';
import { swapWord } from './block.ts';

const slots = 256; // a power of two

/** A direct-mapped cache of immutable endpoints. */
export class EndpointCache {
  readonly #endpoints: (Endpoint | undefined)[] = new Array<undefined>(slots).fill(undefined);

  /**
   * The endpoint at a place in memory.
   * @param words Memory.words
   * @param at number of the word with family and port, as in the shared structures
   */
  read(words: Int32Array, at: number): Endpoint {
    const port = (words[at] as number) >>> 16;
    const scope = words[at + 1] as number;
    const word0 = words[at + 2] as number;
    const word1 = words[at + 3] as number;
    const word2 = words[at + 4] as number;
    const word3 = words[at + 5] as number;
    const mixed = Math.imul(word3 ^ word1 ^ word0 ^ (port << 8) ^ scope, 0x9e3779b1);
    const slot = (mixed >>> 24) & (slots - 1);
    const cached = this.#endpoints[slot];
    if (
      cached !== undefined &&
      cached.port === port &&
      cached.scope === scope &&
      cached.address.word3 === swapWord(word3) &&
      cached.address.word2 === swapWord(word2) &&
      cached.address.word1 === swapWord(word1) &&
      cached.address.word0 === swapWord(word0)
    ) {
      return cached;
    }
    const address = new IpAddress(
      swapWord(word0),
      swapWord(word1),
      swapWord(word2),
      swapWord(word3),
    );
    const endpoint: Endpoint = { address, port, scope };
    this.#endpoints[slot] = endpoint;
    return endpoint;
  }
}
