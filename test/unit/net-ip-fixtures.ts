/** A stack with a scripted Ethernet device, and frames built by code that is not the stack's own. */
import type { IpAddress } from '@runtimejs/net/address.ts';
import { parseAddress } from '@runtimejs/net/address-text.ts';
import type { DeviceReceiver, NetworkDevice, Offloads } from '@runtimejs/net/device.ts';
import { packetHeadroom } from '@runtimejs/net/device.ts';
import type { Environment, LogLevel } from '@runtimejs/net/environment.ts';
import type { Interface } from '@runtimejs/net/interface/interface.ts';
import { HostMemory } from '@runtimejs/net/memory.ts';
import { Packet } from '@runtimejs/net/packet.ts';
import { Stack } from '@runtimejs/net/stack.ts';
import { never, TimerQueue } from '@runtimejs/net/storage/timers.ts';

export const ourHardware = [0x02, 0, 0, 0, 0, 1];
export const peerHardware = [0x02, 0, 0, 0, 0, 2];
export const broadcast = [255, 255, 255, 255, 255, 255];
export const ipv4Type = 0x0800;
export const ipv6Type = 0x86dd;

/** An address from text; throws when it is none. */
export function ip(text: string): IpAddress {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`${text} is not an address`);
  return address;
}

export interface DeviceOptions {
  readonly mtu?: number;
  readonly offloads?: Partial<Offloads>;
  readonly hardware?: number[];
}

/** What the network sees of the stack, and what the stack sees of the network. */
export class ScriptedDevice implements NetworkDevice {
  readonly name = 'scripted0';
  readonly kind = 'ethernet';
  readonly hardwareAddress: Uint8Array;
  readonly mtu: number;
  readonly offloads: Offloads;
  readonly counters: Record<string, number> = {};
  readonly groups = new Map<string, number>();
  linkUp = true;
  armed = false;
  flushes = 0;
  /** Packets that the stack holds. */
  outstanding = 0;
  /** How many packets may be out at once. */
  limit = 512;
  /** Frames that were sent, as copies, and since when nobody looked at them. */
  sent: number[][] = [];
  readonly #memory: HostMemory;
  readonly #free: Packet[] = [];
  readonly #queue: Packet[] = [];
  #receiver: DeviceReceiver | null = null;

  constructor(memory: HostMemory, offset: number, options: DeviceOptions) {
    this.#memory = memory;
    this.mtu = options.mtu ?? 1500;
    this.hardwareAddress = Uint8Array.from(options.hardware ?? ourHardware);
    this.offloads = {
      transmitChecksum: false,
      segmentation4: 0,
      segmentation6: 0,
      ...options.offloads,
    };
    for (let n = 0; n < 1024; n += 1) {
      const packet = new Packet(offset + n * 2048, 2048, 0, (it) => {
        this.outstanding -= 1;
        this.#free.push(it);
      });
      this.#free.push(packet);
    }
  }

  attach(receiver: DeviceReceiver): void {
    this.#receiver = receiver;
  }

  allocate(size: number): Packet | null {
    if (size + packetHeadroom > 2048 || this.outstanding >= this.limit) return null;
    const packet = this.#free.pop();
    if (packet === undefined) return null;
    this.outstanding += 1;
    packet.reset(packetHeadroom);
    return packet;
  }

