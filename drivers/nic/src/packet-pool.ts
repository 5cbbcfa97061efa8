/** Pools of packets of one size in DMA memory, which grow in blocks as they are needed. */
import { Packet } from '@runtimejs/net/packet.ts';
import type { DmaSource } from './dma-owner.ts';

/** How much is allocated at once at most: contiguous for the device, so not too much. */
const blockBytes = 256 * 1024;

/** A packet that knows whether its pool holds it. */
class PooledPacket extends Packet {
  isFree = true;
}

/** How large a pool is. */
export interface PoolOptions {
  /** Bytes of a packet's buffer. */
  readonly packetSize: number;
  /** How many packets to make at once; as many again whenever they run out, up to a block. */
  readonly initial: number;
  /** How many packets to make at most. */
  readonly limit: number;
}

/** Packets, free and in use. */
export class PacketPool {
  readonly packetSize: number;
  /** Packets released a second time: an error of whoever held them, told apart from chaos. */
  doubleReleases = 0;
  readonly #memory: DmaSource;
  readonly #limit: number;
  readonly #step: number;
  readonly #free: (PooledPacket | null)[] = [];
  #freeCount = 0;
  #made = 0;
  #mayGrow = true;
  readonly #recycle: (packet: Packet) => void;

  /** Makes the initial packets. Throws when there is no memory for them. */
  constructor(memory: DmaSource, options: PoolOptions) {
    this.#memory = memory;
    this.packetSize = options.packetSize;
    this.#limit = options.limit;
    const perBlock = Math.max(1, Math.floor(blockBytes / options.packetSize));
    this.#step = Math.min(perBlock, options.initial);
    this.#recycle = (packet) => this.#takeBack(packet as PooledPacket);
    while (this.#made < Math.min(options.initial, options.limit)) this.#grow();
  }

  /** How many packets lie in the pool. */
  get free(): number {
    return this.#freeCount;
  }

  /** How many packets there are, in the pool and outside. */
  get made(): number {
    return this.#made;
  }

  /** Takes a packet out; its cursors are whatever they were. null: all are in use, and no more may be made. */
  take(): Packet | null {
    if (this.#freeCount === 0 && !this.#tryGrow()) return null;
    this.#freeCount -= 1;
    const packet = this.#free[this.#freeCount] as PooledPacket;
    this.#free[this.#freeCount] = null;
    packet.isFree = false;
    return packet;
  }

  #takeBack(packet: PooledPacket): void {
    if (packet.isFree) {
      this.doubleReleases += 1;
      return;
    }
    packet.isFree = true;
    this.#free[this.#freeCount] = packet;
    this.#freeCount += 1;
  }

  /** Grows once more, unless the limit is reached or memory was short before. */
  #tryGrow(): boolean {
    if (this.#made >= this.#limit || !this.#mayGrow) return false;
    try {
      this.#grow();
      return true;
    } catch {
      // No memory: the pool makes do with what it has; asking again at every packet would be slow.
      this.#mayGrow = false;
      return false;
    }
  }

  #grow(): void {
    const count = Math.min(this.#step, this.#limit - this.#made);
    const block = this.#memory.allocateDma(count * this.packetSize);
    for (let at = 0; at < count; at++) {
      const offset = at * this.packetSize;
      this.#free[this.#freeCount] = new PooledPacket(
        block.offset + offset,
        this.packetSize,
        block.deviceAddress + offset,
        this.#recycle,
      );
      this.#freeCount += 1;
      this.#made += 1;
    }
  }
}
