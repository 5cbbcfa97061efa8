/** The TCP header (RFC 9293, section 3.1): where its fields lie, reading and writing them. */

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

/** Reads 16 bits in network order. */
export function readHalf(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/** Reads 32 bits in network order, as a signed integer. */
export function readWord(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}

/** Writes 16 bits in network order. */
export function writeHalf(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** Writes 32 bits in network order. */
export function writeWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

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
  writeHalf(bytes, at, sourcePort);
  writeHalf(bytes, at + 2, destinationPort);
  writeWord(bytes, at + 4, sequence);
  writeWord(bytes, at + 8, acknowledgment);
  bytes[at + 12] = headerSize << 2;
  bytes[at + 13] = flags;
  writeHalf(bytes, at + 14, window);
  writeWord(bytes, at + 16, 0);
}
