// Frames that a hostile neighbour sends, made byte by byte: a flood of SYNs, a port scan, noise, frames
// that are nearly right. Every choice comes from a seed.
import { site } from './namespace.ts';

/** Random numbers from 0 to 1. */
export type Random = () => number;

/** Makes the frame with that number; null ends the attack. */
export type FrameMaker = (index: number, random: Random) => Buffer | null;

const etherType = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd } as const;
const ipProtocol = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;
const tcpFlag = { fin: 1, syn: 2, reset: 4, push: 8, acknowledgment: 16, urgent: 32 } as const;
const highestPort = 65_535;

const parseMac = (text: string): Buffer => Buffer.from(text.replaceAll(':', ''), 'hex');
const parseV4 = (text: string): number =>
  text.split('.').reduce((word, part) => word * 256 + Number(part), 0);

/** The guest, and an address for the neighbour that nobody else has. */
const guestMac = parseMac(site.mac);
const ownMac = parseMac('02:00:00:00:00:66');
const guestAddress = parseV4(site.guest);
const hostAddress = parseV4(site.host);
const ownAddress = parseV4('10.0.9.66');

const pick = (random: Random, limit: number): number => Math.floor(random() * limit);
const choose = <Item>(random: Random, items: readonly Item[]): Item =>
  items[pick(random, items.length)] as Item;

function noise(random: Random, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = pick(random, 256);
  return bytes;
}

/** The Internet checksum (RFC 1071) of a buffer, added to a sum. */
function checksum(bytes: Buffer, sum = 0): number {
  let total = sum;
  for (let at = 0; at < bytes.length; at += 2) {
    total += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  }
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000);
  return ~total & 0xffff;
}

function ethernet(type: number, content: Buffer, destination = guestMac): Buffer {
  const header = Buffer.alloc(14);
  destination.copy(header, 0);
  ownMac.copy(header, 6);
  header.writeUInt16BE(type, 12);
  return Buffer.concat([header, content]);
}

function ipv4(protocol: number, source: number, content: Buffer, fragment = 0): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(20 + content.length, 2);
  header.writeUInt16BE(source & 0xffff, 4);
  header.writeUInt16BE(fragment, 6);
  header[8] = 64;
  header[9] = protocol;
  header.writeUInt32BE(source >>> 0, 12);
  header.writeUInt32BE(guestAddress, 16);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, content]);
}

/** A segment with a right checksum. */
function tcp(
  source: number,
  ports: readonly [from: number, to: number],
  flags: number,
  sequence: number,
  content: Buffer = Buffer.alloc(0),
): Buffer {
  const segment = Buffer.concat([Buffer.alloc(20), content]);
  segment.writeUInt16BE(ports[0], 0);
  segment.writeUInt16BE(ports[1], 2);
  segment.writeUInt32BE(sequence >>> 0, 4);
  segment.writeUInt32BE((sequence ^ 0x5a5a5a5a) >>> 0, 8);
  segment[12] = 5 << 4;
  segment[13] = flags;
  segment.writeUInt16BE(64_240, 14);
  const pseudo = Buffer.alloc(12);
  pseudo.writeUInt32BE(source >>> 0, 0);
  pseudo.writeUInt32BE(guestAddress, 4);
  pseudo[9] = ipProtocol.tcp;
  pseudo.writeUInt16BE(segment.length, 10);
  segment.writeUInt16BE(checksum(segment, ~checksum(pseudo) & 0xffff), 16);
  return ipv4(ipProtocol.tcp, source, segment);
}

function udp(source: number, to: number, content: Buffer): Buffer {
  const datagram = Buffer.concat([Buffer.alloc(8), content]);
  datagram.writeUInt16BE(4000, 0);
  datagram.writeUInt16BE(to, 2);
  datagram.writeUInt16BE(datagram.length, 4);
  return ipv4(ipProtocol.udp, source, datagram); // without a checksum, which is allowed
}

function ping(content: Buffer): Buffer {
  const message = Buffer.concat([Buffer.from([8, 0, 0, 0, 0, 1, 0, 1]), content]);
  message.writeUInt16BE(checksum(message), 2);
  return ipv4(ipProtocol.icmp, ownAddress, message);
}

function arpRequest(random: Random): Buffer {
  const message = Buffer.from('0001080006040001', 'hex');
  const body = Buffer.alloc(20);
  ownMac.copy(body, 0);
  body.writeUInt32BE(choose(random, [ownAddress, 0, ownAddress + pick(random, 100)]), 6);
  body.writeUInt32BE(guestAddress, 16);
  return Buffer.concat([message, body]);
}

