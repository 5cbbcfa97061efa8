/** ICMPv6 messages (RFC 4443): types, checksum, and what an error quotes. */
import type { IpAddress } from '../address.ts';
import { internetChecksum } from '../memory.ts';
import { read16, readUnsigned32, write16, write32 } from './bytes.ts';
import { ipv6HeaderSize } from './ipv6.ts';

/** Types (IANA, "ICMPv6 parameters"). Below 128 are errors. */
export const icmpv6Type = {
  destinationUnreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
  multicastListenerQuery: 130,
  multicastListenerReport: 131,
  multicastListenerDone: 132,
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighbourSolicitation: 135,
  neighbourAdvertisement: 136,
  redirect: 137,
  multicastListenerReportV2: 143,
} as const;

/** Codes of Destination Unreachable (RFC 4443, section 3.1; RFC 7084 adds none). */
export const unreachableCode = {
  noRoute: 0,
  prohibited: 1,
  beyondScope: 2,
  address: 3,
  port: 4,
  sourcePolicy: 5,
  rejectRoute: 6,
} as const;

/** Codes of Parameter Problem (RFC 4443, section 3.4). */
export const parameterProblemCode = {
  erroneousField: 0,
  unknownNextHeader: 1,
  unknownOption: 2,
} as const;

/** Type, code, checksum, and the four bytes that each type uses in its way. */
export const icmpv6HeaderLength = 8;
/** What every IPv6 link carries; an ICMPv6 error is at most as long, with its IP header. */
export const minimumMtu = 1280;

/**
 * Sum of the IPv6 pseudo-header for ICMPv6 (RFC 8200, section 8.1).
 * @returns 16 bits, not complemented
 */
export function icmpv6PseudoSum(source: IpAddress, destination: IpAddress, length: number): number {
  let sum = (length >>> 16) + (length & 0xffff) + 58;
  for (const address of [source, destination]) {
    for (const word of [address.word0, address.word1, address.word2, address.word3]) {
      sum += (word >>> 16) + (word & 0xffff);
    }
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** Writes the checksum of a message whose checksum field holds zero. */
export function fillIcmpv6Checksum(
  bytes: Uint8Array,
  offset: number,
  length: number,
  source: IpAddress,
  destination: IpAddress,
): void {
  const pseudo = icmpv6PseudoSum(source, destination, length);
  write16(bytes, offset + 2, ~internetChecksum(bytes, offset, length, pseudo));
}

/** The start of an error message. */
export interface Icmpv6Error {
  readonly type: number;
  readonly code: number;
  /** MTU of Packet Too Big, pointer of Parameter Problem, else 0. */
  readonly parameter: number;
  /** Where the quoted IPv6 header begins, and how many bytes are quoted. */
  readonly quoted: number;
  readonly quotedLength: number;
}

/**
 * Writes the header of an error; the quoted packet follows it.
 * @param parameter MTU or pointer
 */
export function emitIcmpv6ErrorHeader(
  bytes: Uint8Array,
  offset: number,
  type: number,
  code: number,
  parameter: number,
): void {
  bytes[offset] = type;
  bytes[offset + 1] = code;
  write16(bytes, offset + 2, 0);
  write32(bytes, offset + 4, parameter);
}

/**
 * Reads an error message.
 * @returns 'too short' when it does not quote an IPv6 header
 */
export function parseIcmpv6Error(
  bytes: Uint8Array,
  offset: number,
  length: number,
): Icmpv6Error | 'too short' | 'does not quote IPv6' {
  if (length < icmpv6HeaderLength + ipv6HeaderSize) return 'too short';
  const quoted = offset + icmpv6HeaderLength;
  if ((bytes[quoted] as number) >>> 4 !== 6) return 'does not quote IPv6';
  return {
    type: bytes[offset] as number,
    code: bytes[offset + 1] as number,
    parameter: readUnsigned32(bytes, offset + 4),
    quoted,
    quotedLength: length - icmpv6HeaderLength,
  };
}

/** A transport header found behind an IPv6 header and its extension headers. */
export interface UpperLayer {
  readonly protocol: number;
  readonly offset: number;
}

/**
 * Finds the transport header in a quoted packet, which may be cut short.
 * @param offset of the IPv6 header, `length` bytes of it and what follows
 * @returns undefined when it is not there: cut, a later fragment, encrypted
 */
export function findUpperLayer(
  bytes: Uint8Array,
  offset: number,
  length: number,
): UpperLayer | undefined {
  const end = offset + length;
  let next = bytes[offset + 6] as number;
  let at = offset + ipv6HeaderSize;
  // Each header is at least 8 bytes, so this ends.
  while (isExtension(next)) {
    if (at + 8 > end) return undefined;
    if (next === 44) {
      const fragmentOffset = read16(bytes, at + 2) & 0xfff8;
      if (fragmentOffset !== 0) return undefined;
      next = bytes[at] as number;
      at += 8;
    } else {
      next = bytes[at] as number;
      at += ((bytes[at + 1] as number) + 1) * 8;
    }
  }
  return at < end ? { protocol: next, offset: at } : undefined;
}

/** Hop-by-hop, routing, fragment, destination options (RFC 8200, section 4). */
function isExtension(next: number): boolean {
  return next === 0 || next === 43 || next === 44 || next === 60;
}
