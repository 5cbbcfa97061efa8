/** ICMP for IPv4 (RFC 792). */
import { read16, read32, write16, write32 } from './bytes.ts';

export const icmpv4HeaderSize = 8;
export const icmpv4Type = {
  echoReply: 0,
  unreachable: 3,
  sourceQuench: 4,
  redirect: 5,
  echoRequest: 8,
  timeExceeded: 11,
  parameterProblem: 12,
} as const;

/** Codes of `unreachable` (RFC 792, RFC 1122, section 3.2.2.1). */
export const unreachableCode = {
  network: 0,
  host: 1,
  protocol: 2,
  port: 3,
  fragmentationNeeded: 4,
  sourceRouteFailed: 5,
  networkProhibited: 9,
  hostProhibited: 10,
  prohibited: 13,
} as const;

/** A parsed header; one object is reused. */
export class Icmpv4Header {
  type = 0;
  code = 0;
  /** Bytes 4 to 7: identifier and sequence number, MTU, pointer. */
  rest = 0;
}

/** @returns undefined when it was parsed, or why it was refused */
export function parseIcmpv4(
  bytes: Uint8Array,
  at: number,
  length: number,
  into: Icmpv4Header,
): 'short' | undefined {
  if (length < icmpv4HeaderSize) return 'short';
  into.type = bytes[at] as number;
  into.code = bytes[at + 1] as number;
  into.rest = read32(bytes, at + 4);
  return undefined;
}

/** Writes 8 bytes with a checksum of 0. */
export function writeIcmpv4(
  bytes: Uint8Array,
  at: number,
  type: number,
  code: number,
  rest: number,
): void {
  bytes[at] = type;
  bytes[at + 1] = code;
  write16(bytes, at + 2, 0);
  write32(bytes, at + 4, rest);
}

/** The packet that an error quotes: its IP header, as far as it must be there. */
export class QuotedIpv4 {
  headerLength = 0;
  totalLength = 0;
  fragmentOffset = 0;
  protocol = 0;
  source = 0;
  destination = 0;
}

/** Parses the quoted header; 8 bytes of the transport must follow it. */
export function parseQuotedIpv4(
  bytes: Uint8Array,
  at: number,
  length: number,
  into: QuotedIpv4,
): 'short' | 'version' | 'headerLength' | undefined {
  if (length < 28) return 'short';
  const first = bytes[at] as number;
  if (first >>> 4 !== 4) return 'version';
  const headerLength = (first & 15) << 2;
  if (headerLength < 20 || headerLength + 8 > length) return 'headerLength';
  into.headerLength = headerLength;
  into.totalLength = read16(bytes, at + 2);
  into.fragmentOffset = (read16(bytes, at + 6) & 0x1fff) << 3;
  into.protocol = bytes[at + 9] as number;
  into.source = read32(bytes, at + 12);
  into.destination = read32(bytes, at + 16);
  return undefined;
}
