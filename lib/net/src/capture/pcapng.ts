/**
 * The pcapng file format (draft-ietf-opsawg-pcapng): blocks, each with its type and its length at both
 * ends, little endian here. Pure: everything is written into the caller's bytes.
 */

/** Link types (tcpdump.org/linktypes): Ethernet frames, or IP packets without a link header. */
export const linkType = { ethernet: 1, ip: 101 } as const;

/** Directions of an enhanced packet block's flags. */
export const direction = { received: 1, sent: 2 } as const;

const block = {
  sectionHeader: 0x0a0d0d0a,
  interfaceDescription: 1,
  interfaceStatistics: 5,
  enhancedPacket: 6,
} as const;
const option = {
  end: 0,
  application: 4,
  interfaceName: 2,
  interfaceHardwareAddress: 6,
  interfaceResolution: 9,
  packetFlags: 2,
  droppedByInterface: 5,
} as const;

/** Ticks of 10^-9 seconds. */
const nanoseconds = 9;

/** Bytes of an enhanced packet block around its data: header, flags option, end of options, length. */
export const packetOverhead = 28 + 8 + 4 + 4;

/** Bytes of an enhanced packet block with `length` bytes of packet. */
export function packetBlockSize(length: number): number {
  return packetOverhead + ((length + 3) & ~3);
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

/** Writes 32 bits, little endian. */
export function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** Reads 32 bits, little endian. */
export function get32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  );
}

/**
 * Writes a time in nanoseconds as two words, exactly, although the number of nanoseconds since 1970 is no
 * exact double.
 * @param microseconds since 1970
 */
function putTime(bytes: Uint8Array, at: number, microseconds: number): void {
  const whole = Math.floor(microseconds);
  // Two parts of 26 bits and the rest; each times 1000 is exact.
  const high = Math.floor(whole / 0x4000000) * 1000;
  const low = (whole % 0x4000000) * 1000 + (high % 64) * 0x4000000;
  put32(bytes, at, Math.floor(high / 64) + Math.floor(low / 0x100000000));
  put32(bytes, at + 4, low % 0x100000000);
}

/** A block that grows; for what is not written per packet. */
class BlockWriter {
  readonly #bytes: number[] = [];

  constructor(type: number) {
    this.word(type).word(0);
  }

  half(value: number): this {
    this.#bytes.push(value & 255, (value >>> 8) & 255);
    return this;
  }

  word(value: number): this {
    return this.half(value & 0xffff).half(value >>> 16);
  }

  option(code: number, value: ArrayLike<number>): this {
    this.half(code).half(value.length);
    for (let index = 0; index < value.length; index++) this.#bytes.push(value[index] as number);
    while (this.#bytes.length % 4 !== 0) this.#bytes.push(0);
    return this;
  }

  finish(): Uint8Array {
    this.half(option.end).half(0);
    const size = this.#bytes.length + 4;
    this.word(size);
    const block = new Uint8Array(this.#bytes);
    put32(block, 4, size);
    return block;
  }
}

function latin1(text: string): number[] {
  return [...text].map((character) => character.charCodeAt(0) & 0x7f);
}

/** The block that a file begins with. */
export function sectionHeader(): Uint8Array {
  const byteOrder = 0x1a2b3c4d;
  const unknownLength = 0xffffffff;
  return new BlockWriter(block.sectionHeader)
    .word(byteOrder)
    .half(1)
    .half(0)
    .word(unknownLength)
    .word(unknownLength)
    .option(option.application, latin1('Runtime.JS'))
    .finish();
}

/**
 * Describes an interface; packets name it by its place among these blocks, from 0 on.
 * @param kind one of linkType
 */
export function interfaceDescription(
  kind: number,
  name: string,
  hardwareAddress: Uint8Array,
  snapLength: number,
): Uint8Array {
  const writer = new BlockWriter(block.interfaceDescription)
    .half(kind)
    .half(0)
    .word(snapLength)
    .option(option.interfaceName, latin1(name));
  if (kind === linkType.ethernet) writer.option(option.interfaceHardwareAddress, hardwareAddress);
  return writer.option(option.interfaceResolution, [nanoseconds]).finish();
}

/**
 * Says how many packets of an interface are missing from the file.
 * @param microseconds now, since 1970
 */
export function interfaceStatistics(
  index: number,
  microseconds: number,
  dropped: number,
): Uint8Array {
  const time = new Uint8Array(8);
  putTime(time, 0, microseconds);
  const count = new Uint8Array(8);
  put32(count, 0, dropped % 0x100000000);
  put32(count, 4, Math.floor(dropped / 0x100000000));
  return new BlockWriter(block.interfaceStatistics)
    .word(index)
    .word(get32(time, 0))
    .word(get32(time, 4))
    .option(option.droppedByInterface, count)
    .finish();
}

/**
 * Writes an enhanced packet block around data that the caller puts at `at + 28`.
 * @param bytes has packetBlockSize(captured) bytes from `at` on
 * @param microseconds since 1970
 * @param captured bytes of the packet that are in the file
 * @param original bytes that the packet has
 * @param way one of direction
 */
export function putPacketBlock(
  bytes: Uint8Array,
  at: number,
  interfaceIndex: number,
  microseconds: number,
  captured: number,
  original: number,
  way: number,
): void {
  const size = packetBlockSize(captured);
  put32(bytes, at, block.enhancedPacket);
  put32(bytes, at + 4, size);
  put32(bytes, at + 8, interfaceIndex);
  putTime(bytes, at + 12, microseconds);
  put32(bytes, at + 20, captured);
  put32(bytes, at + 24, original);
  let end = at + packetDataOffset + captured;
  while (((end - at) & 3) !== 0) bytes[end++] = 0;
  put16(bytes, end, option.packetFlags);
  put16(bytes, end + 2, 4);
  put32(bytes, end + 4, way);
  put32(bytes, end + 8, option.end);
  put32(bytes, end + 12, size);
}

/** Where the data of an enhanced packet block begins. */
export const packetDataOffset = 28;
