/** Multicast Listener Discovery messages, versions 1 (RFC 2710) and 2 (RFC 3810, section 5). */
import { IpAddress } from '../address.ts';
import { isLinkLocal, isMulticast } from '../ip/addresses.ts';
import { read16, write16 } from './bytes.ts';
import { icmpv6Type } from './icmpv6.ts';
import { readAddress } from './ndp-options.ts';

/** ff02::16, every MLDv2-capable router; ff02::2, every router. */
export const mldRouters: IpAddress = new IpAddress(0xff020000, 0, 0, 0x16);
export const allRoutersV6: IpAddress = new IpAddress(0xff020000, 0, 0, 2);

/** A router asks which groups are listened to, on MLD and IGMP alike. */
export interface MembershipQuery {
  /** 1 or 2 with MLD; 1, 2 or 3 with IGMP. */
  readonly version: number;
  /** Null: all groups. */
  readonly group: IpAddress | null;
  /** Milliseconds to answer in. */
  readonly maximumResponse: number;
  /** Sources asked about; empty: all. */
  readonly sources: readonly IpAddress[];
  /** Robustness and query interval in seconds of the querier, 0 when the version has none. */
  readonly robustness: number;
  readonly queryInterval: number;
}

/** What a record of a report says (RFC 3810, section 5.2.12; RFC 3376, section 4.2.12). */
export const recordType = {
  isInclude: 1,
  isExclude: 2,
  toInclude: 3,
  toExclude: 4,
} as const;

/** A group's record in a report. */
export interface MembershipRecord {
  readonly type: number;
  readonly group: IpAddress;
  readonly sources: readonly IpAddress[];
}

export type MldRefusal =
  | 'too short'
  | 'hop limit is not 1'
  | 'source is not link-local'
  | 'group is not a multicast address'
  | 'sources truncated';

/**
 * Reads a query, after the checks of RFC 3810, section 6.2.
 * @param offset of the ICMPv6 header, `length` bytes of the message
 */
export function parseMldQuery(
  bytes: Uint8Array,
  offset: number,
  length: number,
  source: IpAddress,
  hopLimit: number,
): MembershipQuery | MldRefusal {
  if (hopLimit !== 1) return 'hop limit is not 1';
  if (!isLinkLocal(source)) return 'source is not link-local';
  // Section 8.1: 24 bytes are version 1, 28 or more version 2, all else is nothing.
  if (length < 24 || (length > 24 && length < 28)) return 'too short';
  const target = readAddress(bytes, offset + 8);
  if (target === undefined || !(target.isUnspecified || isMulticast(target))) {
    return 'group is not a multicast address';
  }
  const group = target.isUnspecified ? null : target;
  const code = read16(bytes, offset + 4);
  if (length === 24) {
    return {
      version: 1,
      group,
      maximumResponse: code,
      sources: [],
      robustness: 0,
      queryInterval: 0,
    };
  }
  const count = read16(bytes, offset + 26);
  if (28 + 16 * count > length) return 'sources truncated';
  const sources: IpAddress[] = [];
  for (let index = 0; index < count; index++) {
    const address = readAddress(bytes, offset + 28 + 16 * index);
    if (address !== undefined) sources.push(address);
  }
  return {
    version: 2,
    group,
    maximumResponse: code < 0x8000 ? code : ((code & 0xfff) | 0x1000) << (((code >>> 12) & 7) + 3),
    sources,
    robustness: (bytes[offset + 24] as number) & 7,
    queryInterval: floatingByte(bytes[offset + 25] as number),
  };
}

/** Group of a version 1 report (of another listener), undefined when it is wrong. */
export function parseMldReport(
  bytes: Uint8Array,
  offset: number,
  length: number,
): IpAddress | undefined {
  if (length < 24) return undefined;
  const group = readAddress(bytes, offset + 8);
  return group !== undefined && isMulticast(group) ? group : undefined;
}

/**
 * Writes a version 2 report with a zero checksum.
 * @returns its length in bytes: 8, and per record 20 and 16 for each source
 */
export function emitMldReport(
  bytes: Uint8Array,
  offset: number,
  records: readonly MembershipRecord[],
): number {
  bytes.fill(0, offset, offset + 8);
  bytes[offset] = icmpv6Type.multicastListenerReportV2;
  write16(bytes, offset + 6, records.length);
  let at = offset + 8;
  for (const record of records) {
    bytes[at] = record.type;
    bytes[at + 1] = 0;
    write16(bytes, at + 2, record.sources.length);
    record.group.writeV6(bytes, at + 4);
    at += 20;
    for (const source of record.sources) {
      source.writeV6(bytes, at);
      at += 16;
    }
  }
  return at - offset;
}

/** Writes a version 1 report, or its Done, with a zero checksum. Returns its length, 24. */
export function emitMldV1(
  bytes: Uint8Array,
  offset: number,
  isDone: boolean,
  group: IpAddress,
): number {
  bytes.fill(0, offset, offset + 8);
  bytes[offset] = isDone ? icmpv6Type.multicastListenerDone : icmpv6Type.multicastListenerReport;
  group.writeV6(bytes, offset + 8);
  return 24;
}

/** The floating-point byte of both protocols' query interval codes (RFC 3376, section 4.1.7). */
export function floatingByte(code: number): number {
  return code < 0x80 ? code : ((code & 0xf) | 0x10) << (((code >>> 4) & 7) + 3);
}