/** An IPv6 packet to the group of all nodes. */
function ipv6(random: Random): Buffer {
  const content = noise(random, pick(random, 200));
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  header.writeUInt16BE(content.length, 4);
  header[6] = choose(random, [0, 6, 17, 43, 44, 58, 60, 59]);
  header[7] = 255;
  Buffer.from('fe80000000000000000000000000dead', 'hex').copy(header, 8);
  Buffer.from('ff020000000000000000000000000001', 'hex').copy(header, 24);
  return Buffer.concat([header, content]);
}

/** Sources of a flood: all over the Internet, in this subnet, and such as no packet may have. */
function spoofed(random: Random): number {
  const subnet = hostAddress & 0xffffff00;
  return choose(random, [
    () => pick(random, 0xffffffff),
    () => pick(random, 0xffffffff),
    () => (subnet | pick(random, 256)) >>> 0,
    () => choose(random, [guestAddress, 0, parseV4('127.0.0.1'), 0xffffffff, parseV4('224.0.0.1')]),
  ])();
}

/** A frame that is right, of any kind that the guest understands. */
function goodFrame(random: Random, port: number): Buffer {
  const content = noise(random, pick(random, 1400));
  return choose(random, [
    () => ethernet(etherType.arp, arpRequest(random)),
    () => ethernet(etherType.ipv4, ping(content)),
    () => ethernet(etherType.ipv4, udp(ownAddress, port + pick(random, 20), content)),
    () => {
      const ports = [1024 + pick(random, 60_000), port] as const;
      const sequence = pick(random, 0xffffffff);
      return ethernet(etherType.ipv4, tcp(ownAddress, ports, pick(random, 64), sequence, content));
    },
    () => {
      const part = ipv4(ipProtocol.udp, ownAddress, content, pick(random, 0x4000));
      return ethernet(etherType.ipv4, part);
    },
    () => ethernet(etherType.ipv6, ipv6(random), parseMac('33:33:00:00:00:01')),
  ])();
}

/** Changes some bytes, or the length. */
function damage(frame: Buffer, random: Random): Buffer {
  const damaged = Buffer.from(frame);
  for (let count = 1 + pick(random, 4); count > 0; count--) {
    // The headers more often than the content.
    damaged[pick(random, Math.min(damaged.length, random() < 0.7 ? 80 : 2000))] = pick(random, 256);
  }
  return random() < 0.3 ? damaged.subarray(0, 1 + pick(random, damaged.length)) : damaged;
}

/** Attacks by name, on a listening port. No frame is empty: QEMU takes that for the end of the wire. */
export const attacks: Readonly<Record<string, (port: number) => FrameMaker>> = {
  /** SYNs from everywhere; nobody answers to what they are answered with. */
  synFlood: (port) => (_index, random) => {
    const ports = [1024 + pick(random, 60_000), port] as const;
    const frame = tcp(spoofed(random), ports, tcpFlag.syn, pick(random, 0xffffffff));
    return ethernet(etherType.ipv4, frame);
  },
  /** Each port once with each of the combinations of flags that scanners send. */
  portScan: () => (index) => {
    const all = tcpFlag.fin | tcpFlag.push | tcpFlag.urgent;
    const kinds = [tcpFlag.syn, tcpFlag.fin, 0, all, tcpFlag.acknowledgment];
    const kind = kinds[Math.floor(index / highestPort)];
    if (kind === undefined) return null;
    return ethernet(
      etherType.ipv4,
      tcp(ownAddress, [40_000, 1 + (index % highestPort)], kind, index),
    );
  },
  /** Random bytes of random length, some to the guest's address. */
  noise: () => (_index, random) => {
    const bytes = noise(random, 1 + pick(random, 1500));
    return random() < 0.5 ? bytes : ethernet(choose(random, Object.values(etherType)), bytes);
  },
  /** Good frames with some bytes changed. */
  damaged: (port) => (_index, random) => damage(goodFrame(random, port), random),
  /** Good frames of all kinds. */
  good: (port) => (_index, random) => goodFrame(random, port),
  /** Frames longer than the guest's MTU. */
  jumbo: () => (_index, random) => {
    const content = noise(random, 1480 + pick(random, 7500));
    return ethernet(
      etherType.ipv4,
      random() < 0.5 ? ping(content) : udp(ownAddress, 8090, content),
    );
  },
  /** Good frames with an IEEE 802.1Q tag, for a network that the guest is no member of. */
  vlan: (port) => (_index, random) => {
    const frame = goodFrame(random, port);
    const tag = Buffer.from([0x81, 0x00, pick(random, 256), pick(random, 256)]);
    return Buffer.concat([frame.subarray(0, 12), tag, frame.subarray(12)]);
  },
};
