/** Neighbour Discovery messages (RFC 4861, section 4), with every check that section 6.1, 7.1 and 8.1 ask for. */
import type { IpAddress } from '../address.ts';
import { isLinkLocal, isMulticast } from '../ip/addresses.ts';
import { readUnsigned32 } from './bytes.ts';
import { icmpv6Type } from './icmpv6.ts';
import {
  emitLinkLayerOption,
  emitNonceOption,
  type NdpOptions,
  parseNdpOptions,
  type RouterPreference,
  readAddress,
  routerPreference,
} from './ndp-options.ts';

/** A router asks for nothing of us, but tells its hardware address. */
export interface RouterSolicitation {
  readonly kind: 'routerSolicitation';
  readonly options: NdpOptions;
}

/** RFC 4861, section 4.2; the preference is RFC 4191's. */
export interface RouterAdvertisement {
  readonly kind: 'routerAdvertisement';
  /** 0: unspecified by this router. */
  readonly hopLimit: number;
  /** Addresses, or other configuration, are to be had by DHCPv6. */
  readonly managed: boolean;
  readonly otherConfiguration: boolean;
  readonly preference: RouterPreference;
  /** Seconds as a default router; 0: it is none. */
  readonly routerLifetime: number;
  /** Milliseconds; 0: unspecified. */
  readonly reachableTime: number;
  readonly retransmitTimer: number;
  readonly options: NdpOptions;
}

/** RFC 4861, section 4.3: who has `target`? */
export interface NeighbourSolicitation {
  readonly kind: 'neighbourSolicitation';
  readonly target: IpAddress;
  readonly options: NdpOptions;
}

/** RFC 4861, section 4.4. */
export interface NeighbourAdvertisement {
  readonly kind: 'neighbourAdvertisement';
  readonly target: IpAddress;
  readonly isRouter: boolean;
  readonly solicited: boolean;
  readonly override: boolean;
  readonly options: NdpOptions;
}

/** RFC 4861, section 4.5. */
export interface Redirect {
  readonly kind: 'redirect';
  /** The better first hop; the destination itself when that is on the link. */
  readonly target: IpAddress;
  readonly destination: IpAddress;
  readonly options: NdpOptions;
}

export type NdpMessage =
  | RouterSolicitation
  | RouterAdvertisement
  | NeighbourSolicitation
  | NeighbourAdvertisement
  | Redirect;

/** Why a message is dropped. */
export type NdpRefusal =
  | 'hop limit is not 255'
  | 'code is not 0'
  | 'too short'
  | 'option of no length'
  | 'option truncated'
  | 'source is not link-local'
  | 'source is unspecified but a link-layer address is given'
  | 'not sent to the solicited-node group'
  | 'target is not a unicast address'
  | 'solicited, but multicast'
  | 'destination is not a unicast address'
  | 'target is neither a router nor the destination'
  | 'not a Neighbour Discovery message';

/** What is needed of the IP header around a message. */
export interface NdpHeader {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly hopLimit: number;
}

/**
 * Reads a message. The ICMPv6 checksum was verified before.
 * @param offset of the ICMPv6 header, `length` bytes of the message
 */
export function parseNdp(
  bytes: Uint8Array,
  offset: number,
  length: number,
  header: NdpHeader,
): NdpMessage | NdpRefusal {
  if (header.hopLimit !== 255) return 'hop limit is not 255';
  if (length < 8) return 'too short';
  if (bytes[offset + 1] !== 0) return 'code is not 0';
  switch (bytes[offset]) {
    case icmpv6Type.routerSolicitation:
      return parseRouterSolicitation(bytes, offset, length, header);
    case icmpv6Type.routerAdvertisement:
      return parseRouterAdvertisement(bytes, offset, length, header);
    case icmpv6Type.neighbourSolicitation:
      return parseNeighbourSolicitation(bytes, offset, length, header);
    case icmpv6Type.neighbourAdvertisement:
      return parseNeighbourAdvertisement(bytes, offset, length, header);
    case icmpv6Type.redirect:
      return parseRedirect(bytes, offset, length, header);
    default:
      return 'not a Neighbour Discovery message';
  }
}

/** Section 6.1.1. */
function parseRouterSolicitation(
  bytes: Uint8Array,
  offset: number,
  length: number,
  header: NdpHeader,
): RouterSolicitation | NdpRefusal {
  const options = parseNdpOptions(bytes, offset + 8, length - 8);
  if (typeof options === 'string') return options;
  if (header.source.isUnspecified && options.sourceLinkLayer !== undefined) {
    return 'source is unspecified but a link-layer address is given';
  }
  return { kind: 'routerSolicitation', options };
}

/** Section 6.1.2. */
function parseRouterAdvertisement(
  bytes: Uint8Array,
  offset: number,
  length: number,
  header: NdpHeader,
): RouterAdvertisement | NdpRefusal {
  if (!isLinkLocal(header.source)) return 'source is not link-local';
  if (length < 16) return 'too short';
  const options = parseNdpOptions(bytes, offset + 16, length - 16);
  if (typeof options === 'string') return options;
  const flags = bytes[offset + 5] as number;
  return {
    kind: 'routerAdvertisement',
    hopLimit: bytes[offset + 4] as number,
    managed: (flags & 0x80) !== 0,
    otherConfiguration: (flags & 0x40) !== 0,
    preference: routerPreference(flags >>> 3) ?? 'medium',
    routerLifetime: ((bytes[offset + 6] as number) << 8) | (bytes[offset + 7] as number),
    reachableTime: readUnsigned32(bytes, offset + 8),
    retransmitTimer: readUnsigned32(bytes, offset + 12),
    options,
  };
}

