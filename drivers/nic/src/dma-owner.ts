/** DMA memory of one device, remembered so that all of it can be given back. */
import type { DmaMemory, Platform } from '@runtimejs/platform/platform.ts';

/** Whoever hands out DMA memory: the platform itself, or an owner that remembers. */
export type DmaSource = Pick<Platform, 'allocateDma'>;

/** Allocates for one device. */
export class DmaOwner implements DmaSource {
  readonly #platform: Platform;
  #blocks: DmaMemory[] = [];

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** @returns memory of at least `size` bytes, page-aligned, zeroed. Throws when there is none. */
  allocateDma(size: number): DmaMemory {
    const block = this.#platform.allocateDma(size);
    this.#blocks.push(block);
    return block;
  }

  /** Gives everything back. The device must have let go of it, and no packet in it may be in use. */
  freeAll(): void {
    for (const block of this.#blocks) this.#platform.freeDma(block);
    this.#blocks = [];
  }
}
