/** ARP for IPv4 over Ethernet (RFC 826). */

import { read16, read32, write16, write32 } from './bytes.ts';
import { etherType } from './ethernet.ts';

export const arpSize = 28;
export const arpOperation = { request: 1, reply: 2 } as const;

/** A parsed packet; one object is reused. Hardware addresses are offsets in memory. */
export class ArpHeader {
  operation = 0;
  senderHardware = 0;
  /** IPv4 addresses as 32 bits. */
  sender = 0;
  targetHardware = 0;
  target = 0;
}

/** @returns undefined when it was parsed, or why it was refused */
export function parseArp(
  bytes: Uint8Array,
  at: number,
  length: number,
  into: ArpHeader,
): 'short' | 'hardware' | 'protocol' | 'operation' | undefined {
  if (length < arpSize) return 'short';
  if (read16(bytes, at) !== 1 || bytes[at + 4] !== 6) return 'hardware';
  if (read16(bytes, at + 2) !== etherType.ipv4 || bytes[at + 5] !== 4) return 'protocol';
  const operation = read16(bytes, at + 6);
  if (operation !== arpOperation.request && operation !== arpOperation.reply) return 'operation';
  into.operation = operation;
  into.senderHardware = at + 8;
  into.sender = read32(bytes, at + 14);
  into.targetHardware = at + 18;
  into.target = read32(bytes, at + 24);
  return undefined;
}

/** Writes 28 bytes. `targetHardware` null: zeroes, not known yet. */
export function writeArp(
  bytes: Uint8Array,
  at: number,
  operation: number,
  senderHardware: Uint8Array,
  sender: number,
  targetHardware: Uint8Array | null,
  target: number,
): void {
  write16(bytes, at, 1);
  write16(bytes, at + 2, etherType.ipv4);
  bytes[at + 4] = 6;
  bytes[at + 5] = 4;
  write16(bytes, at + 6, operation);
  for (let n = 0; n < 6; n += 1) {
    bytes[at + 8 + n] = senderHardware[n] as number;
    bytes[at + 18 + n] = targetHardware === null ? 0 : (targetHardware[n] as number);
  }
  write32(bytes, at + 14, sender);
  write32(bytes, at + 24, target);
}
