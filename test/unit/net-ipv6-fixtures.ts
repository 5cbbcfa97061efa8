/** ICMPv6 messages built and read by code that is not the stack's own. */

import { IpAddress } from '@runtimejs/net/address.ts';
import { formatAddress } from '@runtimejs/net/address-text.ts';
import {
  addressBytes,
  checksumOf,
  ethernet,
  ipv6,
  ipv6Type,
  ourHardware,
  peerHardware,
  word16,
  word32,
} from './net-ip-fixtures.ts';

export const routerHardware = [0x02, 0, 0, 0, 0, 0xfe];
export const router = 'fe80::1';
/** What 02:00:00:00:00:01 makes of fe80::/64. */
export const ourLinkLocal = 'fe80::ff:fe00:1';
export const endless = 0xffffffff;

export interface MessageFields {
  readonly source?: string;
  readonly destination?: string;
  readonly hopLimit?: number;
  readonly hardware?: number[];
  /** Extension headers before the message, the first one's kind, for tests of that. */
  readonly before?: { readonly kind: number; readonly bytes: number[] };
}

/** The Ethernet address of a group, or ours. */
function hardwareOf(destination: string): number[] {
  const bytes = addressBytes(destination);
  return bytes[0] === 0xff ? [0x33, 0x33, ...bytes.slice(12)] : ourHardware;
}

/** A frame with an ICMPv6 message whose checksum is right. `body` follows type and code and checksum. */
export function message(
  type: number,
  code: number,
  body: number[],
  fields: MessageFields = {},
): number[] {
  const source = fields.source ?? router;
  const destination = fields.destination ?? 'ff02::1';
  const pseudo = [
    ...addressBytes(source),
    ...addressBytes(destination),
    ...word32(body.length + 4),
    ...word32(58),
  ];
  const sum = checksumOf(pseudo, [type, code, 0, 0], body);
  const before = fields.before;
  return ethernet(
    ipv6Type,
    ipv6({
      source,
      destination,
      nextHeader: before?.kind ?? 58,
      hopLimit: fields.hopLimit ?? 255,
      payload: [...(before?.bytes ?? []), type, code, ...word16(sum), ...body],
    }),
    hardwareOf(destination),
    fields.hardware ?? routerHardware,
  );
}

export interface AdvertisementFields extends MessageFields {
  readonly lifetime?: number;
  readonly currentHops?: number;
  readonly flags?: number;
  readonly reachable?: number;
  readonly retransmit?: number;
  readonly options?: number[][];
}

/** A router advertisement; its hardware address is always in it. */
export function advertisement(fields: AdvertisementFields = {}): number[] {
  const body = [
    fields.currentHops ?? 64,
    fields.flags ?? 0,
    ...word16(fields.lifetime ?? 1800),
    ...word32(fields.reachable ?? 0),
    ...word32(fields.retransmit ?? 0),
    ...[1, 1, ...(fields.hardware ?? routerHardware)],
    ...(fields.options ?? []).flat(),
  ];
  return message(134, 0, body, fields);
}

/** Prefix Information; by default on the link and for addresses. */
export function prefixOption(
  prefix: string,
  valid = 86_400,
  preferred = 14_400,
  length = 64,
  flags = 0xc0,
): number[] {
  return [
    3,
    4,
    length,
    flags,
    ...word32(valid),
    ...word32(preferred),
    ...word32(0),
    ...addressBytes(prefix),
  ];
}

export function mtuOption(mtu: number): number[] {
  return [5, 1, 0, 0, ...word32(mtu)];
}

export function nameServerOption(lifetime: number, ...addresses: string[]): number[] {
  return [
    25,
    1 + 2 * addresses.length,
    0,
    0,
    ...word32(lifetime),
    ...addresses.flatMap(addressBytes),
  ];
}

