/** The ring of receive descriptors, in their legacy format (3.2.3). */
import type { DeviceReceiver } from '@runtimejs/net/device.ts';
import { checksumState, type Packet } from '@runtimejs/net/packet.ts';
import type { NicCounters } from '@runtimejs/nic/counters.ts';
import type { DmaSource } from '@runtimejs/nic/dma-owner.ts';
import type { PacketPool } from '@runtimejs/nic/packet-pool.ts';
import type { DmaMemory } from '@runtimejs/platform/platform.ts';
import type { Card } from './card.ts';
import { descriptorBytes, receiveStatus, register } from './registers.ts';

/** Bytes of a buffer, as RCTL says. */
export const receiveBufferBytes = 2048;
/** An Ethernet header without content is no frame. */
const shortestFrame = 14;

/** Buffers that wait for frames, in the order in which the card fills them. */
export class ReceiveRing {
  readonly size: number;
  /** What the card did wrong, in words; null as long as it behaves. */
  violation: string | null = null;
  readonly #card: Card;
  readonly #memory: DmaMemory;
  readonly #pool: PacketPool;
  readonly #counters: NicCounters;
  readonly #packets: (Packet | null)[] = [];
  /** The descriptor that the card fills next, and the first without a buffer. */
  #next = 0;
  #tail = 0;
  /** In a frame of several buffers, which cannot be one of ours: dropped to its end. */
  #isSkipping = false;

  /** @param size a multiple of 8. Throws when there is no memory. */
  constructor(card: Card, dma: DmaSource, size: number, pool: PacketPool, counters: NicCounters) {
    this.size = size;
    this.#card = card;
    this.#memory = dma.allocateDma(size * descriptorBytes);
    this.#pool = pool;
    this.#counters = counters;
    for (let index = 0; index < size; index++) this.#packets.push(null);
  }

  /** Gives the ring to the card, which was just reset, and fills it. */
  start(): void {
    const address = this.#memory.deviceAddress;
    this.#memory.words.fill(0);
    this.#next = 0;
    this.#tail = 0;
    this.violation = null;
    this.#isSkipping = false;
    this.#card.write(register.receiveBaseLow, address % 2 ** 32);
    this.#card.write(register.receiveBaseHigh, Math.floor(address / 2 ** 32));
    this.#card.write(register.receiveLength, this.size * descriptorBytes);
    this.#card.write(register.receiveHead, 0);
    this.#card.write(register.receiveTail, 0);
    this.#card.write(register.receiveDelay, 0);
  }

  /** Gives the card every buffer that is free; one descriptor stays empty, or head and tail would meet. */
  fill(): void {
    const { words } = this.#memory;
    const before = this.#tail;
    for (;;) {
      const next = this.#tail + 1 === this.size ? 0 : this.#tail + 1;
      if (next === this.#next) break;
      const packet = this.#pool.take();
      if (packet === null) break; // the layers above hold them; the next fill() finds some
      const word = this.#tail << 2;
      const high = Math.floor(packet.deviceAddress / 0x1_0000_0000);
      words[word] = packet.deviceAddress - high * 0x1_0000_0000;
      words[word + 1] = high;
      words[word + 2] = 0;
      words[word + 3] = 0;
      this.#packets[this.#tail] = packet;
      this.#tail = next;
    }
    if (this.#tail !== before) this.#card.write(register.receiveTail, this.#tail);
  }

  /** A frame has come that poll() has not taken. */
  get hasReceived(): boolean {
    if (this.#next === this.#tail || this.violation !== null) return false;
    return (Atomics.load(this.#memory.words, (this.#next << 2) + 3) & receiveStatus.done) !== 0;
  }

  /**
   * Hands up what came, at most `budget` frames.
   * @returns how many buffers it took, dropped ones among them
   */
  poll(budget: number, receiver: DeviceReceiver): number {
    const { words } = this.#memory;
    let taken = 0;
    while (taken < budget && this.#next !== this.#tail && this.violation === null) {
      const word = this.#next << 2;
      const state = Atomics.load(words, word + 3);
      if ((state & receiveStatus.done) === 0) break;
      taken += 1;
      const length = (words[word + 2] as number) & 0xffff;
      const packet = this.#packets[this.#next] as Packet;
      this.#packets[this.#next] = null;
      this.#next = this.#next + 1 === this.size ? 0 : this.#next + 1;
      if (length > receiveBufferBytes) {
        this.violation = `a frame of ${length} bytes in a buffer of ${receiveBufferBytes}`;
        packet.release();
        break;
      }
      if (this.#accept(packet, state, length)) {
        this.#counters.receivedPackets += 1;
        this.#counters.receivedBytes += length;
        receiver.receive(packet);
      } else {
        packet.release();
      }
    }
    return taken;
  }

  /** Releases all buffers; the card must have been reset. */
  drain(): void {
    for (const [index, packet] of this.#packets.entries()) {
      if (packet === null) continue;
      this.#packets[index] = null;
      packet.release();
    }
    this.#next = this.#tail;
  }

  /** Sets the cursors. False, and counted, when the frame is to be dropped. */
  #accept(packet: Packet, state: number, length: number): boolean {
    const isEnd = (state & receiveStatus.endOfPacket) !== 0;
    if (!isEnd || this.#isSkipping) {
      if (isEnd) this.#counters.dropReceivedDamaged += 1;
      this.#isSkipping = !isEnd;
      return false;
    }
    if ((state & receiveStatus.damaged) !== 0) {
      this.#counters.dropReceivedDamaged += 1;
      return false;
    }
    if (length < shortestFrame) {
      this.#counters.dropReceivedShort += 1;
      return false;
    }
    packet.reset(0);
    packet.end = packet.start + length;
    const isVerified =
      (state & receiveStatus.ignoreChecksum) === 0 &&
      (state & receiveStatus.transportChecked) !== 0 &&
      (state & receiveStatus.transportError) === 0;
    if (isVerified) packet.checksum = checksumState.verified;
    return true;
  }
}
