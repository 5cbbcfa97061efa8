/** The IPv4 header (RFC 791). */
import { fold, read16, read32, write16, write32 } from './bytes.ts';

export const ipv4HeaderSize = 20;
export const ipv4Flag = { dontFragment: 0x4000, moreFragments: 0x2000 } as const;

/** A parsed header; one object is reused. */
export class Ipv4Header {
  headerLength = 0;
  typeOfService = 0;
  totalLength = 0;
  identification = 0;
  dontFragment = false;
  moreFragments = false;
  /** Bytes. */
  fragmentOffset = 0;
  timeToLive = 0;
  protocol = 0;
  source = 0;
  destination = 0;
}

/** Why a header was refused. */
export type Ipv4Refusal =
  | 'short'
  | 'version'
  | 'headerLength'
  | 'totalLength'
  | 'checksum'
  | 'options';

/**
 * Parses and verifies a header.
 * @param length bytes of the packet in the first buffer
 * @param whole bytes of the packet over all buffers
 * @returns undefined when it was parsed, or why it was refused
 */
export function parseIpv4(
  bytes: Uint8Array,
  at: number,
  length: number,
  whole: number,
  into: Ipv4Header,
): Ipv4Refusal | undefined {
  if (length < ipv4HeaderSize) return 'short';
  const first = bytes[at] as number;
  if (first >>> 4 !== 4) return 'version';
  const headerLength = (first & 15) << 2;
  if (headerLength < ipv4HeaderSize || headerLength > length) return 'headerLength';
  const totalLength = read16(bytes, at + 2);
  if (totalLength < headerLength || totalLength > whole) return 'totalLength';
  let sum = 0;
  for (let n = 0; n < headerLength; n += 2) sum += read16(bytes, at + n);
  if (fold(sum) !== 0xffff) return 'checksum';
  const fragment = read16(bytes, at + 6);
  into.headerLength = headerLength;
  into.typeOfService = bytes[at + 1] as number;
  into.totalLength = totalLength;
  into.identification = read16(bytes, at + 4);
  into.dontFragment = (fragment & ipv4Flag.dontFragment) !== 0;
  into.moreFragments = (fragment & ipv4Flag.moreFragments) !== 0;
  into.fragmentOffset = (fragment & 0x1fff) << 3;
  into.timeToLive = bytes[at + 8] as number;
  into.protocol = bytes[at + 9] as number;
  into.source = read32(bytes, at + 12);
  into.destination = read32(bytes, at + 16);
  return headerLength > ipv4HeaderSize
    ? checkOptions(bytes, at + ipv4HeaderSize, at + headerLength)
    : undefined;
}

/** Options that a host accepts but need not act upon; source routes are refused (RFC 7126, section 4.3). */
function checkOptions(bytes: Uint8Array, from: number, end: number): 'options' | undefined {
  let at = from;
  while (at < end) {
    const kind = bytes[at] as number;
    if (kind === 0) return undefined;
    if (kind === 1) {
      at += 1;
      continue;
    }
    if (at + 1 >= end) return 'options';
    const length = bytes[at + 1] as number;
    if (length < 2 || at + length > end) return 'options';
    if (kind === 131 || kind === 137) return 'options';
    at += length;
  }
  return undefined;
}

/**
 * Writes a header without options, checksum included.
 * @param fragment flags and fragment offset in units of 8 bytes
 * @param addressSum sum of the 16-bit words of both addresses
 */
export function writeIpv4(
  bytes: Uint8Array,
  at: number,
  typeOfService: number,
  totalLength: number,
  identification: number,
  fragment: number,
  timeToLive: number,
  protocol: number,
  source: number,
  destination: number,
  addressSum: number,
): void {
  const sum =
    0x4500 +
    typeOfService +
    totalLength +
    identification +
    fragment +
    ((timeToLive << 8) | protocol) +
    addressSum;
  bytes[at] = 0x45;
  bytes[at + 1] = typeOfService;
  write16(bytes, at + 2, totalLength);
  write16(bytes, at + 4, identification);
  write16(bytes, at + 6, fragment);
  bytes[at + 8] = timeToLive;
  bytes[at + 9] = protocol;
  write16(bytes, at + 10, ~fold(sum));
  write32(bytes, at + 12, source);
  write32(bytes, at + 16, destination);
}

/** The router alert option (RFC 2113): 4 bytes that IGMP puts behind the header. */
export const routerAlertSize = 4;

/** Makes a header written by writeIpv4() one of 24 bytes with a router alert. totalLength must count it already. */
export function addRouterAlert(bytes: Uint8Array, at: number): void {
  bytes[at] = 0x46;
  write32(bytes, at + ipv4HeaderSize, 0x94040000 | 0);
  const sum = (~read16(bytes, at + 10) & 0xffff) + 0x100 + 0x9404;
  write16(bytes, at + 10, ~fold(sum));
}
