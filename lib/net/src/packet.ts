/** Packets: buffers in shared memory with cursors, owned by the device that made them and reused. */

/** What is known about the transport checksum of a packet. */
export const checksumState = {
  /** Nothing: the receiver verifies it; the sender has filled it in. */
  none: 0,
  /** The device verified it. */
  verified: 1,
  /** Only the pseudo-header's sum is in place; the bytes from `checksumStart` are to be added by the
   * device, or, on receipt, never left this machine and need no check. */
  partial: 2,
} as const;

/** A buffer. Whoever holds it owns it, until it is passed on or released. */
export class Packet {
  /** Offset of the buffer in memory, and its size in bytes. */
  readonly base: number;
  readonly capacity: number;
  /** Where devices see the buffer. */
  readonly deviceAddress: number;
  /** The content: offsets in memory, base <= start <= end <= base + capacity. Layers move `start`. */
  start = 0;
  end = 0;
  /** One of checksumState. */
  checksum: number = checksumState.none;
  /** With `partial`: offset in memory of the first byte summed, and from there to the checksum. */
  checksumStart = 0;
  checksumOffset = 0;
  /** Not 0: cut the TCP payload into segments of this many bytes (TCP segmentation offload), or, on
   * receipt, the packet was put together from segments of this size. */
  segmentSize = 0;
  /** The rest of a received packet that takes several buffers; only payload is there. */
  next: Packet | null = null;
  readonly #recycle: (packet: Packet) => void;

  /** @param recycle takes the packet back; called by release() */
  constructor(
    base: number,
    capacity: number,
    deviceAddress: number,
    recycle: (packet: Packet) => void,
  ) {
    this.base = base;
    this.capacity = capacity;
    this.deviceAddress = deviceAddress;
    this.#recycle = recycle;
  }

  /** Bytes in this buffer, `next` left out. */
  get length(): number {
    return this.end - this.start;
  }

  /** Makes it an empty packet with `headroom` bytes before its content. */
  reset(headroom: number): void {
    this.start = this.base + headroom;
    this.end = this.start;
    this.checksum = checksumState.none;
    this.segmentSize = 0;
    this.next = null;
  }

  /** Gives the buffer, and those after it, back to the device. */
  release(): void {
    let packet: Packet | null = this;
    while (packet !== null) {
      const next: Packet | null = packet.next;
      packet.next = null;
      packet.#recycle(packet);
      packet = next;
    }
  }
}
