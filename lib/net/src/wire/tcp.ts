/** The TCP header (RFC 9293, section 3.1): where its fields lie, reading and writing them. */
import { write16, write32 } from './bytes.ts';

/** Bytes of the header without options, and the most that it can have. */
export const tcpHeaderSize = 20;
export const tcpHeaderMaximum = 60;

/** Offset of the checksum in the header. */
export const tcpChecksumOffset = 16;

/** Control bits (RFC 9293, section 3.1; the ECN bits are RFC 3168's). */
export const tcpFlag = {
  fin: 0x01,
  syn: 0x02,
  rst: 0x04,
  psh: 0x08,
  ack: 0x10,
  urg: 0x20,
  ece: 0x40,
  cwr: 0x80,
} as const;

/**
 * Writes a header, with zero as checksum and urgent pointer; options follow at `at + 20`.
 * @param headerSize bytes of header and options, a multiple of 4
 * @param window as it goes on the wire: already scaled, at most 65535
 */
export function writeTcpHeader(
  bytes: Uint8Array,
  at: number,
  sourcePort: number,
  destinationPort: number,
  sequence: number,
  acknowledgment: number,
  headerSize: number,
  flags: number,
  window: number,
): void {
  write16(bytes, at, sourcePort);
  write16(bytes, at + 2, destinationPort);
  write32(bytes, at + 4, sequence);
  write32(bytes, at + 8, acknowledgment);
  bytes[at + 12] = headerSize << 2;
  bytes[at + 13] = flags;
  write16(bytes, at + 14, window);
  write32(bytes, at + 16, 0);
}
