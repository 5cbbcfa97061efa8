/** Makes the checksums of a changed frame right again, so that changes get further than those. */
import { get16 } from '../../sim/support/frames.ts';
import { checksumOf, put16 } from '../../sim/support/link.ts';

const checksumAt: Readonly<Record<number, number>> = { 1: 2, 2: 2, 6: 16, 17: 6, 58: 2 };

/** Corrects IP, TCP, UDP, ICMP and IGMP checksums in place, as far as the frame has them. */
export function fixChecksums(frame: Uint8Array): void {
  const type = frame.length >= 34 ? get16(frame, 12) : 0;
  if (type === 0x0800) {
    const header = ((frame[14] as number) & 15) * 4;
    const at = 14 + header;
    if (header < 20 || at > frame.length) return;
    put16(frame, 24, 0);
    put16(frame, 24, checksumOf(frame, 14, at));
    const end = Math.min(14 + get16(frame, 16), frame.length);
    fixTransport(frame, at, end, frame[23] as number, 26, 34);
  } else if (type === 0x86dd && frame.length >= 54) {
    let at = 54;
    let next = frame[20] as number;
    while ((next === 0 || next === 60 || next === 43) && at + 8 <= frame.length) {
      next = frame[at] as number;
      at += 8 * ((frame[at + 1] as number) + 1);
    }
    const end = Math.min(54 + get16(frame, 18), frame.length);
    fixTransport(frame, at, end, next, 22, 54);
  }
}

function fixTransport(
  frame: Uint8Array,
  at: number,
  end: number,
  protocol: number,
  addresses: number,
  addressesEnd: number,
): void {
  const offset = checksumAt[protocol];
  if (offset === undefined || at + offset + 2 > end) return;
  const noPseudo = protocol === 1 || protocol === 2;
  const pseudo = noPseudo
    ? 0
    : ~checksumOf(frame, addresses, addressesEnd, protocol + end - at) & 0xffff;
  put16(frame, at + offset, 0);
  put16(frame, at + offset, checksumOf(frame, at, end, pseudo));
}
