/** The header before each frame: struct virtio_net_hdr (virtio 1.2, section 5.1.6), 12 bytes. */

export const headerBytes = 12;

/** Offsets of the fields, little endian. */
export const headerField = {
  flags: 0,
  segmentationType: 1,
  headerLength: 2,
  segmentSize: 4,
  checksumStart: 6,
  checksumOffset: 8,
  bufferCount: 10,
} as const;

/** Bits of `flags`. */
export const headerFlag = { needsChecksum: 1, dataValid: 2 } as const;

/** Values of `segmentationType`; the ECN bit may be set besides. */
export const segmentationType = { none: 0, tcp4: 1, tcp6: 4, ecn: 0x80 } as const;

/** Writes a header that asks for nothing: the frame goes out as it is. */
export function emitPlain(bytes: Uint8Array, at: number): void {
  bytes.fill(0, at, at + headerBytes);
}

/**
 * Writes a header that asks for a checksum, and, with a segment size, for segmentation.
 * @param checksumStart from the frame's first byte to the first byte summed
 * @param checksumOffset from there to the checksum
 * @param type one of segmentationType
 * @param headerLength bytes before the TCP payload; 0 without segmentation
 */
export function emitOffload(
  bytes: Uint8Array,
  at: number,
  checksumStart: number,
  checksumOffset: number,
  type: number,
  headerLength: number,
  segmentSize: number,
): void {
  bytes[at + headerField.flags] = headerFlag.needsChecksum;
  bytes[at + headerField.segmentationType] = type;
  write16(bytes, at + headerField.headerLength, headerLength);
  write16(bytes, at + headerField.segmentSize, segmentSize);
  write16(bytes, at + headerField.checksumStart, checksumStart);
  write16(bytes, at + headerField.checksumOffset, checksumOffset);
  write16(bytes, at + headerField.bufferCount, 0);
}

/** Reads a 16-bit field. */
export function read16(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
}

function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 0xff;
  bytes[at + 1] = value >> 8;
}
