/**
 * Reassembly of fragments (RFC 791, RFC 8200 section 4.5), with bounds on memory, number and time.
 *
 * Overlapping fragments end their datagram (RFC 5722; for IPv4 too, RFC 1858 shows why). Fragments are
 * copied into the stack's own buffers: those of the device stay in its ring.
 */
import type { Counters, Environment } from '../environment.ts';
import { hashWords } from '../interface/address-map.ts';
import type { Packet } from '../packet.ts';
import { type Instant, never, Timer } from '../storage/timers.ts';
import { copyChain } from './chain.ts';
import type { IncomingHeader } from './header.ts';
import type { PacketPool } from './pool.ts';

/** RFC 8200 says 60 seconds, RFC 1122 60 to 120; less serves attackers less (Linux: 30). */
const lifetime = 30_000_000;
const datagramMaximum = 64;
const fragmentMaximum = 128;
/** Bytes of buffers that incomplete datagrams may hold. */
const memoryMaximum = 1 << 20;
const payloadMaximum = 65_535;

/** Told of a datagram of which not all came in time; `first` has offset 0 and is released afterwards. */
export type ReassemblyTimeout = (first: Packet, datagram: Datagram) => void;

/** A datagram of which not all is there. */
export class Datagram {
  /** The header of the first fragment to arrive: addresses, protocol (IPv4) and interface. */
  readonly isV4: boolean;
  readonly source: readonly [number, number, number, number];
  readonly destination: readonly [number, number, number, number];
  readonly protocol: number;
  readonly identification: number;
  readonly header: IncomingHeader;
  readonly expires: Instant;
  /** By rising offset; gaps between them are missing. */
  readonly fragments: Packet[] = [];
  readonly offsets: number[] = [];
  memory = 0;
  received = 0;
  /** Bytes of the whole payload, -1 until the last fragment came. */
  total = -1;
  /** Something overlapped: all further fragments are dropped until the time is over. */
  poisoned = false;

  constructor(header: IncomingHeader, identification: number, expires: Instant) {
    this.isV4 = header.isV4;
    this.source = [header.source0, header.source1, header.source2, header.source3];
    this.destination = [
      header.destination0,
      header.destination1,
      header.destination2,
      header.destination3,
    ];
    this.protocol = header.protocol;
    this.identification = identification;
    this.header = header;
    this.expires = expires;
  }

  matches(header: IncomingHeader, identification: number): boolean {
    return (
      this.identification === identification &&
      this.isV4 === header.isV4 &&
      // IPv6 fragments of one datagram need not agree on the next header: the first one's counts.
      (!this.isV4 || this.protocol === header.protocol) &&
      this.source[3] === header.source3 &&
      this.destination[3] === header.destination3 &&
      this.source[2] === header.source2 &&
      this.destination[2] === header.destination2 &&
      this.source[1] === header.source1 &&
      this.destination[1] === header.destination1 &&
      this.source[0] === header.source0 &&
      this.destination[0] === header.destination0
    );
  }
}

/** All incomplete datagrams of both families. */
export class Reassembly {
  readonly counters: Counters = {
    fragments: 0,
    reassembled: 0,
    timedOut: 0,
    evicted: 0,
    dropOverlap: 0,
    dropDuplicate: 0,
    dropLength: 0,
    dropTiny: 0,
    dropTooLong: 0,
    dropTooMany: 0,
    dropNoMemory: 0,
  };
  readonly #environment: Environment;
  readonly #pool: PacketPool;
  readonly #timedOut: ReassemblyTimeout;
  readonly #seed: number;
  /** In order of arrival, so in order of expiry. */
  readonly #datagrams = new Map<number, Datagram>();
  readonly #timer: Timer;
  #memory = 0;

  constructor(
    environment: Environment,
    pool: PacketPool,
    seed: number,
    timedOut: ReassemblyTimeout,
  ) {
    this.#environment = environment;
    this.#pool = pool;
    this.#seed = seed;
    this.#timedOut = timedOut;
    this.#timer = new Timer((now) => this.#expire(now));
  }

  /** Incomplete datagrams, and the bytes of buffers that they hold. */
  get size(): number {
    return this.#datagrams.size;
  }

  get memory(): number {
    return this.#memory;
  }

  /**
   * Takes a fragment and, when it completes its datagram, gives that.
   * @param packet packet.start is the fragment's payload, of header.payloadLength bytes. Takes it.
   * @param offset bytes
   * @param leastFirst bytes that a first fragment must have, so that filters saw the transport's header (RFC 3128, RFC 7112)
   * @returns the datagram's payload, its IP header right before it in the first buffer, or null
   */
  add(
    packet: Packet,
    header: IncomingHeader,
    identification: number,
    offset: number,
    moreFollow: boolean,
    leastFirst: number,
  ): Packet | null {
    this.#count('fragments');
    const length = header.payloadLength;
    const refusal = this.#refuse(length, offset, moreFollow, leastFirst);
    if (refusal !== undefined) {
      this.#count(refusal);
      packet.release();
      return null;
    }
    const key = this.#keyOf(header, identification);
    const datagram = this.#find(key, header, identification);
    const done = this.#insert(datagram, packet, header, offset, length, moreFollow);
    packet.release();
    return done ? this.#complete(key, datagram, header) : null;
  }

