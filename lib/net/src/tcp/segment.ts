/** The segment that is being received: one object, filled again for every packet. */
import type { Memory } from '../memory.ts';
import type { ReceivedHeader } from '../network.ts';
import { checksumState, type Packet } from '../packet.ts';
import { read16, read32 } from '../wire/bytes.ts';
import { tcpFlag, tcpHeaderSize } from '../wire/tcp.ts';
import { TcpOptions } from '../wire/tcp-options.ts';
import { type SequenceNumber, sequence } from './sequence.ts';

/** Why a packet is not a segment; each is a counter. */
export type SegmentDefect = 'dropChecksum' | 'dropTruncated' | 'dropMalformed';

/** A checked view of a received packet. */
export class Segment {
  sourcePort = 0;
  destinationPort = 0;
  sequence: SequenceNumber = sequence(0);
  acknowledgment: SequenceNumber = sequence(0);
  /** tcpFlag bits. */
  flags = 0;
  /** As on the wire: not scaled. */
  window = 0;
  /** Bytes of payload, over all buffers. */
  length = 0;
  /** Sequence numbers that it takes: payload, SYN and FIN. */
  span = 0;
  /** The payload begins here, in the first buffer. */
  payload = 0;
  readonly options: TcpOptions = new TcpOptions();

  /**
   * Checks and reads a packet. packet.start is the TCP header.
   * @returns null, or why it is refused
   */
  parse(memory: Memory, packet: Packet, header: ReceivedHeader): SegmentDefect | null {
    const { bytes } = memory;
    const at = packet.start;
    const total = header.payloadLength;
    const inFirst = Math.min(packet.end - at, total);
    if (inFirst < tcpHeaderSize) return 'dropTruncated';
    const headerSize = ((bytes[at + 12] as number) >>> 4) << 2;
    if (headerSize < tcpHeaderSize || headerSize > total) return 'dropMalformed';
    // Options must lie in the first buffer: drivers' buffers are far larger than 60 bytes.
    if (headerSize > inFirst) return 'dropTruncated';
    if (packet.checksum === checksumState.none && !verified(memory, packet, header)) {
      return 'dropChecksum';
    }
    this.sourcePort = read16(bytes, at);
    this.destinationPort = read16(bytes, at + 2);
    if (this.sourcePort === 0 || this.destinationPort === 0) return 'dropMalformed';
    this.sequence = read32(bytes, at + 4) as SequenceNumber;
    this.acknowledgment = read32(bytes, at + 8) as SequenceNumber;
    this.flags = bytes[at + 13] as number;
    this.window = read16(bytes, at + 14);
    this.length = total - headerSize;
    this.payload = at + headerSize;
    this.span =
      this.length +
      ((this.flags & tcpFlag.syn) !== 0 ? 1 : 0) +
      ((this.flags & tcpFlag.fin) !== 0 ? 1 : 0);
    if (!this.options.parse(bytes, at + tcpHeaderSize, at + headerSize)) return 'dropMalformed';
    return null;
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }
}

/** True when the checksum over pseudo-header, header and payload is right. */
function verified(memory: Memory, packet: Packet, header: ReceivedHeader): boolean {
  let sum = header.pseudoHeaderSum();
  let left = header.payloadLength;
  let odd = false;
  for (let part: Packet | null = packet; part !== null && left > 0; part = part.next) {
    const length = Math.min(part.end - part.start, left);
    // A part that begins at an odd distance has its bytes the other way round in the sum (RFC 1071, 2.B).
    if (odd) sum = swapHalves(sum);
    sum = memory.checksum(part.start, length, sum);
    if (odd) sum = swapHalves(sum);
    if ((length & 1) !== 0) odd = !odd;
    left -= length;
  }
  return left === 0 && sum === 0xffff;
}

function swapHalves(sum: number): number {
  return ((sum & 0xff) << 8) | (sum >>> 8);
}
