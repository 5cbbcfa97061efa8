/**
 * What rings between a driver's isolate and the system isolate have in common: memory that both sides see, in which one
 * writes, one reads, and neither waits. Positions count bytes and wrap at 2^32. Each side keeps its own position to
 * itself and only publishes it; what the other publishes is checked before it is used.
 */
import type { Memory } from '@runtimejs/net/memory.ts';

/** Words of a ring's control block. */
export const control = { written: 0, read: 16, isReaderAsleep: 32, isRoomWanted: 48 } as const;
/** Bytes of a control block: each word has a cache line of its own. */
export const controlBytes = 256;

/** Where a ring lies in the memory of one side. */
export interface RingPlace {
  readonly control: number;
  readonly offset: number;
  /** A power of two. */
  readonly size: number;
}

/** A ring in memory in which the shared memory begins at an offset. */
export function ringAt(place: RingPlace, offset: number): RingPlace {
  return { ...place, control: place.control + offset, offset: place.offset + offset };
}

/** What both sides have. */
export class Ring {
  protected readonly memory: Memory;
  protected readonly words: Int32Array;
  protected readonly place: RingPlace;
  /** What the other side did wrong; null as long as it behaves. */
  violation: string | null = null;

  constructor(memory: Memory, place: RingPlace) {
    this.memory = memory;
    this.words = memory.words;
    this.place = place;
  }

  protected load(word: number): number {
    return Atomics.load(this.words, this.place.control / 4 + word) >>> 0;
  }
  protected store(word: number, value: number): void {
    Atomics.store(this.words, this.place.control / 4 + word, value | 0);
  }
  protected exchange(word: number, value: number): boolean {
    return Atomics.exchange(this.words, this.place.control / 4 + word, value) !== 0;
  }
}
