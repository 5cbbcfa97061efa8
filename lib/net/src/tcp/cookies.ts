/**
 * SYN cookies (Bernstein 1996; RFC 4987, section 3.6): the initial sequence number holds what the
 * handshake agreed on, under a keyed hash, so that a flood of SYNs costs no memory. With timestamps,
 * the low bits of ours carry window scale and SACK, which the peer echoes.
 */
import type { ReceivedHeader } from '../network.ts';
import type { TcpContext } from './context.ts';
import type { Segment } from './segment.ts';
import { advance, type SequenceNumber, sequence, type Timestamp } from './sequence.ts';
import type { KeyedHash } from './siphash.ts';

/** MSS values that a cookie can name; common ones. */
const segments: readonly number[] = [536, 1200, 1220, 1300, 1360, 1440, 1460, 8940];
/** Bits of the cookie: 5 of the minute, 3 of the MSS, 24 of the hash. */
const segmentBits = 3;
const hashMask = 0x00ffffff;
/** A cookie is good for this many periods after the one it was made in. */
const periods = 2;
const period = 60_000_000;
/** Low bits of the timestamp: 4 of window scale (15: none), 1 of SACK. */
const timestampBits = 5;
const timestampMask = (1 << timestampBits) - 1;

/** What a cookie tells; one object, filled again for every check. */
export class CookieContent {
  maximumSegment = 0;
  windowScale = -1;
  sackPermitted = false;
}

/** Makes and checks cookies. */
export class Cookies {
  readonly #context: TcpContext;
  readonly #hash: KeyedHash;
  /** When one was made last: otherwise no acknowledgement can be for one. */
  #madeAt = -1;
  readonly content: CookieContent = new CookieContent();

  constructor(context: TcpContext) {
    this.#context = context;
    this.#hash = context.newHash();
  }

  /** The initial sequence number that answers a SYN. */
  make(header: ReceivedHeader, segment: Segment): SequenceNumber {
    const { now } = this.#context;
    this.#madeAt = now;
    const wanted = segment.options.maximumSegment || 536;
    let index = 0;
    while (index + 1 < segments.length && (segments[index + 1] as number) <= wanted) index += 1;
    const minute = Math.floor(now / period) & 31;
    return sequence(this.#value(header, segment, segment.sequence, minute, index));
  }

  /** Our timestamp for that answer: `now` with the options in its low bits, never ahead of the clock. */
  stamp(now: Timestamp, windowScale: number, sackPermitted: boolean): Timestamp {
    const bits = (windowScale < 0 ? 15 : windowScale) | (sackPermitted ? 16 : 0);
    let value = (now & ~timestampMask) | bits;
    if (((value - now) | 0) > 0) value -= 1 << timestampBits;
    return (value | 0) as Timestamp;
  }

  /** Cookies are out there that may still come back. */
  get areOut(): boolean {
    return this.#madeAt >= 0 && this.#context.now - this.#madeAt <= (periods + 1) * period;
  }

  /**
   * Checks the acknowledgement of a cookie.
   * @returns true when it is one; `content` tells what it holds
   */
  check(header: ReceivedHeader, segment: Segment): boolean {
    const { now } = this.#context;
    if (!this.areOut) return false;
    const cookie = advance(segment.acknowledgment, -1);
    const minute = cookie >>> 27;
    const index = (cookie >>> 24) & 7;
    const age = (Math.floor(now / period) - minute) & 31;
    if (age > periods) return false;
    const peer = advance(segment.sequence, -1);
    if (this.#value(header, segment, peer, minute, index) !== cookie) return false;
    const { content } = this;
    content.maximumSegment = segments[index] as number;
    content.windowScale = -1;
    content.sackPermitted = false;
    if (segment.options.hasTimestamps) {
      const bits = segment.options.timestampEcho & timestampMask;
      content.windowScale = (bits & 15) === 15 ? -1 : bits & 15;
      content.sackPermitted = (bits & 16) !== 0;
    }
    return true;
  }

  #value(
    header: ReceivedHeader,
    segment: Segment,
    peer: SequenceNumber,
    minute: number,
    index: number,
  ): number {
    // The local address takes part by two words; the interface's other addresses share them seldom.
    const ports = (segment.destinationPort << 16) | segment.sourcePort;
    const hash = this.#hash.hash(
      header.source0,
      header.source1,
      header.source2,
      header.source3,
      header.destination0 ^ header.destination2,
      header.destination1,
      header.destination3,
      ports,
      peer,
      (minute << segmentBits) | index,
    );
    return (minute << 27) | (index << 24) | (hash & hashMask);
  }
}
