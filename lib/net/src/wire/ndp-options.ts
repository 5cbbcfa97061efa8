/** Options of Neighbour Discovery messages (RFC 4861, section 4.6; RFC 3971, 4191, 8106). */
import { IpAddress } from '../address.ts';
import { readUnsigned32 } from './bytes.ts';
import { parseDomainNames } from './domain-names.ts';

const optionType = {
  sourceLinkLayer: 1,
  targetLinkLayer: 2,
  prefixInformation: 3,
  redirectedHeader: 4,
  mtu: 5,
  nonce: 14,
  routeInformation: 24,
  nameServers: 25,
  searchList: 31,
} as const;

/** A lifetime in seconds that never ends. */
export const infiniteLifetime = 0xffffffff;

/** Prefix Information (RFC 4861, section 4.6.2). */
export interface PrefixInformation {
  readonly prefix: IpAddress;
  readonly prefixLength: number;
  readonly onLink: boolean;
  readonly autonomous: boolean;
  /** Seconds. */
  readonly validLifetime: number;
  readonly preferredLifetime: number;
}

/** How much a router wants to be used (RFC 4191, section 2.1). */
export type RouterPreference = 'low' | 'medium' | 'high';

/** Route Information (RFC 4191, section 2.3). */
export interface RouteInformation {
  readonly prefix: IpAddress;
  readonly prefixLength: number;
  readonly preference: RouterPreference;
  /** Seconds; 0: the route is gone. */
  readonly lifetime: number;
}

/** Recursive DNS servers, and how long they may be used in seconds (RFC 8106, section 5.1). */
export interface NameServerInformation {
  readonly addresses: readonly IpAddress[];
  readonly lifetime: number;
}
/** Search domains, and how long they may be used in seconds (RFC 8106, section 5.2). */
export interface SearchListInformation {
  readonly domains: readonly string[];
  readonly lifetime: number;
}

/** All options of a message. */
export interface NdpOptions {
  readonly sourceLinkLayer: Uint8Array | undefined;
  readonly targetLinkLayer: Uint8Array | undefined;
  readonly prefixes: readonly PrefixInformation[];
  readonly mtu: number | undefined;
  readonly nonce: Uint8Array | undefined;
  readonly routes: readonly RouteInformation[];
  readonly nameServers: readonly NameServerInformation[];
  readonly searchLists: readonly SearchListInformation[];
  /** Where the packet that a redirect quotes lies, undefined without that option. */
  readonly redirected: { readonly offset: number; readonly length: number } | undefined;
}

/** Reserved value 10 means medium for routers (RFC 4191, section 2.2), ignore for routes (section 2.3). */
export function routerPreference(bits: number): RouterPreference | undefined {
  switch (bits & 3) {
    case 0:
      return 'medium';
    case 1:
      return 'high';
    case 3:
      return 'low';
    default:
      return undefined;
  }
}

/**
 * Reads the options of a message. Unknown ones are skipped, and so is a known one whose content
 * makes no sense, as RFC 4861, section 4.6 has it.
 * @returns why the message must be dropped: an option of no length, or past the end (section 6.1)
 */
export function parseNdpOptions(
  bytes: Uint8Array,
  offset: number,
  length: number,
): NdpOptions | 'option of no length' | 'option truncated' {
  let sourceLinkLayer: Uint8Array | undefined;
  let targetLinkLayer: Uint8Array | undefined;
  let mtu: number | undefined;
  let nonce: Uint8Array | undefined;
  let redirected: NdpOptions['redirected'];
  const prefixes: PrefixInformation[] = [];
  const routes: RouteInformation[] = [];
  const nameServers: NameServerInformation[] = [];
  const searchLists: SearchListInformation[] = [];

  const end = offset + length;
  for (let at = offset; at < end; ) {
    if (at + 2 > end) return 'option truncated';
    const size = (bytes[at + 1] as number) * 8;
    if (size === 0) return 'option of no length';
    if (at + size > end) return 'option truncated';
    switch (bytes[at]) {
      case optionType.sourceLinkLayer:
        if (size === 8) sourceLinkLayer = bytes.slice(at + 2, at + 8);
        break;
      case optionType.targetLinkLayer:
        if (size === 8) targetLinkLayer = bytes.slice(at + 2, at + 8);
        break;
      case optionType.prefixInformation:
        if (size === 32) add(prefixes, parsePrefix(bytes, at));
        break;
      case optionType.redirectedHeader:
        redirected = { offset: at + 8, length: size - 8 };
        break;
      case optionType.mtu:
        if (size === 8) mtu = readUnsigned32(bytes, at + 4);
        break;
      case optionType.nonce:
        nonce = bytes.slice(at + 2, at + size);
        break;
      case optionType.routeInformation:
        add(routes, parseRoute(bytes, at, size));
        break;
      case optionType.nameServers:
        add(nameServers, parseNameServers(bytes, at, size));
        break;
      case optionType.searchList:
        add(searchLists, parseSearchList(bytes, at, size));
        break;
      default:
        break;
    }
    at += size;
  }
  return {
    sourceLinkLayer,
    targetLinkLayer,
    prefixes,
    mtu,
    nonce,
    routes,
    nameServers,
    searchLists,
    redirected,
  };
}

