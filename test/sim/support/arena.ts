/** An allocator over host memory for rings and packets, which knows what is still allocated. */
import { HostMemory } from '@runtimejs/net/memory.ts';

/** Blocks of powers of two in one HostMemory. */
export class Arena {
  readonly memory: HostMemory;
  readonly #free = new Map<number, number[]>();
  #top: number;
  readonly #end: number;
  /** Bytes allocated now. */
  allocated = 0;
  /** Asked before each allocation that may fail: true refuses it. */
  refuses: () => boolean = () => false;

  /** @param memory its own of that many bytes, or somebody's, of which [first, end) is the arena's */
  constructor(memory: number | HostMemory, first = 64, end?: number) {
    this.memory = typeof memory === 'number' ? new HostMemory(memory) : memory;
    this.#top = first;
    this.#end = end ?? this.memory.bytes.length;
  }

  /** Takes at least `size` bytes. Throws when the arena is full: for what a simulation needs itself. */
  require(size: number): number {
    const { refuses } = this;
    this.refuses = () => false;
    const offset = this.allocate(size);
    this.refuses = refuses;
    if (offset === undefined) throw new Error('the arena is full');
    return offset;
  }

  /** Takes at least `size` bytes. Undefined: the arena is full, or refuses. */
  allocate(size: number): number | undefined {
    if (this.refuses()) return undefined;
    const rounded = roundUp(size);
    const reused = this.#free.get(rounded)?.pop();
    const offset = reused ?? this.#top;
    if (reused === undefined) {
      if (this.#top + rounded > this.#end) return undefined;
      this.#top += rounded;
    }
    this.allocated += rounded;
    return offset;
  }

  /** Gives back what allocate(size) took. */
  free(offset: number, size: number): void {
    const rounded = roundUp(size);
    this.allocated -= rounded;
    const list = this.#free.get(rounded);
    if (list === undefined) this.#free.set(rounded, [offset]);
    else list.push(offset);
    // Whoever reads a freed block gets noise.
    this.memory.bytes.fill(0xa5, offset, offset + rounded);
  }
}

function roundUp(size: number): number {
  let rounded = 64;
  while (rounded < size) rounded *= 2;
  return rounded;
}
