/**
 * The lists by which kernel and service tell each other which sockets to look at; the protocol is
 * at the top of native/abi/broker.abi.ts.
 */
import { sharedPage, socketBlock, socketMaximum } from '../generated/shared-memory.ts';
import type { Memory } from '../memory.ts';
import { blockWord } from './block.ts';

/** Which of the two lists: who looks at it. */
export type Attention = 'service' | 'kernel';

/** One of the lists. */
export class AttentionList {
  readonly #words: Int32Array;
  readonly #head: number;
  readonly #queued: number;
  readonly #next: number;

  constructor(memory: Memory, whose: Attention) {
    this.#words = memory.words;
    const service = whose === 'service';
    this.#head = (service ? sharedPage.serviceAttention : sharedPage.kernelAttention) >> 2;
    this.#queued = (service ? socketBlock.serviceQueued : socketBlock.kernelQueued) >> 2;
    this.#next = (service ? socketBlock.serviceNext : socketBlock.kernelNext) >> 2;
  }

  /** True when nothing is in the list. */
  get isEmpty(): boolean {
    return Atomics.load(this.#words, this.#head) === 0;
  }

  /**
   * Puts a socket into the list, unless it is there.
   * @returns true when it was not
   */
  push(socket: number): boolean {
    const words = this.#words;
    const block = blockWord(socket);
    if (Atomics.compareExchange(words, block + this.#queued, 0, 1) !== 0) return false;
    for (;;) {
      const newest = Atomics.load(words, this.#head);
      Atomics.store(words, block + this.#next, newest);
      if (Atomics.compareExchange(words, this.#head, newest, socket) === newest) return true;
    }
  }

  /**
   * Takes all sockets out of the list.
   * @param into where their ids go, oldest first; it has room for socketMaximum
   * @returns how many
   */
  take(into: Int32Array): number {
    const words = this.#words;
    let count = 0;
    let socket = Atomics.exchange(words, this.#head, 0);
    while (socket > 0 && socket < socketMaximum && count < into.length) {
      into[count++] = socket;
      const block = blockWord(socket);
      socket = Atomics.load(words, block + this.#next);
      // From here on it may be pushed again, so its fields are looked at only after this.
      Atomics.store(words, block + this.#queued, 0);
    }
    for (let low = 0, high = count - 1; low < high; low++, high--) {
      const newer = into[low] as number;
      into[low] = into[high] as number;
      into[high] = newer;
    }
    return count;
  }
}