export function searchOption(lifetime: number, domain: string): number[] {
  const labels = domain
    .split('.')
    .flatMap((label) => [label.length, ...[...label].map((letter) => letter.charCodeAt(0))]);
  const names = [...labels, 0];
  while (names.length % 8 !== 0) names.push(0);
  return [31, 1 + names.length / 8, 0, 0, ...word32(lifetime), ...names];
}

export function routeOption(prefix: string, length: number, preference: number, lifetime: number) {
  return [24, 3, length, preference << 3, ...word32(lifetime), ...addressBytes(prefix)];
}

export interface NeighbourFields extends MessageFields {
  readonly link?: number[];
  readonly nonce?: number[];
}

/** A solicitation, by default of a neighbour and with its hardware address. */
export function solicitation(target: string, fields: NeighbourFields = {}): number[] {
  const bytes = addressBytes(target);
  const group = `ff02::1:ff${hex(bytes[13])}:${hex(bytes[14])}${hex(bytes[15])}`;
  const source = fields.source ?? 'fe80::99';
  const link = fields.link ?? (source === '::' ? [] : peerHardware);
  return message(
    135,
    0,
    [
      ...[0, 0, 0, 0],
      ...bytes,
      ...(link.length > 0 ? [1, 1, ...link] : []),
      ...(fields.nonce === undefined ? [] : [14, 1, ...fields.nonce]),
    ],
    { destination: group, hardware: peerHardware, ...fields, source },
  );
}

export interface NeighbourAdvertisementFields extends NeighbourFields {
  /** 4: router, 2: solicited, 1: override. */
  readonly flags?: number;
}

export function neighbourAdvertisement(
  target: string,
  fields: NeighbourAdvertisementFields = {},
): number[] {
  const link = fields.link ?? peerHardware;
  return message(
    136,
    0,
    [(fields.flags ?? 1) << 5, 0, 0, 0, ...addressBytes(target), 2, 1, ...link],
    { source: target, hardware: peerHardware, ...fields },
  );
}

function hex(byte: number | undefined): string {
  return (byte ?? 0).toString(16).padStart(2, '0');
}

/** What the stack sent, when it is an ICMPv6 message. */
export interface Opened {
  readonly to: number[];
  readonly source: string;
  readonly destination: string;
  readonly hopLimit: number;
  readonly type: number;
  readonly code: number;
  /** The message from its type on. */
  readonly bytes: number[];
  readonly routerAlert: boolean;
}

/** Opens a frame; undefined when it is not ICMPv6; throws when lengths or checksum are wrong. */
export function openIcmpv6(frame: number[]): Opened | undefined {
  if (frame[12] !== 0x86 || frame[13] !== 0xdd) return undefined;
  const packet = frame.slice(14);
  const length = ((packet[4] as number) << 8) | (packet[5] as number);
  if (packet.length !== 40 + length) throw new Error(`payload length ${length}`);
  let at = 40;
  let next = packet[6] as number;
  let routerAlert = false;
  if (next === 0) {
    routerAlert = packet.slice(42, 46).join() === '5,2,0,0';
    next = packet[40] as number;
    at = 48;
  }
  if (next !== 58) return undefined;
  const bytes = packet.slice(at);
  const pseudo = [...packet.slice(8, 40), ...word32(bytes.length), ...word32(58)];
  if (checksumOf(pseudo, bytes) !== 0) throw new Error('the ICMPv6 checksum is wrong');
  return {
    to: frame.slice(0, 6),
    source: textOf(packet.slice(8, 24)),
    destination: textOf(packet.slice(24, 40)),
    hopLimit: packet[7] as number,
    type: bytes[0] as number,
    code: bytes[1] as number,
    bytes,
    routerAlert,
  };
}

/** All ICMPv6 messages among frames, of one type when that is given. */
export function icmpv6Of(frames: number[][], type?: number): Opened[] {
  return frames
    .flatMap((frame) => openIcmpv6(frame) ?? [])
    .filter((one) => type === undefined || one.type === type);
}

export function textOf(bytes: number[]): string {
  return formatAddress(IpAddress.readV6(Uint8Array.from(bytes), 0));
}
