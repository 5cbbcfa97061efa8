/**
 * The sending half of a virtio network device (virtio 1.2, sections 5.1.6.1 and 5.1.6.2).
 *
 * Sent packets are taken back when the stack polls, or when packets run short; an interrupt is asked
 * for only when somebody waits for them. What finds the queue full waits in a backlog.
 */

import { packetHeadroom } from '@runtimejs/net/device.ts';
import type { Memory } from '@runtimejs/net/memory.ts';
import { checksumState, type Packet } from '@runtimejs/net/packet.ts';
import { Backlog } from '@runtimejs/nic/backlog.ts';
import type { NicCounters } from '@runtimejs/nic/counters.ts';
import type { PacketPool } from '@runtimejs/nic/packet-pool.ts';
import type { Features } from '@runtimejs/virtio/features.ts';
import type { Virtqueue } from '@runtimejs/virtio/queue.ts';
import { networkFeature } from './features.ts';
import { emitOffload, emitPlain, headerBytes, segmentationType } from './header.ts';

const ethernetHeader = 14;
/** Offsets in a frame and in a TCP header. */
const etherTypeAt = 12;
const tcpDataOffsetAt = 12;
const etherTypeHigh = { ipv4: 0x08, ipv6: 0x86 } as const;

/** Sends packets. */
export class Transmitter {
  readonly queue: Virtqueue<Packet>;
  readonly #memory: Memory;
  readonly #small: PacketPool;
  readonly #large: PacketPool | null;
  readonly #counters: NicCounters;
  /** Packets that found the queue full. */
  readonly #backlog: Backlog;
  /** allocate() failed since packets last came back. */
  #isDry = false;
  #canChecksum = false;
  #canSegment4 = false;
  #canSegment6 = false;

  /** @param limit how many packets both pools make at most */
  constructor(
    memory: Memory,
    queue: Virtqueue<Packet>,
    pools: {
      readonly small: PacketPool;
      readonly large: PacketPool | null;
      readonly limit: number;
    },
    counters: NicCounters,
  ) {
    this.#memory = memory;
    this.queue = queue;
    this.#small = pools.small;
    this.#large = pools.large;
    this.#counters = counters;
    this.#backlog = new Backlog(pools.limit);
  }

  /** Starts afresh with what was agreed with the device. */
  start(features: Features): void {
    this.#isDry = false;
    this.#canChecksum = features.has(networkFeature.checksum);
    this.#canSegment4 = features.has(networkFeature.hostTso4);
    this.#canSegment6 = features.has(networkFeature.hostTso6);
  }

  /** Somebody waits for packets to come back. */
  get isShort(): boolean {
    return this.#isDry || this.#backlog.length > 0;
  }

  /** NetworkDevice.allocate(). */
  allocate(size: number): Packet | null {
    const needed = packetHeadroom + size;
    const pool = needed <= this.#small.packetSize ? this.#small : this.#large;
    if (pool === null || needed > pool.packetSize) {
      this.#counters.dropSendLength += 1;
      return null;
    }
    let packet = pool.take();
    if (packet === null) {
      this.reclaim();
      packet = pool.take();
      if (packet === null) {
        this.#isDry = true;
        this.#counters.dropSendNoBuffer += 1;
        return null;
      }
    }
    packet.reset(packetHeadroom);
    return packet;
  }

  /** Writes the header and hands the packet to the queue, or to the backlog. */
  transmit(packet: Packet): void {
    if (!this.#emitHeader(packet)) {
      packet.release();
      return;
    }
    if (this.#backlog.length > 0 || !this.#submit(packet)) {
      // Sent ones may have come back; then there is room, in order.
      this.#backlog.push(packet);
      this.reclaim();
    }
  }

  flush(): void {
    this.queue.flush();
  }

  /** Takes back what was sent, and moves the backlog on. */
  reclaim(): void {
    const { queue } = this;
    let didReclaim = false;
    for (let packet = queue.takeUsed(); packet !== null; packet = queue.takeUsed()) {
      packet.release();
      didReclaim = true;
    }
    if (!didReclaim && queue.free === 0) return;
    if (didReclaim) this.#isDry = false;
    for (let packet = this.#backlog.peek(); packet !== null; packet = this.#backlog.peek()) {
      if (!this.#submit(packet)) break;
      this.#backlog.shift();
    }
  }

  /**
   * Before the stack sleeps: asks for an interrupt if somebody waits for packets.
   * @returns true when some came back already
   */
  arm(): boolean {
    if (this.isShort && this.queue.inFlight > 0) {
      // Half of them at once: one interrupt for many packets.
      return this.queue.enableInterrupts(Math.max(1, this.queue.inFlight >> 1));
    }
    if (this.queue.interruptsOn) this.queue.disableInterrupts();
    return false;
  }

  /** Throws away what waits, after the device has stopped. */
  dropBacklog(): void {
    this.#counters.dropSendDown += this.#backlog.releaseAll();
  }

  #submit(packet: Packet): boolean {
    const length = packet.end - packet.start;
    const address = packet.deviceAddress + (packet.start - headerBytes - packet.base);
    if (!this.queue.submit(packet, address, length + headerBytes, false)) return false;
    this.#counters.sentPackets += 1;
    this.#counters.sentBytes += length;
    return true;
  }

  /** Writes the header into the packet's headroom. False, and counted, when it cannot be sent. */
  #emitHeader(packet: Packet): boolean {
    const { bytes } = this.#memory;
    const { start, end } = packet;
    const at = start - headerBytes;
    if (end - start < ethernetHeader || at < packet.base || packet.next !== null) {
      this.#counters.dropSendLength += 1;
      return false;
    }
    if (packet.checksum !== checksumState.partial) {
      if (packet.segmentSize !== 0) {
        this.#counters.dropSendOffload += 1;
        return false;
      }
      emitPlain(bytes, at);
      return true;
    }
    const transport = packet.checksumStart;
    if (
      !this.#canChecksum ||
      transport < start + ethernetHeader ||
      transport + packet.checksumOffset + 2 > end
    ) {
      this.#counters.dropSendOffload += 1;
      return false;
    }
    let type: number = segmentationType.none;
    let headerLength = 0;
    let segmentSize = 0;
    if (packet.segmentSize !== 0) {
      headerLength = transport - start + ((bytes[transport + tcpDataOffsetAt] as number) >> 4) * 4;
      // What fits one segment goes out as an ordinary frame.
      if (end - start - headerLength > packet.segmentSize) {
        segmentSize = packet.segmentSize;
        const high = bytes[start + etherTypeAt] as number;
        if (high === etherTypeHigh.ipv4 && this.#canSegment4) type = segmentationType.tcp4;
        else if (high === etherTypeHigh.ipv6 && this.#canSegment6) type = segmentationType.tcp6;
        else {
          this.#counters.dropSendOffload += 1;
          return false;
        }
      } else {
        headerLength = 0;
      }
    }
    emitOffload(
      bytes,
      at,
      transport - start,
      packet.checksumOffset,
      type,
      headerLength,
      segmentSize,
    );
    return true;
  }
}
