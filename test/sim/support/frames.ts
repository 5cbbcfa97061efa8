/** Frames built byte by byte, right or wrong as asked: what an attacker or a malicious peer sends. */
import type { IpAddress } from '@runtimejs/net/address.ts';
import { checksumOf, put16 } from './link.ts';

export const flag = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32 } as const;

const ethernetHeader = 14;

/** Addresses of the packet, and of the frame that carries it. */
export interface Way {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** Ethernet address of the receiver; its last byte: 1 or 2 for the hosts of a World. */
  readonly to: number;
  /** Last byte of the sender's Ethernet address. */
  readonly from?: number;
}

/** What an IP header says beside addresses. */
export interface IpFields {
  readonly hopLimit?: number;
  readonly identification?: number;
  /** Byte offset of a fragment, and whether more follow; undefined: no fragment. */
  readonly fragment?: { readonly offset: number; readonly more: boolean };
}

export interface TcpFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment?: number;
  readonly flags: number;
  readonly window?: number;
  readonly options?: readonly number[];
  readonly payload?: Uint8Array;
  readonly urgent?: number;
}

export function put32(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at, value >>> 16);
  put16(bytes, at + 2, value & 0xffff);
}

export function get16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/** 32 bits as a signed number. */
export function get32(bytes: Uint8Array, at: number): number {
  return (get16(bytes, at) << 16) | get16(bytes, at + 2);
}

/** A frame around an IP packet with this payload; lengths and the IPv4 header's checksum are right. */
export function ipFrame(
  way: Way,
  protocol: number,
  payload: Uint8Array,
  fields: IpFields = {},
): Uint8Array {
  const { source, destination } = way;
  const isV4 = source.isV4;
  const { fragment, hopLimit = 64, identification = 0 } = fields;
  const extension = !isV4 && fragment !== undefined ? 8 : 0;
  const header = (isV4 ? 20 : 40) + extension;
  const frame = new Uint8Array(ethernetHeader + header + payload.length);
  frame.set([2, 0, 0, 0, 0, way.to, 2, 0, 0, 0, 0, way.from ?? 0xee]);
  put16(frame, 12, isV4 ? 0x0800 : 0x86dd);
  const at = ethernetHeader;
  const bits = fragment === undefined ? 0 : fragment.offset >> 3;
  if (isV4) {
    frame[at] = 0x45;
    put16(frame, at + 2, header + payload.length);
    put16(frame, at + 4, identification & 0xffff);
    put16(frame, at + 6, bits | (fragment?.more ? 0x2000 : 0));
    frame[at + 8] = hopLimit;
    frame[at + 9] = protocol;
    source.write(frame, at + 12);
    destination.write(frame, at + 16);
    put16(frame, at + 10, checksumOf(frame, at, at + 20));
  } else {
    frame[at] = 0x60;
    put16(frame, at + 4, extension + payload.length);
    frame[at + 6] = extension > 0 ? 44 : protocol;
    frame[at + 7] = hopLimit;
    source.write(frame, at + 8);
    destination.write(frame, at + 24);
    if (extension > 0) {
      frame[at + 40] = protocol;
      put16(frame, at + 42, (bits << 3) | (fragment?.more ? 1 : 0));
      put32(frame, at + 44, identification);
    }
  }
  frame.set(payload, ethernetHeader + header);
  return frame;
}

/** Sum of the pseudo-header, not complemented. */
function pseudoSum(way: Way, protocol: number, length: number): number {
  const bytes = new Uint8Array(32);
  const size = way.source.isV4 ? 4 : 16;
  way.source.write(bytes, 0);
  way.destination.write(bytes, size);
  return ~checksumOf(bytes, 0, 2 * size, protocol + length) & 0xffff;
}

/** A TCP segment, its checksum right. Options are padded to whole words. */
export function tcpFrame(way: Way, fields: TcpFields, ip: IpFields = {}): Uint8Array {
  const { options = [], payload = new Uint8Array(0) } = fields;
  const header = 20 + ((options.length + 3) & ~3);
  const segment = new Uint8Array(header + payload.length);
  put16(segment, 0, fields.sourcePort);
  put16(segment, 2, fields.destinationPort);
  put32(segment, 4, fields.sequence);
  put32(segment, 8, fields.acknowledgment ?? 0);
  segment[12] = (header >> 2) << 4;
  segment[13] = fields.flags;
  put16(segment, 14, fields.window ?? 0xffff);
  put16(segment, 18, fields.urgent ?? 0);
  segment.set(options, 20);
  segment.set(payload, header);
  const pseudo = pseudoSum(way, 6, segment.length);
  put16(segment, 16, checksumOf(segment, 0, segment.length, pseudo));
  return ipFrame(way, 6, segment, ip);
}