  transmit(packet: Packet): void {
    this.sent.push([...this.#memory.bytes.subarray(packet.start, packet.end)]);
    packet.release();
  }

  flush(): void {
    this.flushes += 1;
  }

  poll(budget: number): boolean {
    for (let left = budget; left > 0; left -= 1) {
      const packet = this.#queue.shift();
      if (packet === undefined) return false;
      this.#receiver?.receive(packet);
    }
    return this.#queue.length > 0;
  }

  armInterrupt(on: boolean): boolean {
    this.armed = on;
    return on && this.#queue.length > 0;
  }

  setMulticast(address: Uint8Array, join: boolean): void {
    const key = [...address].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
    if (join) this.groups.set(key, 1);
    else this.groups.delete(key);
  }

  setLink(up: boolean): void {
    this.linkUp = up;
    this.#receiver?.linkChanged(up);
  }

  /** Lets a frame arrive in the next poll. `splitAt`: places at which it is cut into buffers. */
  inject(frame: readonly number[], splitAt: readonly number[] = [], checksum = 0): void {
    let first: Packet | null = null;
    let last: Packet | null = null;
    const cuts = [0, ...splitAt, frame.length];
    for (let n = 0; n + 1 < cuts.length; n += 1) {
      const packet = this.#free.pop();
      if (packet === undefined) throw new Error('the scripted device has no buffer left');
      this.outstanding += 1;
      packet.reset(64);
      const piece = frame.slice(cuts[n], cuts[n + 1]);
      // Rubbish around the frame: whoever reads it computes something else.
      this.#memory.bytes.fill(0xa5, packet.base, packet.base + packet.capacity);
      this.#memory.bytes.set(piece, packet.start);
      packet.end = packet.start + piece.length;
      packet.checksum = checksum;
      if (last === null) first = packet;
      else last.next = packet;
      last = packet;
    }
    this.#queue.push(first as Packet);
  }
}

/** A stack with one device, 192.168.1.2/24 and fe80::2, 2001:db8::2/64, and time in the test's hands. */
export class TestStack {
  readonly memory = new HostMemory(8 << 20);
  readonly logs: string[] = [];
  readonly environment: Environment;
  readonly stack: Stack;
  readonly device: ScriptedDevice;
  readonly eth0: Interface;
  #seed: number;
  #deviceMemory = 4 << 20;

  constructor(
    options: DeviceOptions & { readonly addresses?: boolean; readonly seed?: number } = {},
  ) {
    this.#seed = options.seed ?? 1;
    this.environment = {
      memory: this.memory,
      clock: { now: 1_000_000 },
      timers: new TimerQueue(),
      random: (into) => {
        for (let at = 0; at < into.length; at += 1) into[at] = this.random(256);
      },
      log: (_level: LogLevel, text) => {
        this.logs.push(text);
      },
    };
    this.stack = new Stack(this.environment, { offset: 0, size: 4 << 20 });
    this.device = this.newDevice(options);
    this.eth0 = this.stack.addDevice(this.device);
    if (options.addresses !== false) {
      this.eth0.addAddress(ip('192.168.1.2'), 24);
      this.eth0.addAddress(ip('fe80::2'), 64);
      this.eth0.addAddress(ip('2001:db8::2'), 64);
      this.advance(2_000_000);
      this.device.sent = [];
    }
  }

  /** A small generator (mulberry32), so that failures repeat. */
  random(limit: number): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  newDevice(options: DeviceOptions = {}): ScriptedDevice {
    const device = new ScriptedDevice(this.memory, this.#deviceMemory, options);
    this.#deviceMemory += 1024 * 2048;
    return device;
  }

  get now(): number {
    return this.environment.clock.now;
  }

  /** Polls until there is nothing to do at this instant. Returns when it wants to run again. */
  run(): number {
    for (let turns = 0; turns < 10_000; turns += 1) {
      const next = this.stack.poll(this.now);
      if (next > this.now) return next;
    }
    throw new Error('the stack never comes to rest');
  }

  /** Lets time pass, with a turn at each deadline. */
  advance(microseconds: number): void {
    const end = this.now + microseconds;
    for (let next = this.run(); next <= end && next !== never; next = this.run()) {
      this.environment.clock.now = Math.max(next, this.now);
    }
    this.environment.clock.now = end;
    this.run();
  }

  /** Frames sent since the last call. */
  take(): number[][] {
    this.run();
    return this.device.sent.splice(0);
  }

  /** Has frames arrive, and gives what was sent in answer. */
  exchange(...frames: number[][]): number[][] {
    for (const frame of frames) this.device.inject(frame);
    return this.take();
  }

  /** Makes the peer's hardware address known for both families. */
  knowPeer(...addresses: string[]): void {
    for (const text of addresses) {
      const address = ip(text);
      const cache = address.isV4 ? this.eth0.neighbours4 : this.eth0.neighbours6;
      cache.confirm(cache.learn(address, Uint8Array.from(peerHardware)));
    }
  }

  counter(group: string, name: string): number {
    const value = this.stack.counters.get(group)?.[name];
    if (value === undefined) throw new Error(`there is no counter ${group} ${name}`);
    return value;
  }
}

export function word16(value: number): number[] {
  return [(value >>> 8) & 255, value & 255];
}

export function word32(value: number): number[] {
  return [...word16(value >>> 16), ...word16(value)];
}

/** Bytes of an address in network order. */
export function addressBytes(text: string): number[] {
  const address = ip(text);
  const bytes = new Uint8Array(address.isV4 ? 4 : 16);
  address.write(bytes, 0);
  return [...bytes];
}

/** The complement of RFC 1071's sum, as it goes into a header. */
export function checksumOf(...parts: number[][]): number {
  const bytes = parts.flat();
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    sum += ((bytes[at] as number) << 8) + (bytes[at + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

export function ethernet(
  type: number,
  payload: number[],
  to: number[] = ourHardware,
  from: number[] = peerHardware,
): number[] {
  return [...to, ...from, ...word16(type), ...payload];
}

export interface Ipv4Fields {
  readonly source?: string;
  readonly destination?: string;
  readonly protocol?: number;
  readonly identification?: number;
  /** Flags and offset, as in the header. */
  readonly fragment?: number;
  readonly timeToLive?: number;
  readonly options?: number[];
  readonly payload?: number[];
}

/** An IPv4 packet, by default from 192.168.1.1 to 192.168.1.2. */
export function ipv4(fields: Ipv4Fields): number[] {
  const options = fields.options ?? [];
  const payload = fields.payload ?? [];
  const header = [
    0x40 | (5 + options.length / 4),
    0,
    ...word16(20 + options.length + payload.length),
    ...word16(fields.identification ?? 1),
    ...word16(fields.fragment ?? 0),
    fields.timeToLive ?? 64,
    fields.protocol ?? 17,
    0,
    0,
    ...addressBytes(fields.source ?? '192.168.1.1'),
    ...addressBytes(fields.destination ?? '192.168.1.2'),
    ...options,
  ];
  header.splice(10, 2, ...word16(checksumOf(header)));
  return [...header, ...payload];
}

export interface Ipv6Fields {
  readonly source?: string;
  readonly destination?: string;
  readonly nextHeader?: number;
  readonly hopLimit?: number;
  readonly payload?: number[];
}

/** An IPv6 packet, by default from 2001:db8::1 to 2001:db8::2. */
export function ipv6(fields: Ipv6Fields): number[] {
  const payload = fields.payload ?? [];
  return [
    0x60,
    0,
    0,
    0,
    ...word16(payload.length),
    fields.nextHeader ?? 17,
    fields.hopLimit ?? 64,
    ...addressBytes(fields.source ?? '2001:db8::1'),
    ...addressBytes(fields.destination ?? '2001:db8::2'),
    ...payload,
  ];
}

/** A UDP datagram with its checksum for these addresses. */
export function udp(
  data: number[],
  ports: readonly [number, number] = [5000, 7000],
  source = '192.168.1.1',
  destination = '192.168.1.2',
): number[] {
  const length = 8 + data.length;
  const header = [...word16(ports[0]), ...word16(ports[1]), ...word16(length), 0, 0];
  const pseudo = [...addressBytes(source), ...addressBytes(destination), 0, 17, ...word16(length)];
  const sum = checksumOf(pseudo, header, data);
  header.splice(6, 2, ...word16(sum === 0 ? 0xffff : sum));
  return [...header, ...data];
}

/** An ARP packet. */
export function arp(
  operation: number,
  senderHardware: number[],
  sender: string,
  targetHardware: number[],
  target: string,
): number[] {
  return [
    0,
    1,
    8,
    0,
    6,
    4,
    ...word16(operation),
    ...senderHardware,
    ...addressBytes(sender),
    ...targetHardware,
    ...addressBytes(target),
  ];
}

export const noHardware = [0, 0, 0, 0, 0, 0];

/** Checks an IPv4 packet's lengths and header checksum and gives its parts; throws when they are wrong. */
export function openIpv4(frame: number[]) {
  const type = ((frame[12] as number) << 8) | (frame[13] as number);
  const packet = frame.slice(14);
  const headerLength = ((packet[0] as number) & 15) * 4;
  const header = packet.slice(0, headerLength);
  const total = ((packet[2] as number) << 8) | (packet[3] as number);
  if (type !== ipv4Type || (packet[0] as number) >>> 4 !== 4) throw new Error('not IPv4');
  if (checksumOf(header) !== 0) throw new Error('the header checksum is wrong');
  if (total !== packet.length) throw new Error(`total length ${total}, not ${packet.length}`);
  return {
    to: frame.slice(0, 6),
    timeToLive: packet[8] as number,
    protocol: packet[9] as number,
    identification: ((packet[4] as number) << 8) | (packet[5] as number),
    fragment: ((packet[6] as number) << 8) | (packet[7] as number),
    source: header.slice(12, 16).join('.'),
    destination: header.slice(16, 20).join('.'),
    options: header.slice(20),
    header,
    payload: packet.slice(headerLength),
  };
}