  #refuse(
    length: number,
    offset: number,
    moreFollow: boolean,
    leastFirst: number,
  ): string | undefined {
    if (length === 0 || (moreFollow && (length & 7) !== 0)) return 'dropLength';
    if (offset + length > payloadMaximum) return 'dropTooLong';
    // An offset of 8 rewrites a TCP header's second half (RFC 1858, section 3.2): overlap checks cover it,
    // but only if the first fragment holds the whole header.
    if (offset === 0 && length < leastFirst) return 'dropTiny';
    return undefined;
  }

  #keyOf(header: IncomingHeader, identification: number): number {
    const mixed = hashWords(
      header.source0 ^ header.destination0,
      header.source1 ^ header.destination1,
      header.source2 ^ header.destination2,
      header.source3,
      this.#seed,
    );
    return hashWords(mixed, header.destination3, identification, header.isV4 ? 4 : 6, this.#seed);
  }

  #find(key: number, header: IncomingHeader, identification: number): Datagram {
    const known = this.#datagrams.get(key);
    if (known?.matches(header, identification)) return known;
    // Two datagrams with one keyed hash: the older one loses.
    if (known !== undefined) this.#drop(key, known);
    if (this.#datagrams.size >= datagramMaximum) this.#evictOldest();
    const { clock, timers } = this.#environment;
    const made = new Datagram(header.clone(), identification, clock.now + lifetime);
    this.#datagrams.set(key, made);
    if (!this.#timer.isSet) timers.set(this.#timer, made.expires);
    return made;
  }

  /** @returns true when the datagram is complete now */
  #insert(
    datagram: Datagram,
    packet: Packet,
    header: IncomingHeader,
    offset: number,
    length: number,
    moreFollow: boolean,
  ): boolean {
    const end = offset + length;
    if (datagram.poisoned) {
      this.#count('dropOverlap');
      return false;
    }
    const { fragments, offsets } = datagram;
    let place = offsets.length;
    while (place > 0 && (offsets[place - 1] as number) >= offset) place -= 1;
    const after = fragments[place];
    if (after !== undefined && offsets[place] === offset && after.length === length) {
      this.#count('dropDuplicate');
      return false;
    }
    const before = fragments[place - 1];
    const overlaps =
      (before !== undefined && (offsets[place - 1] as number) + before.length > offset) ||
      (after !== undefined && end > (offsets[place] as number)) ||
      // Two ends that differ, or something behind the end.
      (datagram.total >= 0 && (moreFollow ? end > datagram.total : end !== datagram.total)) ||
      (!moreFollow && place < offsets.length);
    if (overlaps) {
      this.#count('dropOverlap');
      this.#release(datagram);
      datagram.poisoned = true;
      return false;
    }
    if (fragments.length >= fragmentMaximum) {
      this.#count('dropTooMany');
      return false;
    }
    const prefix = offset === 0 ? packet.start - header.headerStart : 0;
    const copy = this.#allocate(datagram, prefix + length);
    if (copy === null) {
      this.#count('dropNoMemory');
      return false;
    }
    const { memory } = this.#environment;
    if (prefix > 0) memory.copy(copy.start, header.headerStart, prefix);
    copy.start += prefix;
    copyChain(memory, packet, length, copy.start);
    copy.end = copy.start + length;
    fragments.splice(place, 0, copy);
    offsets.splice(place, 0, offset);
    if (offset === 0) {
      const { header: kept } = datagram;
      kept.protocol = header.protocol;
      kept.nextHeaderAt = header.nextHeaderAt;
      kept.headerStart = copy.start - prefix;
      kept.hopLimit = header.hopLimit;
      kept.trafficClass = header.trafficClass;
    }
    datagram.received += length;
    if (!moreFollow) datagram.total = end;
    return datagram.received === datagram.total;
  }

  /** A buffer, if need be at the cost of older datagrams. */
  #allocate(datagram: Datagram, size: number): Packet | null {
    while (this.#memory + size > memoryMaximum && this.#evictOldest(datagram)) {
      // One after the other.
    }
    if (this.#memory + size > memoryMaximum) return null;
    const copy = this.#pool.allocate(size);
    if (copy === null) return null;
    datagram.memory += copy.capacity;
    this.#memory += copy.capacity;
    return copy;
  }

  #complete(key: number, datagram: Datagram, header: IncomingHeader): Packet {
    this.#datagrams.delete(key);
    this.#memory -= datagram.memory;
    this.#count('reassembled');
    const { fragments, header: kept } = datagram;
    for (let at = 0; at + 1 < fragments.length; at += 1) {
      (fragments[at] as Packet).next = fragments[at + 1] as Packet;
    }
    header.protocol = kept.protocol;
    header.nextHeaderAt = kept.nextHeaderAt;
    header.headerStart = kept.headerStart;
    header.hopLimit = kept.hopLimit;
    header.trafficClass = kept.trafficClass;
    header.payloadLength = datagram.total;
    return fragments[0] as Packet;
  }

  #release(datagram: Datagram): void {
    this.#memory -= datagram.memory;
    datagram.memory = 0;
    datagram.offsets.length = 0;
    for (const fragment of datagram.fragments.splice(0)) fragment.release();
  }

  #drop(key: number, datagram: Datagram): void {
    this.#release(datagram);
    this.#datagrams.delete(key);
  }

  /** @returns false when there is none but `except` */
  #evictOldest(except?: Datagram): boolean {
    for (const [key, datagram] of this.#datagrams) {
      if (datagram === except) continue;
      this.#count('evicted');
      this.#drop(key, datagram);
      return true;
    }
    return false;
  }

  #expire(now: Instant): void {
    let next: Instant = never;
    for (const [key, datagram] of this.#datagrams) {
      if (datagram.expires > now) {
        next = datagram.expires;
        break;
      }
      this.#count('timedOut');
      const first = datagram.fragments[0];
      // RFC 8200, section 4.5: only if the first fragment came.
      if (first !== undefined && datagram.offsets[0] === 0) this.#timedOut(first, datagram);
      this.#drop(key, datagram);
    }
    this.#environment.timers.set(this.#timer, next);
  }

  #count(name: string): void {
    this.counters[name] = (this.counters[name] as number) + 1;
  }
}
