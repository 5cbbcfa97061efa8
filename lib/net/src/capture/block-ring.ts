/** A bounded store of pcapng blocks: the newest ones stay. */
import { get32 } from './pcapng.ts';

/** Blocks one after the other, none of them cut; the oldest make room for new ones. */
export class BlockRing {
  readonly bytes: Uint8Array;
  /** Blocks that were overwritten. */
  overwritten = 0;
  #oldest = 0;
  #next = 0;
  /** Where the blocks end that lie behind `#oldest`, while newer ones lie at the start. */
  #end: number;
  #count = 0;

  /** @param size bytes, a multiple of 4 */
  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.#end = size;
  }

  /** Blocks that are there. */
  get count(): number {
    return this.#count;
  }

  /**
   * Makes room for a block.
   * @param size bytes, a multiple of 4
   * @returns where it goes; -1 when it is larger than the store
   */
  add(size: number): number {
    if (size > this.bytes.length) return -1;
    if (this.#next + size > this.bytes.length) {
      // What lies between here and the end is overwritten, too: order would be lost otherwise.
      while (this.#count > 0 && this.#oldest >= this.#next) this.#drop();
      this.#end = this.#next;
      this.#next = 0;
    }
    while (this.#count > 0 && this.#oldest >= this.#next && this.#oldest < this.#next + size) {
      this.#drop();
    }
    const at = this.#next;
    if (this.#count === 0) this.#oldest = at;
    this.#next += size;
    this.#count += 1;
    return at;
  }

  /** Calls with every block, oldest first. */
  forEach(visit: (at: number, size: number) => void): void {
    let at = this.#oldest;
    for (let left = this.#count; left > 0; left--) {
      if (at === this.#end) at = 0;
      const size = get32(this.bytes, at + 4);
      visit(at, size);
      at += size;
    }
  }

  clear(): void {
    this.#oldest = 0;
    this.#next = 0;
    this.#count = 0;
    this.#end = this.bytes.length;
  }

  #drop(): void {
    this.#oldest += get32(this.bytes, this.#oldest + 4);
    this.#count -= 1;
    this.overwritten += 1;
    if (this.#oldest === this.#end) {
      this.#oldest = 0;
      this.#end = this.bytes.length;
    }
  }
}