/** Section 7.1.1. */
function parseNeighbourSolicitation(
  bytes: Uint8Array,
  offset: number,
  length: number,
  header: NdpHeader,
): NeighbourSolicitation | NdpRefusal {
  if (length < 24) return 'too short';
  const target = readAddress(bytes, offset + 8);
  if (target === undefined || isMulticast(target)) return 'target is not a unicast address';
  const options = parseNdpOptions(bytes, offset + 24, length - 24);
  if (typeof options === 'string') return options;
  if (header.source.isUnspecified) {
    if (!isSolicitedNode(header.destination)) return 'not sent to the solicited-node group';
    if (options.sourceLinkLayer !== undefined) {
      return 'source is unspecified but a link-layer address is given';
    }
  }
  return { kind: 'neighbourSolicitation', target, options };
}

/** Section 7.1.2. */
function parseNeighbourAdvertisement(
  bytes: Uint8Array,
  offset: number,
  length: number,
  header: NdpHeader,
): NeighbourAdvertisement | NdpRefusal {
  if (length < 24) return 'too short';
  const target = readAddress(bytes, offset + 8);
  if (target === undefined || isMulticast(target)) return 'target is not a unicast address';
  const flags = bytes[offset + 4] as number;
  const solicited = (flags & 0x40) !== 0;
  if (solicited && isMulticast(header.destination)) return 'solicited, but multicast';
  const options = parseNdpOptions(bytes, offset + 24, length - 24);
  if (typeof options === 'string') return options;
  return {
    kind: 'neighbourAdvertisement',
    target,
    isRouter: (flags & 0x80) !== 0,
    solicited,
    override: (flags & 0x20) !== 0,
    options,
  };
}

/** Section 8.1; that the sender is the first hop in use is checked by whoever knows the routes. */
function parseRedirect(
  bytes: Uint8Array,
  offset: number,
  length: number,
  header: NdpHeader,
): Redirect | NdpRefusal {
  if (!isLinkLocal(header.source)) return 'source is not link-local';
  if (length < 40) return 'too short';
  const target = readAddress(bytes, offset + 8);
  const destination = readAddress(bytes, offset + 24);
  if (destination === undefined || isMulticast(destination)) {
    return 'destination is not a unicast address';
  }
  if (target === undefined || !(isLinkLocal(target) || target.equals(destination))) {
    return 'target is neither a router nor the destination';
  }
  const options = parseNdpOptions(bytes, offset + 40, length - 40);
  if (typeof options === 'string') return options;
  return { kind: 'redirect', target, destination, options };
}

/**
 * Writes a Router Solicitation with a zero checksum.
 * @param hardwareAddress ours; null when the source address is unspecified
 * @returns its length in bytes, at most 16
 */
export function emitRouterSolicitation(
  bytes: Uint8Array,
  offset: number,
  hardwareAddress: Uint8Array | null,
): number {
  bytes.fill(0, offset, offset + 8);
  bytes[offset] = icmpv6Type.routerSolicitation;
  if (hardwareAddress === null) return 8;
  return 8 + emitLinkLayerOption(bytes, offset + 8, false, hardwareAddress);
}

/**
 * Writes a Neighbour Solicitation with a zero checksum.
 * @param hardwareAddress ours, or null to leave it out (duplicate address detection)
 * @param nonce 6 bytes that tell our own solicitation from another's (RFC 7527), or null
 * @returns its length in bytes, at most 40
 */
export function emitNeighbourSolicitation(
  bytes: Uint8Array,
  offset: number,
  target: IpAddress,
  hardwareAddress: Uint8Array | null,
  nonce: Uint8Array | null,
): number {
  bytes.fill(0, offset, offset + 8);
  bytes[offset] = icmpv6Type.neighbourSolicitation;
  target.writeV6(bytes, offset + 8);
  let length = 24;
  if (hardwareAddress !== null) {
    length += emitLinkLayerOption(bytes, offset + length, false, hardwareAddress);
  }
  if (nonce !== null) length += emitNonceOption(bytes, offset + length, nonce);
  return length;
}

/**
 * Writes a Neighbour Advertisement of a host with a zero checksum.
 * @returns its length in bytes, 32
 */
export function emitNeighbourAdvertisement(
  bytes: Uint8Array,
  offset: number,
  target: IpAddress,
  solicited: boolean,
  override: boolean,
  hardwareAddress: Uint8Array,
): number {
  bytes.fill(0, offset, offset + 8);
  bytes[offset] = icmpv6Type.neighbourAdvertisement;
  bytes[offset + 4] = (solicited ? 0x40 : 0) | (override ? 0x20 : 0);
  target.writeV6(bytes, offset + 8);
  return 24 + emitLinkLayerOption(bytes, offset + 24, true, hardwareAddress);
}

/** ff02::1:ff00:0/104 */
function isSolicitedNode(address: IpAddress): boolean {
  return (
    address.word0 === (0xff020000 | 0) &&
    address.word1 === 0 &&
    address.word2 === 1 &&
    address.word3 >>> 24 === 0xff
  );
}
