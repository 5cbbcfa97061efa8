/**
 * The ring of transmit descriptors: extended ones (3.3.6, 3.3.7), of which a context descriptor says
 * where checksums go and stays in force until the next, and a data descriptor names a frame.
 */
import { packetHeadroom } from '@runtimejs/net/device.ts';
import { checksumState, type Packet } from '@runtimejs/net/packet.ts';
import { Backlog } from '@runtimejs/nic/backlog.ts';
import type { NicCounters } from '@runtimejs/nic/counters.ts';
import type { DmaSource } from '@runtimejs/nic/dma-owner.ts';
import type { PacketPool } from '@runtimejs/nic/packet-pool.ts';
import type { DmaMemory } from '@runtimejs/platform/platform.ts';
import type { Card } from './card.ts';
import { descriptorBytes, register, transmitCommand, transmitStatus } from './registers.ts';

const ethernetHeader = 14;

/** Frames on their way out. */
export class TransmitRing {
  readonly size: number;
  readonly #card: Card;
  readonly #memory: DmaMemory;
  readonly #pool: PacketPool;
  readonly #counters: NicCounters;
  readonly #longestFrame: number;
  /** The packet of a data descriptor; null for a context descriptor and for a free one. */
  readonly #packets: (Packet | null)[] = [];
  readonly #backlog: Backlog;
  /** The oldest descriptor that the card may still use, the next to write, and what the card was told. */
  #oldest = 0;
  #next = 0;
  #told = 0;
  /** allocate() failed since packets last came back. */
  #isDry = false;
  /** What the context in force says; -1: there is none. */
  #contextStart = -1;
  #contextOffset = -1;

  /**
   * @param size a multiple of 8
   * @param limit how many packets the pool makes at most
   * Throws when there is no memory.
   */
  constructor(
    card: Card,
    dma: DmaSource,
    size: number,
    pool: PacketPool,
    limit: number,
    mtu: number,
    counters: NicCounters,
  ) {
    this.size = size;
    this.#card = card;
    this.#memory = dma.allocateDma(size * descriptorBytes);
    this.#pool = pool;
    this.#counters = counters;
    this.#longestFrame = mtu + ethernetHeader;
    this.#backlog = new Backlog(limit);
    for (let index = 0; index < size; index++) this.#packets.push(null);
  }

  /** Gives the ring to the card, which was just reset. */
  start(): void {
    const address = this.#memory.deviceAddress;
    this.#memory.words.fill(0);
    this.#oldest = 0;
    this.#next = 0;
    this.#told = 0;
    this.#isDry = false;
    this.#contextStart = -1;
    this.#contextOffset = -1;
    this.#card.write(register.transmitBaseLow, address % 2 ** 32);
    this.#card.write(register.transmitBaseHigh, Math.floor(address / 2 ** 32));
    this.#card.write(register.transmitLength, this.size * descriptorBytes);
    this.#card.write(register.transmitHead, 0);
    this.#card.write(register.transmitTail, 0);
  }

  /** Somebody waits for packets to come back. */
  get isShort(): boolean {
    return this.#isDry || this.#backlog.length > 0;
  }

  /** The card has frames that it has not reported as sent. */
  get isBusy(): boolean {
    return this.#oldest !== this.#next;
  }

  /** NetworkDevice.allocate(). */
  allocate(size: number): Packet | null {
    if (packetHeadroom + size > this.#pool.packetSize) {
      this.#counters.dropSendLength += 1;
      return null;
    }
    let packet = this.#pool.take();
    if (packet === null) {
      this.reclaim();
      packet = this.#pool.take();
      if (packet === null) {
        this.#isDry = true;
        this.#counters.dropSendNoBuffer += 1;
        return null;
      }
    }
    packet.reset(packetHeadroom);
    return packet;
  }

  /** Puts a packet into the ring, or into the backlog. */
  transmit(packet: Packet): void {
    if (!this.#check(packet)) {
      packet.release();
      return;
    }
    if (this.#backlog.length > 0 || !this.#submit(packet)) {
      this.#backlog.push(packet);
      this.reclaim();
    }
  }

