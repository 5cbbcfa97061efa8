/** A virtio network card, for tests: frames out, frames in, commands. */
import type { FakePlatform } from './fake-platform.ts';
import { type Chain, type DeviceQueue, VirtioModel } from './virtio-device.ts';

const headerBytes = 12;

/** Feature numbers, as the specification has them. */
export const offered = {
  checksum: 0,
  guestChecksum: 1,
  mtu: 3,
  mac: 5,
  guestTso4: 7,
  guestTso6: 8,
  hostTso4: 11,
  hostTso6: 12,
  mergeable: 15,
  status: 16,
  control: 17,
  controlReceive: 18,
  multiqueue: 22,
  indirect: 28,
  eventIndex: 29,
  version1: 32,
} as const;

/** What QEMU offers in front of a TAP device, and more. */
export const allFeatures: readonly number[] = Object.values(offered);
/** The least that a modern device has. */
export const plainFeatures: readonly number[] = [offered.version1, offered.mac];

/** A frame that the driver sent. */
export interface SentFrame {
  readonly header: Uint8Array;
  readonly bytes: Uint8Array;
}

/** What the device says about a frame that it received. */
export interface ReceivedHeader {
  readonly flags?: number;
  readonly type?: number;
  readonly segmentSize?: number;
  readonly checksumStart?: number;
  readonly checksumOffset?: number;
  /** In place of the true number of buffers. */
  readonly bufferCount?: number;
}

export class VirtioNetModel extends VirtioModel {
  readonly sent: SentFrame[] = [];
  readonly commands: Uint8Array[] = [];
  /** Sent frames stay with the device until completeSent(). */
  holdsSent = false;
  /** What the device answers to a command. */
  answer: (command: Uint8Array) => number = () => 0;
  readonly #held: Chain[] = [];

  constructor(platform: FakePlatform, features: readonly number[] = allFeatures, queueSize = 256) {
    const configuration = new Uint8Array(12);
    configuration.set([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
    configuration[6] = 1;
    configuration[8] = 1;
    new DataView(configuration.buffer).setUint16(10, 1500, true);
    const queues = [queueSize, queueSize, ...(features.includes(offered.control) ? [64] : [])];
    super(platform, { type: 1, features, queues, configuration });
    this.onNotify = (queue) => this.#run(queue);
  }

  /** A queue that must exist. */
  queue(index: number): DeviceQueue {
    return this.queues[index] as DeviceQueue;
  }

  setLink(up: boolean): void {
    this.changeConfiguration((bytes) => {
      bytes[6] = up ? 1 : 0;
    });
  }

  /** Puts a frame into receive buffers. @returns false when the driver has none there */
  receive(frame: Uint8Array, header: ReceivedHeader = {}): boolean {
    const queue = this.queue(0);
    const { bytes } = this.platform.memory;
    const chains: { id: number; length: number }[] = [];
    let done = 0;
    let headerOffset = 0;
    do {
      const chain = queue.pop();
      if (chain === null) return false;
      const part = chain.parts[0];
      if (part === undefined || !part.deviceWrites) throw new Error('no buffer to receive into');
      const skip = chains.length === 0 ? headerBytes : 0;
      if (chains.length === 0) headerOffset = part.offset;
      const length = Math.min(part.length - skip, frame.length - done);
      bytes.set(frame.subarray(done, done + length), part.offset + skip);
      done += length;
      chains.push({ id: chain.id, length: skip + length });
    } while (done < frame.length);
    this.#writeHeader(headerOffset, header, chains.length);
    for (const chain of chains) queue.push(chain.id, chain.length);
    queue.publish();
    queue.wantNotifications(queue.waiting === 0);
    return true;
  }

  #writeHeader(at: number, header: ReceivedHeader, count: number): void {
    const { view } = this;
    view.setUint8(at, header.flags ?? 0);
    view.setUint8(at + 1, header.type ?? 0);
    view.setUint16(at + 2, 0, true);
    view.setUint16(at + 4, header.segmentSize ?? 0, true);
    view.setUint16(at + 6, header.checksumStart ?? 0, true);
    view.setUint16(at + 8, header.checksumOffset ?? 0, true);
    view.setUint16(at + 10, header.bufferCount ?? count, true);
  }

  /** Hands back sent frames that were held. */
  completeSent(count = this.#held.length): void {
    const queue = this.queue(1);
    for (const chain of this.#held.splice(0, count)) queue.push(chain.id, 0);
    queue.publish();
  }

  get held(): number {
    return this.#held.length;
  }

  override writeStatus(status: number): void {
    super.writeStatus(status);
    if (status === 0 && !this.faults.neverResets) this.#held.length = 0;
  }

  #run(queue: DeviceQueue): void {
    if (queue.index === 1) this.#send(queue);
    else if (queue.index === 2) this.#control(queue);
  }

  #send(queue: DeviceQueue): void {
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) {
      const all = chain.parts.flatMap((part) => {
        if (part.deviceWrites) throw new Error('a buffer to be sent that the device may write');
        return [...this.platform.memory.bytes.subarray(part.offset, part.offset + part.length)];
      });
      this.sent.push({
        header: Uint8Array.from(all.slice(0, headerBytes)),
        bytes: Uint8Array.from(all.slice(headerBytes)),
      });
      this.#held.push(chain);
    }
    queue.wantNotifications(true);
    if (!this.holdsSent) this.completeSent();
  }

  #control(queue: DeviceQueue): void {
    for (let chain = queue.pop(); chain !== null; chain = queue.pop()) {
      const reply = chain.parts.at(-1);
      if (reply?.deviceWrites !== true) throw new Error('a command without room for an answer');
      const command = chain.parts
        .filter((part) => !part.deviceWrites)
        .flatMap((part) => [
          ...this.platform.memory.bytes.subarray(part.offset, part.offset + part.length),
        ]);
      this.commands.push(Uint8Array.from(command));
      this.platform.memory.bytes[reply.offset] = this.answer(Uint8Array.from(command));
      queue.push(chain.id, 1);
    }
    queue.wantNotifications(true);
    queue.publish();
  }
}
