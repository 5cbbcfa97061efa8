/** The receiving half of a virtio network device (virtio 1.2, sections 5.1.6.3 and 5.1.6.4). */
import type { DeviceReceiver } from '@runtimejs/net/device.ts';
import type { Memory } from '@runtimejs/net/memory.ts';
import { checksumState, type Packet } from '@runtimejs/net/packet.ts';
import type { NicCounters } from '@runtimejs/nic/counters.ts';
import type { PacketPool } from '@runtimejs/nic/packet-pool.ts';
import type { Features } from '@runtimejs/virtio/features.ts';
import type { Virtqueue } from '@runtimejs/virtio/queue.ts';
import { networkFeature } from './features.ts';
import { headerBytes, headerField, headerFlag, read16, segmentationType } from './header.ts';

/** Left free at the front of a buffer, so that the IP header behind both others is aligned to 4 bytes. */
export const receiveOffset = 6;
const ethernetHeader = 14;
/**
 * How many buffers the device gets at first: making all of them would be half of the driver's start.
 * A device without buffers keeps frames back for a while; when half of them come at once, it gets more.
 */
export const firstBuffers = 64;

/** Keeps the receive queue full, and turns what comes back into packets. */
export class Receiver {
  readonly queue: Virtqueue<Packet>;
  /** What the device did wrong beyond the queue's rules; null as long as it behaves. */
  violation: string | null = null;
  readonly #memory: Memory;
  readonly #pool: PacketPool;
  readonly #counters: NicCounters;
  /** How many buffers the device is to have. */
  #target = firstBuffers;
  #mergeable = false;
  #segmentation4 = false;
  #segmentation6 = false;

  constructor(memory: Memory, queue: Virtqueue<Packet>, pool: PacketPool, counters: NicCounters) {
    this.#memory = memory;
    this.queue = queue;
    this.#pool = pool;
    this.#counters = counters;
  }

  /** Starts afresh with what was agreed with the device. */
  start(features: Features): void {
    this.violation = null;
    this.#mergeable = features.has(networkFeature.mergeableBuffers);
    this.#segmentation4 = features.has(networkFeature.guestTso4);
    this.#segmentation6 = features.has(networkFeature.guestTso6);
  }

  /** Gives the device as many buffers as it is to have, if there are so many. */
  fill(): void {
    const { queue } = this;
    const length = this.#pool.packetSize - receiveOffset;
    while (queue.free > 0 && queue.inFlight < this.#target) {
      const packet = this.#pool.take();
      if (packet === null) break; // the layers above hold them; the next fill() finds some
      if (!queue.submit(packet, packet.deviceAddress + receiveOffset, length, true)) {
        packet.release();
        break;
      }
    }
    queue.flush();
  }

  /**
   * Hands up what came, at most `budget` packets.
   * @returns how many packets it took, dropped ones among them
   */
  poll(budget: number, receiver: DeviceReceiver): number {
    let taken = 0;
    while (taken < budget && this.violation === null) {
      const packet = this.queue.takeUsed();
      if (packet === null) break;
      taken += 1;
      const total = this.#assemble(packet);
      if (total === 0) {
        packet.release();
        continue;
      }
      if (!this.#readHeader(packet)) {
        this.#counters.dropReceivedOffload += 1;
        packet.release();
        continue;
      }
      this.#counters.receivedPackets += 1;
      this.#counters.receivedBytes += total;
      receiver.receive(packet);
    }
    // Frames of several buffers count by their buffers.
    if (2 * this.queue.inFlight <= this.#target) {
      this.#target = Math.min(2 * this.#target, this.queue.size);
    }
    return taken;
  }

  /**
   * Sets the cursors, and links the buffers of a packet that takes several.
   * @returns bytes of the frame, 0 when it is to be dropped
   */
  #assemble(first: Packet): number {
    const length = this.queue.usedLength;
    first.reset(receiveOffset + headerBytes);
    if (length < headerBytes) {
      this.violation = `a received buffer of ${length} bytes, less than the header of each frame`;
      return 0;
    }
    first.end = first.base + receiveOffset + length;
    let total = length - headerBytes;
    if (this.#mergeable) {
      const count = read16(
        this.#memory.bytes,
        first.base + receiveOffset + headerField.bufferCount,
      );
      if (count === 0 || count > this.queue.size) {
        this.violation = `a received frame of ${count} buffers, of ${this.queue.size}`;
        return 0;
      }
      let last = first;
      for (let at = 1; at < count; at++) {
        const packet = this.queue.takeUsed();
        if (packet === null) {
          // A device shows all buffers of a frame at once (5.1.6.4.2), so they never come.
          this.violation ??= `a received frame of ${count} buffers, of which ${at} came`;
          return 0;
        }
        packet.reset(receiveOffset);
        packet.end = packet.start + this.queue.usedLength;
        total += this.queue.usedLength;
        last.next = packet;
        last = packet;
      }
    }
    if (first.end - first.start < ethernetHeader) {
      this.#counters.dropReceivedShort += 1;
      return 0;
    }
    return total;
  }

  /** Reads what the device says about checksum and segmentation. False: nonsense. */
  #readHeader(packet: Packet): boolean {
    const { bytes } = this.#memory;
    const at = packet.base + receiveOffset;
    const flags = bytes[at + headerField.flags] as number;
    const type = bytes[at + headerField.segmentationType] as number;
    if ((flags & headerFlag.needsChecksum) !== 0) {
      const start = packet.start + read16(bytes, at + headerField.checksumStart);
      const offset = read16(bytes, at + headerField.checksumOffset);
      if (start + offset + 2 > packet.end) return false;
      packet.checksum = checksumState.partial;
      packet.checksumStart = start;
      packet.checksumOffset = offset;
    } else if ((flags & headerFlag.dataValid) !== 0) {
      packet.checksum = checksumState.verified;
    }
    if (type === segmentationType.none) return true;
    const plainType = type & ~segmentationType.ecn;
    const isAgreed =
      (plainType === segmentationType.tcp4 && this.#segmentation4) ||
      (plainType === segmentationType.tcp6 && this.#segmentation6);
    packet.segmentSize = read16(bytes, at + headerField.segmentSize);
    return isAgreed && packet.segmentSize > 0;
  }
}