  /** Tells the card of what was put into the ring since the last flush. */
  flush(): void {
    if (this.#told === this.#next) return;
    this.#told = this.#next;
    this.#card.write(register.transmitTail, this.#next);
  }

  /** Takes back what the card has sent, and moves the backlog on. */
  reclaim(): void {
    const { words } = this.#memory;
    while (this.#oldest !== this.#told) {
      // A context descriptor goes with the data descriptor behind it.
      let data = this.#oldest;
      if (this.#packets[data] === null) data = this.#after(data);
      if ((Atomics.load(words, (data << 2) + 3) & transmitStatus.done) === 0) break;
      const packet = this.#packets[data] as Packet;
      this.#packets[data] = null;
      this.#oldest = this.#after(data);
      this.#isDry = false;
      packet.release();
    }
    for (let packet = this.#backlog.peek(); packet !== null; packet = this.#backlog.peek()) {
      if (!this.#submit(packet)) break;
      this.#backlog.shift();
    }
  }

  /** Sent packets can be reclaimed. */
  get hasSent(): boolean {
    if (this.#oldest === this.#told) return false;
    let data = this.#oldest;
    if (this.#packets[data] === null) data = this.#after(data);
    return (Atomics.load(this.#memory.words, (data << 2) + 3) & transmitStatus.done) !== 0;
  }

  /** Tells the card again where the ring ends, should it have missed it. */
  kick(): void {
    this.#card.write(register.transmitTail, this.#told);
  }

  /** Where the oldest unsent frame is: it does not move as long as the card is stuck. */
  get progress(): number {
    return this.#oldest;
  }

  /** Releases all packets; the card must have been reset. */
  drain(): void {
    for (const [index, packet] of this.#packets.entries()) {
      if (packet === null) continue;
      this.#packets[index] = null;
      packet.release();
    }
    this.#oldest = this.#next;
    this.#told = this.#next;
  }

  /** Throws away what waits, after the card has stopped. */
  dropBacklog(): void {
    this.#counters.dropSendDown += this.#backlog.releaseAll();
  }

  #after(index: number): number {
    return index + 1 === this.size ? 0 : index + 1;
  }

  /** False, and counted, when the packet cannot be sent. */
  #check(packet: Packet): boolean {
    const length = packet.end - packet.start;
    if (length < ethernetHeader || length > this.#longestFrame || packet.next !== null) {
      this.#counters.dropSendLength += 1;
      return false;
    }
    if (packet.segmentSize !== 0) {
      this.#counters.dropSendOffload += 1;
      return false;
    }
    if (packet.checksum !== checksumState.partial) return true;
    const start = packet.checksumStart - packet.start;
    const at = start + packet.checksumOffset;
    // Both go into a byte.
    if (start < ethernetHeader || at > 255 || at + 2 > length) {
      this.#counters.dropSendOffload += 1;
      return false;
    }
    return true;
  }

  /** Writes the descriptors of a packet. False: there is no room. */
  #submit(packet: Packet): boolean {
    const isPartial = packet.checksum === checksumState.partial;
    const start = packet.checksumStart - packet.start;
    const needsContext =
      isPartial && (start !== this.#contextStart || packet.checksumOffset !== this.#contextOffset);
    const used = (this.#next - this.#oldest + this.size) % this.size;
    if (used + (needsContext ? 2 : 1) > this.size - 1) return false;
    if (needsContext) this.#writeContext(start, packet.checksumOffset);

    const { words } = this.#memory;
    const word = this.#next << 2;
    const length = packet.end - packet.start;
    const address = packet.deviceAddress + (packet.start - packet.base);
    const high = Math.floor(address / 0x1_0000_0000);
    words[word] = address - high * 0x1_0000_0000;
    words[word + 1] = high;
    words[word + 2] =
      length |
      transmitCommand.data |
      transmitCommand.extended |
      transmitCommand.endOfPacket |
      transmitCommand.insertFrameChecksum |
      transmitCommand.reportStatus;
    words[word + 3] = isPartial ? transmitStatus.insertTransport : 0;
    this.#packets[this.#next] = packet;
    this.#next = this.#after(this.#next);
    this.#counters.sentPackets += 1;
    this.#counters.sentBytes += length;
    return true;
  }

  /** A context: the transport checksum of the frames that follow. */
  #writeContext(start: number, offset: number): void {
    const { words } = this.#memory;
    const word = this.#next << 2;
    words[word] = 0; // no IP checksum
    // From `start` to the frame's end (0), to be put at `start + offset`.
    words[word + 1] = start | ((start + offset) << 8);
    words[word + 2] = transmitCommand.extended;
    words[word + 3] = 0;
    this.#packets[this.#next] = null;
    this.#next = this.#after(this.#next);
    this.#contextStart = start;
    this.#contextOffset = offset;
  }
}
