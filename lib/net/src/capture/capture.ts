/**
 * Records what devices send and receive, as a pcapng file: `capture.wrap(device)` is a device that does
 * what the device does, and takes copies.
 */
import type { NetworkDevice } from '../device.ts';
import { DeviceDecorator } from '../device-decorator.ts';
import type { Clock } from '../environment.ts';
import type { Memory } from '../memory.ts';
import { checksumState, type Packet } from '../packet.ts';
import { BlockRing } from './block-ring.ts';
import {
  direction,
  interfaceDescription,
  interfaceStatistics,
  linkType,
  packetBlockSize,
  packetDataOffset,
  putPacketBlock,
  sectionHeader,
} from './pcapng.ts';

/** How much is recorded. */
export interface CaptureOptions {
  /** Bytes of packets that are kept: the newest. Default 4 MiB. */
  readonly size?: number;
  /** Bytes of each packet that are kept. Default: all. */
  readonly snapLength?: number;
  /** Microseconds since 1970 when the stack's clock was 0. Default 0. */
  readonly epoch?: number;
}

const defaultSize = 4 * 1024 * 1024;
/** As tcpdump has it: larger than any packet. */
const wholePacket = 262144;

/** A recording of any number of devices. */
export class Capture {
  readonly #memory: Memory;
  readonly #clock: Clock;
  readonly #epoch: number;
  readonly #snapLength: number;
  readonly #ring: BlockRing;
  readonly #descriptions: Uint8Array[] = [];
  /** Packets recorded since the start. */
  packets = 0;
  /** Switches recording off and on. */
  enabled = true;

  constructor(memory: Memory, clock: Clock, options: CaptureOptions = {}) {
    this.#memory = memory;
    this.#clock = clock;
    this.#epoch = options.epoch ?? 0;
    this.#snapLength = options.snapLength ?? wholePacket;
    this.#ring = new BlockRing((options.size ?? defaultSize) & ~3);
  }

  /** Packets that were recorded and have made room for newer ones. */
  get overwritten(): number {
    return this.#ring.overwritten;
  }

  /** A device in front of the device. */
  wrap(device: NetworkDevice): NetworkDevice {
    const kind = device.kind === 'ethernet' ? linkType.ethernet : linkType.ip;
    const index = this.#descriptions.length;
    this.#descriptions.push(
      interfaceDescription(kind, device.name, device.hardwareAddress, this.#snapLength),
    );
    return new CapturedDevice(this, device, index);
  }

  /** Takes a copy of a packet. The checksum that a device would fill in is filled in, in the copy. */
  record(packet: Packet, interfaceIndex: number, way: number): void {
    if (!this.enabled) return;
    const length = chainLength(packet);
    const captured = Math.min(length, this.#snapLength);
    const at = this.#ring.add(packetBlockSize(captured));
    if (at < 0) return;
    const { bytes } = this.#ring;
    const time = this.#epoch + this.#clock.now;
    putPacketBlock(bytes, at, interfaceIndex, time, captured, length, way);
    const data = at + packetDataOffset;
    copyChain(this.#memory, packet, bytes, data, captured);
    if (packet.checksum === checksumState.partial && captured === length) {
      const start = data + packet.checksumStart - packet.start;
      completeChecksum(bytes, start, data + captured, packet.checksumOffset);
    }
    this.packets += 1;
  }

  /** The recording as a file; recording goes on. */
  file(): Uint8Array {
    const parts: Uint8Array[] = [sectionHeader(), ...this.#descriptions];
    this.#ring.forEach((at, size) => {
      parts.push(this.#ring.bytes.subarray(at, at + size));
    });
    if (this.#descriptions.length > 0) {
      const now = this.#epoch + this.#clock.now;
      parts.push(interfaceStatistics(0, now, this.#ring.overwritten));
    }
    const file = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      file.set(part, at);
      at += part.length;
    }
    return file;
  }

  /** Forgets the packets recorded so far. */
  clear(): void {
    this.#ring.clear();
  }
}

function chainLength(packet: Packet): number {
  let length = 0;
  for (let part: Packet | null = packet; part !== null; part = part.next) length += part.length;
  return length;
}

function copyChain(
  memory: Memory,
  packet: Packet,
  into: Uint8Array,
  to: number,
  length: number,
): void {
  let left = length;
  let at = to;
  for (let part: Packet | null = packet; part !== null && left > 0; part = part.next) {
    const count = Math.min(left, part.length);
    into.set(memory.bytes.subarray(part.start, part.start + count), at);
    at += count;
    left -= count;
  }
}

/** Adds a packet's bytes to the pseudo-header's sum that is in the checksum field (RFC 1071). */
function completeChecksum(bytes: Uint8Array, start: number, end: number, offset: number): void {
  let sum = 0;
  for (let at = start; at < end; at += 2) {
    sum += ((bytes[at] as number) << 8) | (at + 1 < end ? (bytes[at + 1] as number) : 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  // UDP's zero means that there is none (RFC 768); for TCP 0xffff is as good.
  const checksum = sum === 0xffff ? 0xffff : ~sum & 0xffff;
  bytes[start + offset] = checksum >>> 8;
  bytes[start + offset + 1] = checksum;
}

/** A device whose traffic is recorded. */
class CapturedDevice extends DeviceDecorator {
  readonly #capture: Capture;
  readonly #index: number;

  constructor(capture: Capture, device: NetworkDevice, index: number) {
    super(device);
    this.#capture = capture;
    this.#index = index;
  }

  protected override received(packet: Packet): void {
    // What loopback receives was recorded as it was sent.
    if (this.kind !== 'loopback') this.#capture.record(packet, this.#index, direction.received);
  }

  override transmit(packet: Packet): void {
    this.#capture.record(packet, this.#index, direction.sent);
    this.device.transmit(packet);
  }
}
