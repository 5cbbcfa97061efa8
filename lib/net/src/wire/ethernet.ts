/** Ethernet II frames: destination, source, type. */
import { read16 } from './bytes.ts';

export const ethernetHeaderSize = 14;
export const etherType = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;

/** Where a frame was sent to, as a receiver sees it. */
export type FrameTarget = 'us' | 'multicast' | 'broadcast' | 'other';

/** Writes a header of 14 bytes. */
export function writeEthernet(
  bytes: Uint8Array,
  at: number,
  destination: Uint8Array,
  source: Uint8Array,
  type: number,
): void {
  for (let n = 0; n < 6; n += 1) {
    bytes[at + n] = destination[n] as number;
    bytes[at + 6 + n] = source[n] as number;
  }
  bytes[at + 12] = type >>> 8;
  bytes[at + 13] = type;
}

/** The type of a frame. */
export function frameType(bytes: Uint8Array, at: number): number {
  return read16(bytes, at + 12);
}

/** Says whom a frame is for. */
export function frameTarget(bytes: Uint8Array, at: number, us: Uint8Array): FrameTarget {
  if (
    bytes[at + 5] === us[5] &&
    bytes[at + 4] === us[4] &&
    bytes[at + 3] === us[3] &&
    bytes[at + 2] === us[2] &&
    bytes[at + 1] === us[1] &&
    bytes[at] === us[0]
  ) {
    return 'us';
  }
  if (((bytes[at] as number) & 1) === 0) return 'other';
  for (let n = 0; n < 6; n += 1) if (bytes[at + n] !== 0xff) return 'multicast';
  return 'broadcast';
}

/** A frame's source must be one station's address. */
export function isUnicastHardware(bytes: Uint8Array, at: number): boolean {
  if (((bytes[at] as number) & 1) !== 0) return false;
  for (let n = 0; n < 6; n += 1) if (bytes[at + n] !== 0) return true;
  return false;
}