/** A UDP datagram, its checksum right. */
export function udpBytes(way: Way, from: number, to: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length);
  put16(bytes, 0, from);
  put16(bytes, 2, to);
  put16(bytes, 4, bytes.length);
  bytes.set(payload, 8);
  const sum = checksumOf(bytes, 0, bytes.length, pseudoSum(way, 17, bytes.length));
  put16(bytes, 6, sum === 0 ? 0xffff : sum);
  return bytes;
}

/** An ICMP or ICMPv6 message, after the source's family; its checksum right. */
export function icmpFrame(
  way: Way,
  type: number,
  code: number,
  rest: number,
  body: Uint8Array,
  ip: IpFields = {},
): Uint8Array {
  const isV4 = way.source.isV4;
  const bytes = new Uint8Array(8 + body.length);
  bytes[0] = type;
  bytes[1] = code;
  put32(bytes, 4, rest);
  bytes.set(body, 8);
  const pseudo = isV4 ? 0 : pseudoSum(way, 58, bytes.length);
  put16(bytes, 2, checksumOf(bytes, 0, bytes.length, pseudo));
  return ipFrame(way, isV4 ? 1 : 58, bytes, ip);
}

/** ARP: who has, or is at. */
export function arpFrame(
  to: number,
  operation: 1 | 2,
  sender: { readonly hardware: number; readonly address: IpAddress },
  target: { readonly hardware: number; readonly address: IpAddress },
): Uint8Array {
  const frame = new Uint8Array(42);
  frame.set([2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, sender.hardware, 8, 6, 0, 1, 8, 0, 6, 4]);
  put16(frame, 20, operation);
  frame.set([2, 0, 0, 0, 0, sender.hardware], 22);
  sender.address.write(frame, 28);
  frame.set([2, 0, 0, 0, 0, target.hardware], 32);
  target.address.write(frame, 38);
  return frame;
}

/** Neighbour advertisement or solicitation with a link-layer address option. */
export function neighbourFrame(
  way: Way,
  type: 135 | 136,
  target: IpAddress,
  hardware: number,
  flags = 0,
): Uint8Array {
  const body = new Uint8Array(24);
  target.write(body, 0);
  body.set([type === 135 ? 1 : 2, 1, 2, 0, 0, 0, 0, hardware], 16);
  return icmpFrame(way, type, 0, flags, body, { hopLimit: 255 });
}

/** What a TCP frame says. */
export interface SeenSegment {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  readonly window: number;
  readonly payload: Uint8Array;
  readonly options: Uint8Array;
  /** Sequence numbers that it takes. */
  readonly span: number;
}

/** Reads a TCP frame without extension headers; undefined when it is none. */
export function seeTcp(frame: Uint8Array): SeenSegment | undefined {
  const type = get16(frame, 12);
  const isV4 = type === 0x0800;
  if (!isV4 && type !== 0x86dd) return undefined;
  if (frame[isV4 ? 23 : 20] !== 6) return undefined;
  const at = ethernetHeader + (isV4 ? ((frame[14] as number) & 15) * 4 : 40);
  const end = isV4 ? 14 + get16(frame, 16) : 54 + get16(frame, 18);
  const data = at + ((frame[at + 12] as number) >> 4) * 4;
  const flags = frame[at + 13] as number;
  const payload = frame.slice(data, end);
  return {
    sourcePort: get16(frame, at),
    destinationPort: get16(frame, at + 2),
    sequence: get32(frame, at + 4),
    acknowledgment: get32(frame, at + 8),
    flags,
    window: get16(frame, at + 14),
    payload,
    options: frame.slice(at + 20, data),
    span: payload.length + (flags & flag.syn ? 1 : 0) + (flags & flag.fin ? 1 : 0),
  };
}
