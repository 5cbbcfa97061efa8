/**
 * A network device of a simulated host, on one end of a Link. It can do what good hardware does
 * (checksums, cutting large segments), or nothing, and scatters what it receives over buffers of
 * any size.
 */
import type { DeviceReceiver, NetworkDevice, Offloads } from '@runtimejs/net/device.ts';
import { packetHeadroom } from '@runtimejs/net/device.ts';
import { checksumState, Packet } from '@runtimejs/net/packet.ts';
import type { Arena } from './arena.ts';
import { checksumOf, type Link, type LinkEnd, put16 } from './link.ts';

/** Hears which bytes of packets hold something, and may refuse that others be read. */
export interface MemoryWatch {
  /** Nothing in [from, to) may be read until it was written. */
  forbid(from: number, to: number): void;
  allow(from: number, to: number): void;
  /** Throws when something in [from, to) may not be read. */
  check(from: number, to: number): void;
}

/** What a device can do. */
export interface DeviceAbilities {
  readonly mtu: number;
  /** Checksums in both directions. */
  readonly checksums: boolean;
  /** TCP segmentation; needs checksums. */
  readonly segmentation: boolean;
  /** Size of receive buffers; a frame that is larger takes several. The first holds at least 128 bytes. */
  readonly receiveBuffer: number;
}

const ethernetHeader = 14;
const etherTypeV4 = 0x0800;
const protocolTcp = 6;

/** The device; frames wait in it until the stack polls. */
export class SimulatedDevice implements NetworkDevice, LinkEnd {
  readonly name: string;
  readonly kind = 'ethernet';
  readonly hardwareAddress: Uint8Array;
  readonly mtu: number;
  readonly offloads: Offloads;
  readonly linkUp = true;
  readonly counters = { received: 0, transmitted: 0, noBuffer: 0, dropped: 0 };
  /** Packets that the stack or the device holds: 0 once everything was released. */
  packetsInUse = 0;
  readonly #abilities: DeviceAbilities;
  readonly #arena: Arena;
  readonly #link: Link;
  readonly #end: 0 | 1;
  readonly #wake: () => void;
  readonly #arrived: Uint8Array[] = [];
  readonly #outgoing: Uint8Array[] = [];
  readonly #pool = new Map<number, Packet[]>();
  readonly #watch: MemoryWatch | undefined;
  #receiver: DeviceReceiver | undefined;

  /** @param wake called when a frame arrives: the stack should be polled */
  constructor(
    name: string,
    arena: Arena,
    link: Link,
    end: 0 | 1,
    abilities: DeviceAbilities,
    wake: () => void,
    watch?: MemoryWatch,
  ) {
    this.name = name;
    this.#arena = arena;
    this.#link = link;
    this.#end = end;
    this.#abilities = abilities;
    this.#wake = wake;
    this.#watch = watch;
    this.mtu = abilities.mtu;
    this.hardwareAddress = new Uint8Array([0x02, 0, 0, 0, 0, end + 1]);
    const largest = abilities.segmentation ? 65535 : 0;
    this.offloads = {
      transmitChecksum: abilities.checksums,
      segmentation4: largest,
      segmentation6: largest,
    };
    link.connect(end, this);
  }

  attach(receiver: DeviceReceiver): void {
    this.#receiver = receiver;
  }

  allocate(size: number): Packet | null {
    const packet = this.#take(packetHeadroom + size);
    if (packet === null) {
      this.counters.noBuffer += 1;
      return null;
    }
    packet.reset(packetHeadroom);
    return packet;
  }

  transmit(packet: Packet): void {
    const { bytes } = this.#arena.memory;
    this.#watch?.check(packet.start, packet.end);
    const frame = bytes.slice(packet.start, packet.end);
    if (packet.segmentSize > 0) {
      for (const segment of cut(frame, packet.segmentSize)) this.#outgoing.push(segment);
    } else {
      if (packet.checksum === checksumState.partial) {
        const start = packet.checksumStart - packet.start;
        const at = start + packet.checksumOffset;
        const sum = checksumOf(frame, start, frame.length);
        put16(frame, at, sum === 0 && frame[23] === 17 ? 0xffff : sum);
      }
      this.#outgoing.push(frame);
    }
    packet.release();
  }

  flush(): void {
    for (const frame of this.#outgoing) {
      this.counters.transmitted += 1;
      if (frame.length > this.mtu + ethernetHeader) {
        throw new Error(
          `${this.name}: a frame of ${frame.length} bytes exceeds the MTU ${this.mtu}`,
        );
      }
      this.#link.send(this.#end, frame);
    }
    this.#outgoing.length = 0;
  }

  deliver(frame: Uint8Array): void {
    this.#arrived.push(frame);
    this.#wake();
  }

  poll(budget: number): boolean {
    for (let count = 0; count < budget; count += 1) {
      const frame = this.#arrived.shift();
      if (frame === undefined) return false;
      const packet = this.#scatter(frame);
      if (packet === null) {
        this.counters.noBuffer += 1;
        continue;
      }
      this.counters.received += 1;
      this.#receiver?.receive(packet);
    }
    return this.#arrived.length > 0;
  }

  armInterrupt(on: boolean): boolean {
    return on && this.#arrived.length > 0;
  }

  setMulticast(): void {}

