/** Packets of several buffers. */
import type { Memory } from '../memory.ts';
import type { Packet } from '../packet.ts';

/** Bytes over all buffers. */
export function chainLength(packet: Packet): number {
  let length = packet.end - packet.start;
  for (let next = packet.next; next !== null; next = next.next) length += next.end - next.start;
  return length;
}

/** Cuts a packet to `length` bytes, at most what it has, and gives back buffers that are not needed then. */
export function trimChain(packet: Packet, length: number): void {
  let left = length;
  let last = packet;
  for (;;) {
    const size = last.end - last.start;
    if (size >= left || last.next === null) {
      last.end = last.start + Math.min(size, left);
      break;
    }
    left -= size;
    last = last.next;
  }
  const rest = last.next;
  last.next = null;
  rest?.release();
}

/**
 * Sum of the first `length` bytes over all buffers (RFC 1071), also when buffers hold odd numbers.
 * @param sum what to add to, folded
 */
export function chainSum(memory: Memory, packet: Packet, length: number, sum: number): number {
  if (packet.next === null) {
    return memory.checksum(packet.start, Math.min(length, packet.end - packet.start), sum);
  }
  let total = sum;
  let left = length;
  let odd = false;
  for (let part: Packet | null = packet; part !== null && left > 0; part = part.next) {
    const size = Math.min(left, part.end - part.start);
    const own = memory.checksum(part.start, size, 0);
    // RFC 1071, section 2(B): at an odd place, the sum of the bytes swapped is the sum, swapped.
    total += odd ? ((own & 0xff) << 8) | (own >>> 8) : own;
    total = (total & 0xffff) + (total >>> 16);
    if (size & 1) odd = !odd;
    left -= size;
  }
  return total;
}

/** Copies the first `length` bytes over all buffers to a place in memory. */
export function copyChain(memory: Memory, packet: Packet, length: number, to: number): void {
  let left = length;
  let at = to;
  for (let part: Packet | null = packet; part !== null && left > 0; part = part.next) {
    const size = Math.min(left, part.end - part.start);
    memory.copy(at, part.start, size);
    at += size;
    left -= size;
  }
}
