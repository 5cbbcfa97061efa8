/** Internet Group Management Protocol messages, versions 1 (RFC 1112), 2 (RFC 2236) and 3 (RFC 3376, section 4). */
import { IpAddress } from '../address.ts';
import { isMulticast } from '../ip/addresses.ts';
import { internetChecksum } from '../memory.ts';
import { read16, write16 } from './bytes.ts';
import { floatingByte, type MembershipQuery, type MembershipRecord } from './mld.ts';

/** 224.0.0.22, every IGMPv3-capable router; 224.0.0.2, every router. */
export const igmpRouters: IpAddress = IpAddress.v4(0xe0000016);
export const allRoutersV4: IpAddress = IpAddress.v4(0xe0000002);

export const igmpType = {
  query: 0x11,
  reportV1: 0x12,
  reportV2: 0x16,
  leave: 0x17,
  reportV3: 0x22,
} as const;

export type IgmpRefusal =
  | 'too short'
  | 'checksum is wrong'
  | 'group is not a multicast address'
  | 'sources truncated'
  | 'unknown type';

/** A message that concerns hosts: a query, or the report of another member. */
export type IgmpMessage =
  | { readonly kind: 'query'; readonly query: MembershipQuery }
  | { readonly kind: 'report'; readonly group: IpAddress }
  | { readonly kind: 'other' };

/**
 * Reads a message.
 * @param offset where it begins behind the IP header, `length` bytes of it
 */
export function parseIgmp(
  bytes: Uint8Array,
  offset: number,
  length: number,
): IgmpMessage | IgmpRefusal {
  if (length < 8) return 'too short';
  if (internetChecksum(bytes, offset, length, 0) !== 0xffff) return 'checksum is wrong';
  const group = IpAddress.readV4(bytes, offset + 4);
  switch (bytes[offset]) {
    case igmpType.query: {
      const query = parseQuery(bytes, offset, length, group);
      return typeof query === 'string' ? query : { kind: 'query', query };
    }
    case igmpType.reportV1:
    case igmpType.reportV2:
      return isMulticast(group) ? { kind: 'report', group } : 'group is not a multicast address';
    case igmpType.leave:
    case igmpType.reportV3:
      return { kind: 'other' };
    default:
      return 'unknown type';
  }
}

/** RFC 3376, section 7.1: versions are told apart by length and code. */
function parseQuery(
  bytes: Uint8Array,
  offset: number,
  length: number,
  target: IpAddress,
): MembershipQuery | IgmpRefusal {
  if (!target.isUnspecified && !isMulticast(target)) return 'group is not a multicast address';
  const group = target.isUnspecified ? null : target;
  const code = bytes[offset + 1] as number;
  if (length === 8) {
    return {
      version: code === 0 ? 1 : 2,
      group,
      maximumResponse: code === 0 ? 10_000 : code * 100,
      sources: [],
      robustness: 0,
      queryInterval: 0,
    };
  }
  if (length < 12) return 'too short';
  const count = read16(bytes, offset + 10);
  if (12 + 4 * count > length) return 'sources truncated';
  const sources: IpAddress[] = [];
  for (let index = 0; index < count; index++) {
    sources.push(IpAddress.readV4(bytes, offset + 12 + 4 * index));
  }
  return {
    version: 3,
    group,
    maximumResponse: floatingByte(code) * 100,
    sources,
    robustness: (bytes[offset + 8] as number) & 7,
    queryInterval: floatingByte(bytes[offset + 9] as number),
  };
}

/** Writes a version 3 report. Returns its length: 8, and per record 8 and 4 for each source. */
export function emitIgmpReport(
  bytes: Uint8Array,
  offset: number,
  records: readonly MembershipRecord[],
): number {
  bytes.fill(0, offset, offset + 8);
  bytes[offset] = igmpType.reportV3;
  write16(bytes, offset + 6, records.length);
  let at = offset + 8;
  for (const record of records) {
    bytes[at] = record.type;
    bytes[at + 1] = 0;
    write16(bytes, at + 2, record.sources.length);
    record.group.write(bytes, at + 4);
    at += 8;
    for (const source of record.sources) {
      source.write(bytes, at);
      at += 4;
    }
  }
  fillChecksum(bytes, offset, at - offset);
  return at - offset;
}

/** Writes a report or leave message of version 1 or 2. Returns its length, 8. */
export function emitIgmpOld(
  bytes: Uint8Array,
  offset: number,
  type: number,
  group: IpAddress,
): number {
  bytes.fill(0, offset, offset + 8);
  bytes[offset] = type;
  group.write(bytes, offset + 4);
  fillChecksum(bytes, offset, 8);
  return 8;
}

function fillChecksum(bytes: Uint8Array, offset: number, length: number): void {
  write16(bytes, offset + 2, ~internetChecksum(bytes, offset, length, 0));
}
