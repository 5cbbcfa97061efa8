/** The IPv6 header and its extension headers (RFC 8200). */
import { read16, read32, write16, write32 } from './bytes.ts';

export const ipv6HeaderSize = 40;
export const fragmentHeaderSize = 8;

/** Next-header values that are not transports (IANA). */
export const extension = {
  hopByHop: 0,
  routing: 43,
  fragment: 44,
  encapsulatingSecurity: 50,
  authentication: 51,
  noNextHeader: 59,
  destinationOptions: 60,
} as const;

/** A parsed fixed header; one object is reused. Addresses stay in the packet, at 8 and 24. */
export class Ipv6Header {
  trafficClass = 0;
  flowLabel = 0;
  payloadLength = 0;
  nextHeader = 0;
  hopLimit = 0;
}

/** Why a header was refused. */
export type Ipv6Refusal = 'short' | 'version' | 'payloadLength';

/**
 * Parses a fixed header.
 * @param length bytes of the packet in the first buffer
 * @param whole bytes of the packet over all buffers
 */
export function parseIpv6(
  bytes: Uint8Array,
  at: number,
  length: number,
  whole: number,
  into: Ipv6Header,
): Ipv6Refusal | undefined {
  if (length < ipv6HeaderSize) return 'short';
  const first = read32(bytes, at);
  if (first >>> 28 !== 6) return 'version';
  const payloadLength = read16(bytes, at + 4);
  // Zero means a jumbogram (RFC 2675) or nothing at all: neither is of use.
  if (payloadLength === 0 || payloadLength + ipv6HeaderSize > whole) return 'payloadLength';
  into.trafficClass = (first >>> 20) & 0xff;
  into.flowLabel = first & 0xfffff;
  into.payloadLength = payloadLength;
  into.nextHeader = bytes[at + 6] as number;
  into.hopLimit = bytes[at + 7] as number;
  return undefined;
}

/** Writes the first 8 bytes of a header; the addresses follow from the caller. */
export function writeIpv6(
  bytes: Uint8Array,
  at: number,
  trafficClass: number,
  flowLabel: number,
  payloadLength: number,
  nextHeader: number,
  hopLimit: number,
): void {
  write32(bytes, at, 0x60000000 | (trafficClass << 20) | flowLabel);
  write16(bytes, at + 4, payloadLength);
  bytes[at + 6] = nextHeader;
  bytes[at + 7] = hopLimit;
}

/** What a walk over extension headers found; one object is reused. */
export class ExtensionWalk {
  /** The transport, or `extension.fragment`, or `noNextHeader`. */
  nextHeader = 0;
  /** Bytes from the IPv6 header's start to what nextHeader names. */
  length = 0;
  /** With a refusal: offset from the IPv6 header's start of the field that is to blame. */
  pointer = 0;
  /** Where the next-header field that named `nextHeader` is, from the IPv6 header's start. */
  nextHeaderAt = 0;
}

/**
 * `unknownOptionUnicast` and `unknownOption` ask for a parameter problem (the former not to a
 * multicast destination), `drop` for silence.
 */
export type ExtensionRefusal =
  | 'short'
  | 'tooMany'
  | 'order'
  | 'routing'
  | 'drop'
  | 'unknownOption'
  | 'unknownOptionUnicast';

/** No packet of use has more than these (RFC 8504, section 5.3 allows limits). */
const extensionMaximum = 8;
const optionMaximum = 32;

/**
 * Walks over the extension headers after the fixed header (or from a later one on), up to a
 * transport or a fragment header.
 * @param from offset from the IPv6 header's start of the first extension header
 * @param nextHeader its kind; `nextHeaderAt` where that is written
 * @param available bytes of the packet in the first buffer, counted from the IPv6 header's start
 */
export function walkExtensions(
  bytes: Uint8Array,
  at: number,
  from: number,
  nextHeader: number,
  nextHeaderAt: number,
  available: number,
  into: ExtensionWalk,
): ExtensionRefusal | undefined {
  let length = from;
  let next = nextHeader;
  let nextAt = nextHeaderAt;
  for (let count = 0; ; count += 1) {
    into.nextHeader = next;
    into.length = length;
    into.nextHeaderAt = nextAt;
    if (
      next !== extension.hopByHop &&
      next !== extension.destinationOptions &&
      next !== extension.routing
    ) {
      return undefined;
    }
    if (count >= extensionMaximum) return 'tooMany';
    if (next === extension.hopByHop && length !== ipv6HeaderSize) {
      into.pointer = nextAt;
      return 'order';
    }
    if (length + 8 > available) return 'short';
    const size = ((bytes[at + length + 1] as number) + 1) << 3;
    if (length + size > available) return 'short';
    if (next === extension.routing) {
      // Routing headers with segments left ask us to forward (RFC 5095 forbids type 0).
      if (bytes[at + length + 3] !== 0) {
        into.pointer = length + 2;
        return 'routing';
      }
    } else {
      const refusal = walkOptions(bytes, at, length + 2, length + size, into);
      if (refusal !== undefined) return refusal;
    }
    next = bytes[at + length] as number;
    nextAt = length;
    length += size;
  }
}

/** Options of hop-by-hop and destination headers (RFC 8200, section 4.2). */
function walkOptions(
  bytes: Uint8Array,
  at: number,
  from: number,
  end: number,
  into: ExtensionWalk,
): ExtensionRefusal | undefined {
  let place = from;
  let count = 0;
  while (place < end) {
    const kind = bytes[at + place] as number;
    if (kind === 0) {
      place += 1;
      continue;
    }
    count += 1;
    if (count > optionMaximum) return 'tooMany';
    if (place + 1 >= end) return 'short';
    const next = place + 2 + (bytes[at + place + 1] as number);
    if (next > end) return 'short';
    // PadN and router alert (RFC 2711) are known; of others the top two bits say what to do.
    if (kind !== 1 && kind !== 5) {
      into.pointer = place;
      switch (kind >>> 6) {
        case 1:
          return 'drop';
        case 2:
          return 'unknownOption';
        case 3:
          return 'unknownOptionUnicast';
        default:
          break;
      }
    }
    place = next;
  }
  return undefined;
}
