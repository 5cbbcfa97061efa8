/** The text form of addresses, for logs and configuration: dotted decimal, and RFC 4291 with RFC 5952. */
import { IpAddress } from './address.ts';

/** An address with the length of its network's prefix, as in `10.0.2.15/24`. */
export interface AddressWithPrefix {
  readonly address: IpAddress;
  /** Bits: 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly prefixLength: number;
}

/**
 * Writes an address: `10.0.2.15`, `fe80::1`. IPv4-mapped addresses are IPv4 here; IPv6 follows RFC
 * 5952 (lower case, no leading zeroes, the longest run of two or more zero groups as `::`).
 */
export function formatAddress(address: IpAddress): string {
  return address.isV4 ? formatV4(address.word3) : formatV6(address);
}

/** Writes an address with its prefix length: `10.0.2.15/24`. */
export function formatWithPrefix(address: IpAddress, prefixLength: number): string {
  return `${formatAddress(address)}/${prefixLength}`;
}

/** Writes the 6 bytes of an Ethernet address at `offset`: `52:54:00:12:34:56`. */
export function formatHardwareAddress(bytes: Uint8Array, offset = 0): string {
  const parts: string[] = [];
  for (let at = 0; at < 6; at++) {
    parts.push((bytes[offset + at] as number).toString(16).padStart(2, '0'));
  }
  return parts.join(':');
}

/**
 * Reads an address of either family.
 * @param text e.g. `10.0.2.15`, `fe80::1`, `::ffff:10.0.2.15`; no zone (`%eth0`), no prefix, no space
 * @returns undefined when the text is not an address; octal and short IPv4 forms are not (RFC 6943)
 */
export function parseAddress(text: string): IpAddress | undefined {
  if (text.includes(':')) return parseV6(text);
  const bits = parseV4(text);
  return bits === undefined ? undefined : IpAddress.v4(bits);
}

/**
 * Reads an address with its prefix length, `10.0.2.15/24` or `2001:db8::1/64`.
 * @returns undefined when the text is not of that form or the length does not fit the family
 */
export function parseWithPrefix(text: string): AddressWithPrefix | undefined {
  const slash = text.indexOf('/');
  if (slash < 0) return undefined;
  const address = parseAddress(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (address === undefined || !/^(0|[1-9][0-9]{0,2})$/.test(length)) return undefined;
  const prefixLength = Number(length);
  return prefixLength > (address.isV4 ? 32 : 128) ? undefined : { address, prefixLength };
}

function formatV4(bits: number): string {
  return `${bits >>> 24}.${(bits >>> 16) & 0xff}.${(bits >>> 8) & 0xff}.${bits & 0xff}`;
}

function formatV6(address: IpAddress): string {
  const groups: number[] = [];
  for (const word of [address.word0, address.word1, address.word2, address.word3]) {
    groups.push(word >>> 16, word & 0xffff);
  }
  // RFC 5952, section 4.2: the longest run, the first of equals, never a single group.
  let runStart = 0;
  let runLength = 1;
  for (let at = 0; at < groups.length; ) {
    let end = at;
    while (groups[end] === 0) end++;
    if (end - at > runLength) {
      runStart = at;
      runLength = end - at;
    }
    at = end + 1;
  }
  if (runLength < 2) return hexGroups(groups);
  return `${hexGroups(groups.slice(0, runStart))}::${hexGroups(groups.slice(runStart + runLength))}`;
}

function hexGroups(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(':');
}

function parseV4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let bits = 0;
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part)) return undefined;
    const value = Number(part);
    if (value > 255) return undefined;
    bits = (bits << 8) | value;
  }
  return bits;
}

function parseV6(text: string): IpAddress | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] as string, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] as string, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const given = head.length + tail.length;
  if (halves.length === 1 ? given !== 8 : given > 7) return undefined;
  const groups = [...head, ...new Array<number>(8 - given).fill(0), ...tail];
  const word = (at: number) => ((groups[at] as number) << 16) | (groups[at + 1] as number);
  return new IpAddress(word(0), word(2), word(4), word(6));
}

/** Groups between colons; the last may be dotted decimal when the text ends there. */
function parseGroups(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [at, part] of parts.entries()) {
    if (isEnd && at === parts.length - 1 && part.includes('.')) {
      const bits = parseV4(part);
      if (bits === undefined) return undefined;
      groups.push(bits >>> 16, bits & 0xffff);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}
