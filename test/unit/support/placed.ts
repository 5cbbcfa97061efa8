/** A placed network driver's two sides in one process: the card as the stack sees it, and what its driver can do. */
import type { Memory } from '@runtimejs/net/memory.ts';
import { Packet } from '@runtimejs/net/packet.ts';
import { FrameReader, FrameWriter } from '@runtimejs/placement/frame-ring.ts';
import { PlacedNetworkDevice } from '@runtimejs/placement/network-device.ts';
import { networkMemory, networkRings } from '@runtimejs/placement/network-layout.ts';
import { ringAt } from '@runtimejs/placement/ring.ts';
import { FakePlatform } from '@runtimejs/platform/fake.ts';
import type { Channel } from '@runtimejs/rpc/channel.ts';
import { type MemoryChannel, memoryChannels } from '@runtimejs/rpc/channels/memory.ts';
import type { SystemContext } from '@runtimejs/system/compose.ts';
import { Switchboard } from '@runtimejs/system/service/switchboard.ts';
import { Upper } from './upper.ts';

/** A ring holds so many empty frames, of which 64 are taken in a turn, and a few turns more. */
const mostTurns = 2 ** 20 / 16 / 64 + 100;

/** A stretch of memory. */
export interface Range {
  readonly offset: number;
  readonly size: number;
}

/** Memory that throws when a copy leaves the stretch that it began in: the shared block, or what is not shared. */
class FencedMemory implements Memory {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly #memory: Memory;
  readonly #block: Range;

  constructor(memory: Memory, block: Range) {
    this.bytes = memory.bytes;
    this.words = memory.words;
    this.#memory = memory;
    this.#block = block;
  }

  copy(to: number, from: number, length: number): void {
    this.#check(to, length);
    this.#check(from, length);
    this.#memory.copy(to, from, length);
  }

  checksum(offset: number, length: number, sum: number): number {
    this.#check(offset, length);
    return this.#memory.checksum(offset, length, sum);
  }

  #check(at: number, length: number): void {
    const { offset, size } = this.#block;
    const isIn = at >= offset && at + length <= offset + size;
    const isOut = at + length <= offset || at >= offset + size;
    const isMemory = at >= 0 && length >= 0 && at + length <= this.bytes.length;
    if (!isMemory || !(isIn || isOut)) throw new RangeError(`${length} bytes at ${at}`);
  }
}

/** Texts, as the shim's bindings have them. */
export const texts = {
  encodeUtf8: (text: string): Uint8Array => new TextEncoder().encode(text),
  decodeUtf8: (bytes: Uint8Array): string => new TextDecoder().decode(bytes),
};

/** The card, its driver's side, and an event loop. */
export class PlacedBench {
  readonly platform = new FakePlatform(12 * 2 ** 20);
  readonly memory: Memory;
  readonly block: Range;
  readonly device: PlacedNetworkDevice;
  readonly upper = new Upper();
  /** Why lives were ended. */
  readonly violations: string[] = [];
  /** The driver's side of this life. */
  channel!: MemoryChannel;
  received!: FrameWriter;
  sent!: FrameReader;
  #later: (() => void)[] = [];

  constructor() {
    this.block = this.platform.allocateDma(networkMemory);
    this.memory = new FencedMemory(this.platform.memory, this.block);
    const { platform, memory } = this;
    const bindings = { text: texts } as unknown as SystemContext['bindings'];
    this.device = new PlacedNetworkDevice(
      'placed0',
      {
        hardwareAddress: Uint8Array.of(2, 0, 0, 0, 0, 1),
        mtu: 1500,
        offloads: { transmitChecksum: true, segmentation4: 65_535, segmentation6: 65_535 },
      },
      memory,
      {
        bindings,
        platform,
        memory,
        services: [],
        parts: [],
        switchboard: new Switchboard(),
        life: () => undefined,
        log: (level, text) => platform.log(level, text),
      },
    );
    this.device.attach(this.upper);
    this.device.onViolation = (reason) => this.violations.push(reason);
    this.begin();
  }

  /** A life of the driver begins, in zeroed memory. */
  begin(): void {
    const { offset, size } = this.block;
    this.memory.bytes.fill(0, offset, offset + size);
    const carries = (value: object): boolean => 'close' in value;
    const [ours, theirs] = memoryChannels({ later: (run) => this.#later.push(run), carries });
    this.channel = theirs;
    this.received = new FrameWriter(this.memory, ringAt(networkRings.received, offset));
    this.sent = new FrameReader(this.memory, ringAt(networkRings.sent, offset));
    this.device.started(ours as Channel, { id: 1, offset, size });
    theirs.start({ readable() {}, writable() {}, closed() {} });
  }

  /** The driver says something. @param kind the first byte */
  say(message: unknown, kind = 2): void {
    const content = typeof message === 'string' ? message : JSON.stringify(message);
    this.channel.send(Uint8Array.of(kind, ...texts.encodeUtf8(content)));
    this.turn();
  }

  /** Runs what waits in the event loop. */
  turn(): void {
    while (this.#later.length > 0) {
      const due = this.#later;
      this.#later = [];
      for (const run of due) run();
    }
  }

  /** A packet outside of the shared block, with these bytes. */
  packet(bytes: Uint8Array): Packet {
    const at = this.memory.bytes.length - 70_000;
    this.memory.bytes.set(bytes, at);
    const packet = new Packet(at, 70_000, 0, () => {});
    packet.reset(0);
    packet.end = at + bytes.length;
    return packet;
  }

  /** The driver has received a frame. */
  arrive(bytes: Uint8Array): boolean {
    const isTaken = this.received.push(this.packet(bytes));
    this.received.publish();
    return isTaken;
  }

  /** The stack sends a frame. @returns false when there is no packet for it */
  transmit(bytes: Uint8Array): boolean {
    const packet = this.device.allocate(bytes.length);
    if (packet === null) return false;
    packet.end = packet.start + bytes.length;
    this.memory.bytes.set(bytes, packet.start);
    this.device.transmit(packet);
    this.device.flush();
    return true;
  }

  /** Polls as the stack does until it may sleep. @throws Error when that never comes */
  poll(): void {
    for (let turns = 0; turns < mostTurns; turns++) {
      const more = this.device.poll(64);
      this.turn();
      if (!more && !this.device.armInterrupt(true)) return;
    }
    throw new Error('The stack never sleeps.');
  }

  /** The bytes of what the stack has received. */
  takeReceived(): Uint8Array[] {
    return this.upper.packets.splice(0).map((packet) => {
      const parts: number[] = [];
      for (let each: Packet | null = packet; each !== null; each = each.next) {
        parts.push(...this.memory.bytes.subarray(each.start, each.end));
      }
      packet.release();
      return Uint8Array.from(parts);
    });
  }
}