  /** Gives the pool's memory back. Throws when a packet is still out. */
  close(): void {
    this.#arrived.length = 0;
    if (this.packetsInUse !== 0)
      throw new Error(`${this.packetsInUse} packets were never released`);
    for (const [capacity, packets] of this.#pool) {
      for (const packet of packets) {
        this.#watch?.allow(packet.base, packet.base + capacity);
        this.#arena.free(packet.base, capacity);
      }
    }
    this.#pool.clear();
  }

  #scatter(frame: Uint8Array): Packet | null {
    const { bytes } = this.#arena.memory;
    let first: Packet | null = null;
    let last: Packet | null = null;
    for (let at = 0; at < frame.length; ) {
      const length = Math.min(
        frame.length - at,
        at === 0 ? Math.max(this.#abilities.receiveBuffer, 128) : this.#abilities.receiveBuffer,
      );
      const packet = this.#take(length);
      if (packet === null) {
        first?.release();
        return null;
      }
      packet.reset(0);
      packet.end = packet.start + length;
      bytes.set(frame.subarray(at, at + length), packet.start);
      this.#watch?.allow(packet.start, packet.end);
      if (last === null) first = packet;
      else last.next = packet;
      last = packet;
      at += length;
    }
    if (first !== null && this.#abilities.checksums && transportChecksumIsRight(frame)) {
      first.checksum = checksumState.verified;
    }
    return first;
  }

  #take(size: number): Packet | null {
    let capacity = 256;
    while (capacity < size) capacity *= 2;
    let list = this.#pool.get(capacity);
    if (list === undefined) {
      list = [];
      this.#pool.set(capacity, list);
    }
    const owner = list;
    let packet = owner.pop();
    if (packet === undefined) {
      const base = this.#arena.allocate(capacity);
      if (base === undefined) return null;
      packet = new Packet(base, capacity, base, (released) => {
        this.packetsInUse -= 1;
        this.#arena.memory.bytes.fill(0xdb, released.base, released.base + released.capacity);
        this.#watch?.forbid(released.base, released.base + released.capacity);
        owner.push(released);
      });
    }
    this.packetsInUse += 1;
    this.#watch?.forbid(packet.base, packet.base + packet.capacity);
    return packet;
  }
}

/** Where the transport header begins in an Ethernet frame without extension headers. */
function transportAt(frame: Uint8Array): number {
  const isV4 = (((frame[12] as number) << 8) | (frame[13] as number)) === etherTypeV4;
  return ethernetHeader + (isV4 ? ((frame[14] as number) & 15) * 4 : 40);
}

function pseudoSum(frame: Uint8Array, protocol: number, length: number): number {
  const isV4 = (((frame[12] as number) << 8) | (frame[13] as number)) === etherTypeV4;
  const [start, end] = isV4 ? [26, 34] : [22, 54];
  return ~checksumOf(frame, start, end, protocol + length) & 0xffff;
}

/** What good hardware tells of TCP in a plain frame; of anything else it tells nothing. */
function transportChecksumIsRight(frame: Uint8Array): boolean {
  const type = ((frame[12] as number) << 8) | (frame[13] as number);
  if (type !== etherTypeV4 && type !== 0x86dd) return false;
  const isV4 = type === etherTypeV4;
  if ((isV4 ? frame[23] : frame[20]) !== protocolTcp) return false;
  const end = isV4
    ? 14 + (((frame[16] as number) << 8) | (frame[17] as number))
    : 54 + (((frame[18] as number) << 8) | (frame[19] as number));
  const start = transportAt(frame);
  if (end > frame.length || start + 20 > end) return false;
  return checksumOf(frame, start, end, pseudoSum(frame, protocolTcp, end - start)) === 0;
}

/** Cuts a large TCP packet as segmentation offload does: headers repeated, numbers moved on. */
function cut(frame: Uint8Array, segmentSize: number): Uint8Array[] {
  const isV4 = (((frame[12] as number) << 8) | (frame[13] as number)) === etherTypeV4;
  const tcp = transportAt(frame);
  const payload = tcp + ((frame[tcp + 12] as number) >> 4) * 4;
  const sequence = new DataView(frame.buffer, frame.byteOffset).getUint32(tcp + 4);
  const identification = ((frame[18] as number) << 8) | (frame[19] as number);
  const segments: Uint8Array[] = [];
  for (let at = payload; at < frame.length; at += segmentSize) {
    const length = Math.min(segmentSize, frame.length - at);
    const isLast = at + length === frame.length;
    const segment = new Uint8Array(payload + length);
    segment.set(frame.subarray(0, payload));
    segment.set(frame.subarray(at, at + length), payload);
    if (isV4) {
      put16(segment, 16, segment.length - ethernetHeader);
      put16(segment, 18, (identification + segments.length) & 0xffff);
      put16(segment, 24, 0);
      put16(segment, 24, checksumOf(segment, 14, tcp));
    } else {
      put16(segment, 18, segment.length - 54);
    }
    new DataView(segment.buffer).setUint32(tcp + 4, (sequence + at - payload) >>> 0);
    // FIN and PSH belong to the last segment only.
    if (!isLast) segment[tcp + 13] = (segment[tcp + 13] as number) & ~0x09;
    put16(segment, tcp + 16, 0);
    const pseudo = pseudoSum(segment, protocolTcp, segment.length - tcp);
    put16(segment, tcp + 16, checksumOf(segment, tcp, segment.length, pseudo));
    segments.push(segment);
  }
  return segments;
}