/** Writes a Source (`isTarget` false) or Target Link-Layer Address option. Returns its length. */
export function emitLinkLayerOption(
  bytes: Uint8Array,
  offset: number,
  isTarget: boolean,
  hardwareAddress: Uint8Array,
): number {
  bytes[offset] = isTarget ? optionType.targetLinkLayer : optionType.sourceLinkLayer;
  bytes[offset + 1] = 1;
  bytes.set(hardwareAddress, offset + 2);
  return 8;
}

/** Writes a Nonce option of 6 bytes (RFC 3971, section 5.3.2). Returns its length. */
export function emitNonceOption(bytes: Uint8Array, offset: number, nonce: Uint8Array): number {
  bytes[offset] = optionType.nonce;
  bytes[offset + 1] = 1;
  bytes.set(nonce, offset + 2);
  return 8;
}

/** Reads an IPv6 address; one in IPv4-mapped form has no place in these messages. */
export function readAddress(bytes: Uint8Array, offset: number): IpAddress | undefined {
  const address = IpAddress.readV6(bytes, offset);
  return address.isV4 ? undefined : address;
}

function add<Item>(items: Item[], item: Item | undefined): void {
  if (item !== undefined) items.push(item);
}

function parsePrefix(bytes: Uint8Array, at: number): PrefixInformation | undefined {
  const prefix = readAddress(bytes, at + 16);
  const prefixLength = bytes[at + 2] as number;
  const flags = bytes[at + 3] as number;
  const validLifetime = readUnsigned32(bytes, at + 4);
  const preferredLifetime = readUnsigned32(bytes, at + 8);
  if (prefix === undefined || prefixLength > 128) return undefined;
  return {
    prefix,
    prefixLength,
    onLink: (flags & 0x80) !== 0,
    autonomous: (flags & 0x40) !== 0,
    validLifetime,
    preferredLifetime,
  };
}

/** The prefix may take 0, 8 or 16 bytes (RFC 4191, section 2.3). */
function parseRoute(bytes: Uint8Array, at: number, size: number): RouteInformation | undefined {
  const prefixLength = bytes[at + 2] as number;
  const preference = routerPreference((bytes[at + 3] as number) >>> 3);
  if (preference === undefined || size > 24 || prefixLength > 128) return undefined;
  if (prefixLength > (size - 8) * 8) return undefined;
  const raw = new Uint8Array(16);
  raw.set(bytes.subarray(at + 8, at + size));
  const prefix = readAddress(raw, 0);
  if (prefix === undefined) return undefined;
  return { prefix, prefixLength, preference, lifetime: readUnsigned32(bytes, at + 4) };
}

/** RFC 8106, section 5.1. */
function parseNameServers(
  bytes: Uint8Array,
  at: number,
  size: number,
): NameServerInformation | undefined {
  if (size < 24 || (size - 8) % 16 !== 0) return undefined;
  const addresses: IpAddress[] = [];
  for (let from = at + 8; from < at + size; from += 16) {
    const address = readAddress(bytes, from);
    const isMulticast = bytes[from] === 0xff;
    if (address !== undefined && !address.isUnspecified && !isMulticast) addresses.push(address);
  }
  return addresses.length > 0 ? { addresses, lifetime: readUnsigned32(bytes, at + 4) } : undefined;
}

/** RFC 8106, section 5.2. */
function parseSearchList(
  bytes: Uint8Array,
  at: number,
  size: number,
): SearchListInformation | undefined {
  if (size < 16) return undefined;
  const domains = parseDomainNames(bytes, at + 8, size - 8, false, true);
  if (typeof domains === 'string' || domains.length === 0) return undefined;
  return { domains, lifetime: readUnsigned32(bytes, at + 4) };
}
