/** Buffers of the stack itself: for loopback, for fragments, for datagrams larger than a device's buffers. */

import { packetHeadroom } from '../device.ts';
import type { Counters } from '../environment.ts';
import { Packet } from '../packet.ts';

/** A piece of Memory that belongs to its holder. */
export interface MemoryRegion {
  readonly offset: number;
  readonly size: number;
}

/**
 * Content that a buffer of each size has room for (an Ethernet packet, a few pages, the largest IP
 * packet), and the part of the region that such buffers may take: what was carved is never joined
 * again, so no burst of one size may leave nothing to the others.
 */
const sizes = [
  { content: 2048 - packetHeadroom, share: 1 / 4 },
  { content: 16_384 - packetHeadroom, share: 1 / 4 },
  { content: 65_536 + 64, share: 1 / 2 },
];

interface SizeClass {
  readonly content: number;
  readonly capacity: number;
  readonly free: Packet[];
  /** Where its next buffer begins, and where its part of the region ends. */
  next: number;
  readonly end: number;
}

/** Carves buffers out of a region as they are needed, and keeps them by size. */
export class PacketPool {
  readonly counters: Counters = { allocated: 0, released: 0, exhausted: 0 };
  readonly region: MemoryRegion;
  readonly #classes: readonly SizeClass[];

  /** @param region of 256 KiB or more; its content is lost */
  constructor(region: MemoryRegion) {
    if (region.size < 262_144) {
      throw new RangeError(`a pool of packets needs 256 KiB or more, not ${region.size} bytes`);
    }
    this.region = region;
    let next = region.offset;
    this.#classes = sizes.map(({ content, share }) => {
      const start = next;
      next += Math.floor(region.size * share) & ~63;
      const capacity = (packetHeadroom + content + 63) & ~63;
      return { content, capacity, free: [], next: start, end: next };
    });
  }

  /** How many buffers are out. */
  get inUse(): number {
    return (this.counters.allocated as number) - (this.counters.released as number);
  }

  /** True for a packet made by this pool. */
  owns(packet: Packet): boolean {
    const at = packet.base - this.region.offset;
    return at >= 0 && at < this.region.size;
  }

  /** A packet with packetHeadroom and room for `size` bytes behind it, or null. */
  allocate(size: number): Packet | null {
    const { counters } = this;
    for (const one of this.#classes) {
      if (one.content < size) continue;
      const packet = one.free.pop() ?? this.#carve(one);
      if (packet === null) continue;
      packet.reset(packetHeadroom);
      counters.allocated = (counters.allocated as number) + 1;
      return packet;
    }
    counters.exhausted = (counters.exhausted as number) + 1;
    return null;
  }

  #carve(one: SizeClass): Packet | null {
    if (one.next + one.capacity > one.end) return null;
    const base = one.next;
    one.next += one.capacity;
    return new Packet(base, one.capacity, 0, (packet) => {
      this.counters.released = (this.counters.released as number) + 1;
      one.free.push(packet);
    });
  }
}
