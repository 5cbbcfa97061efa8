/** Packets that wait for room in a device's ring, oldest first. */
import type { Packet } from '@runtimejs/net/packet.ts';

/** A queue with room for every packet that there may be, so that it never refuses one. */
export class Backlog {
  readonly #packets: (Packet | null)[];
  #head = 0;
  #length = 0;

  /** @param capacity how many packets there may be */
  constructor(capacity: number) {
    this.#packets = new Array<Packet | null>(capacity).fill(null);
  }

  get length(): number {
    return this.#length;
  }

  push(packet: Packet): void {
    this.#packets[(this.#head + this.#length) % this.#packets.length] = packet;
    this.#length += 1;
  }

  /** The oldest packet, which stays; null when there is none. */
  peek(): Packet | null {
    return this.#length === 0 ? null : (this.#packets[this.#head] as Packet);
  }

  /** Drops the oldest packet from the queue: somebody else has it now. */
  shift(): void {
    this.#packets[this.#head] = null;
    this.#head = (this.#head + 1) % this.#packets.length;
    this.#length -= 1;
  }

  /** Releases all. @returns how many there were */
  releaseAll(): number {
    const count = this.#length;
    for (let packet = this.peek(); packet !== null; packet = this.peek()) {
      this.shift();
      packet.release();
    }
    return count;
  }
}
