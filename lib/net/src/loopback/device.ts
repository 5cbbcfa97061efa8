/** The loopback device: what is sent is received in the next poll. */
import type { DeviceReceiver, NetworkDevice, Offloads } from '../device.ts';
import type { Counters } from '../environment.ts';
import type { PacketPool } from '../ip/pool.ts';
import type { Packet } from '../packet.ts';

/** Packets that wait to be received; more than a few full windows are a sender out of control. */
const queueMaximum = 4096;

/** The device behind `lo`. */
export class LoopbackDevice implements NetworkDevice {
  readonly name = 'loopback';
  readonly kind = 'loopback';
  readonly hardwareAddress: Uint8Array = new Uint8Array(6);
  readonly mtu = 65_536;
  /** No bytes leave memory, so no checksum is needed; packets are large enough without segmentation. */
  readonly offloads: Offloads = { transmitChecksum: true, segmentation4: 0, segmentation6: 0 };
  readonly linkUp = true;
  readonly counters: Counters = { sent: 0, dropQueueFull: 0, dropNoBuffer: 0 };
  readonly #pool: PacketPool;
  readonly #queue: (Packet | null)[] = new Array<null>(queueMaximum).fill(null);
  #head = 0;
  #length = 0;
  #receiver: DeviceReceiver | null = null;

  constructor(pool: PacketPool) {
    this.#pool = pool;
  }

  attach(receiver: DeviceReceiver): void {
    this.#receiver = receiver;
  }

  allocate(size: number): Packet | null {
    const packet = this.#pool.allocate(size);
    if (packet === null) this.#count('dropNoBuffer');
    return packet;
  }

  transmit(packet: Packet): void {
    if (this.#length === queueMaximum) {
      this.#count('dropQueueFull');
      packet.release();
      return;
    }
    this.#queue[(this.#head + this.#length) % queueMaximum] = packet;
    this.#length += 1;
    this.#count('sent');
  }

  flush(): void {
    // transmit() has done it all.
  }

  poll(budget: number): boolean {
    // What receivers send meanwhile waits for the next turn, so that two ends cannot keep each other here.
    let left = Math.min(budget, this.#length);
    while (left > 0) {
      const packet = this.#queue[this.#head] as Packet;
      this.#queue[this.#head] = null;
      this.#head = (this.#head + 1) % queueMaximum;
      this.#length -= 1;
      left -= 1;
      if (this.#receiver === null) packet.release();
      else this.#receiver.receive(packet);
    }
    return this.#length > 0;
  }

  armInterrupt(on: boolean): boolean {
    return on && this.#length > 0;
  }

  setMulticast(): void {
    // Everything that is sent is received.
  }

  #count(name: string): void {
    this.counters[name] = (this.counters[name] as number) + 1;
  }
}
