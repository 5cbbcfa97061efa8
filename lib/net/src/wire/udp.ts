/** The UDP header (RFC 768). */
import { read16, write16 } from './bytes.ts';

export const udpHeaderSize = 8;

/** A parsed header; one object is reused. */
export class UdpHeader {
  sourcePort = 0;
  destinationPort = 0;
  /** Header included. */
  length = 0;
  /** 0: none was computed. */
  checksum = 0;
}

/**
 * @param length bytes in the first buffer
 * @param whole bytes of the IP payload over all buffers
 * @returns undefined when it was parsed, or why it was refused
 */
export function parseUdp(
  bytes: Uint8Array,
  at: number,
  length: number,
  whole: number,
  into: UdpHeader,
): 'short' | 'length' | 'port' | undefined {
  if (length < udpHeaderSize) return 'short';
  const size = read16(bytes, at + 4);
  if (size < udpHeaderSize || size > whole) return 'length';
  const destinationPort = read16(bytes, at + 2);
  if (destinationPort === 0) return 'port';
  into.sourcePort = read16(bytes, at);
  into.destinationPort = destinationPort;
  into.length = size;
  into.checksum = read16(bytes, at + 6);
  return undefined;
}

/** Writes 8 bytes. `checksum`: the pseudo-header's sum, to be completed below. */
export function writeUdp(
  bytes: Uint8Array,
  at: number,
  sourcePort: number,
  destinationPort: number,
  length: number,
  checksum: number,
): void {
  write16(bytes, at, sourcePort);
  write16(bytes, at + 2, destinationPort);
  write16(bytes, at + 4, length);
  write16(bytes, at + 6, checksum);
}
