/**
 * Memory for the rings of connections: blocks of powers of two, from 4 KiB to 256 KiB, out of slabs of the
 * largest size (a buddy allocator). What all connections together can hold has a limit.
 */
import type { Memory } from '@runtimejs/net/memory.ts';

export const smallestBlock = 4096;
export const largestBlock = 256 * 1024;
const orders = Math.log2(largestBlock / smallestBlock) + 1;
/** Words of one connection: offset, capacity, head and tail of two rings. */
export const controlWords = 8;

/** Gives a slab of `largestBlock` bytes; undefined when there is no memory. */
export type AllocateSlab = () => number | undefined;

/** See the top of the file. */
export class RingMemory {
  readonly memory: Memory;
  readonly #allocate: AllocateSlab;
  readonly #most: number;
  /** Free blocks of each order, by their places. */
  readonly #free: readonly Set<number>[] = Array.from({ length: orders }, () => new Set<number>());
  /** The slab of every page: buddies are told apart by their distance from its start. */
  readonly #slabOf = new Map<number, number>();
  #slabs = 0;
  readonly #controls: number[] = [];
  /** Bytes of blocks that are in use. */
  used = 0;

  /**
   * @param most bytes that all rings may have together
   * @param allocate called when another slab is needed
   */
  constructor(memory: Memory, most: number, allocate: AllocateSlab) {
    this.memory = memory;
    this.#most = most;
    this.#allocate = allocate;
  }

  /** Bytes of the largest block that take() would give now, 0 for none. */
  get available(): number {
    for (let order = orders - 1; order >= 0; order -= 1) {
      if ((this.#free[order] as Set<number>).size > 0) return smallestBlock << order;
      if (order === orders - 1 && this.#addSlab()) return largestBlock;
    }
    return 0;
  }

  /** Takes a block of a power of two bytes. @returns its offset, or undefined when there is none */
  take(size: number): number | undefined {
    const order = orderOf(size);
    let from = order;
    while (from < orders && this.#free[from]?.size === 0) from += 1;
    if (from >= orders) {
      if (!this.#addSlab()) return undefined;
      from = orders - 1;
    }
    const [block] = this.#free[from] as Set<number>;
    if (block === undefined) return undefined;
    this.#free[from]?.delete(block);
    while (from > order) {
      from -= 1;
      this.#free[from]?.add(block + (smallestBlock << from));
    }
    this.used += size;
    return block;
  }

  /** Gives a block back. */
  give(offset: number, size: number): void {
    this.used -= size;
    const slab = this.#slabOf.get(offset) as number;
    let block = offset;
    let order = orderOf(size);
    while (order < orders - 1) {
      const buddy = slab + ((block - slab) ^ (smallestBlock << order));
      if (this.#free[order]?.delete(buddy) !== true) break;
      block = Math.min(block, buddy);
      order += 1;
    }
    this.#free[order]?.add(block);
  }

  /** Takes a connection's words, all 0. @returns the number of the first, undefined when there is no memory */
  takeControl(): number | undefined {
    if (this.#controls.length === 0) {
      const block = this.take(smallestBlock);
      if (block === undefined) return undefined;
      for (let at = 0; at < smallestBlock; at += controlWords * 4) {
        this.#controls.push((block + at) / 4);
      }
    }
    const first = this.#controls.pop() as number;
    this.memory.words.fill(0, first, first + controlWords);
    return first;
  }

  giveControl(first: number): void {
    this.#controls.push(first);
  }

  #addSlab(): boolean {
    if ((this.#slabs + 1) * largestBlock > this.#most) return false;
    const slab = this.#allocate();
    if (slab === undefined) return false;
    this.#slabs += 1;
    for (let at = 0; at < largestBlock; at += smallestBlock) this.#slabOf.set(slab + at, slab);
    this.#free[orders - 1]?.add(slab);
    return true;
  }
}

function orderOf(size: number): number {
  return Math.log2(size / smallestBlock);
}
