/**
 * The neighbour cache of an interface and address family: which link-layer address an IP address on
 * the link has, and whether it still answers. ARP and Neighbour Discovery share it: both follow the
 * states of RFC 4861, section 7.3.2; who asks is a NeighbourResolver.
 */
import type { IpAddress } from '../address.ts';
import type { Counters, Environment } from '../environment.ts';
import type { Packet } from '../packet.ts';
import { type Instant, Timer } from '../storage/timers.ts';
import { AddressMap } from './address-map.ts';

/** Sends the questions of a neighbour cache: ARP requests or neighbour solicitations. */
export interface NeighbourResolver {
  /**
   * Asks who has `target`.
   * @param source address of the packet that waits, to ask with (RFC 4861, section 7.2.2), or null
   * @param hardwareAddress null: ask everybody; else probe this neighbour only
   */
  solicit(target: IpAddress, source: IpAddress | null, hardwareAddress: Uint8Array | null): void;
}

/** What a cache asks of its interface. */
export interface NeighbourOwner {
  /** Sends an IP packet (packet.start is its IP header) to a neighbour whose hardware address is known. Takes it. */
  transmitTo(neighbour: Neighbour, packet: Packet): void;
  /** Nobody answered: the packet cannot be sent. Takes it. */
  unreachable(packet: Packet): void;
  /** A neighbour stopped answering, or answers again: routes through it may have to change. */
  neighbourChanged(neighbour: Neighbour): void;
}

/**
 * RFC 4861, section 7.3.2; `none`: nothing was sent to it yet; `failed`: it did not answer;
 * `removed`: the entry is not in the cache any more, look it up again.
 */
export type NeighbourState =
  | 'none'
  | 'incomplete'
  | 'reachable'
  | 'stale'
  | 'delay'
  | 'probe'
  | 'failed'
  | 'removed';

/** Timing, changed by router advertisements (RFC 4861, section 6.3.4). Microseconds. */
export interface NeighbourTimes {
  baseReachable: number;
  retransmit: number;
}

/** RFC 4861, section 10. */
const maximumSolicits = 3;
const delayFirstProbe = 5_000_000;
/** A neighbour that did not answer is not asked again within this time (RFC 1122, section 2.3.2.1). */
const failedHold = 1_000_000;
/** Packets that wait: for one neighbour, and for all of a cache. */
const queueMaximum = 64;
const waitingMaximum = 256;
const entryMaximum = 1024;
/** Reachable since before everything. */
const notReachable: Instant = -1;

/** One entry of a cache. */
export class Neighbour {
  readonly address: IpAddress;
  readonly cache: NeighbourCache;
  readonly hardwareAddress: Uint8Array = new Uint8Array(6);
  state: NeighbourState = 'none';
  /** Until when packets may be sent without a further thought; -1 when not reachable. */
  reachableUntil: Instant = notReachable;
  /** IsRouter of RFC 4861. */
  isRouter = false;
  /** When the cache was last asked for it or heard from it: the longest unused goes first. */
  used: Instant;
  readonly timer: Timer;
  readonly queue: Packet[] = [];
  /** Solicitations sent since the state began. */
  solicits = 0;
  failedAt: Instant = 0;
  askAs: IpAddress | null = null;

  constructor(
    address: IpAddress,
    cache: NeighbourCache,
    now: Instant,
    fire: (it: Neighbour) => void,
  ) {
    this.address = address;
    this.cache = cache;
    this.used = now;
    this.timer = new Timer(() => fire(this));
  }

  /** The hardware address is known and not found wrong. */
  get isResolved(): boolean {
    const { state } = this;
    return state === 'reachable' || state === 'stale' || state === 'delay' || state === 'probe';
  }
}

function sameHardware(one: Uint8Array, other: Uint8Array): boolean {
  for (let at = 0; at < 6; at += 1) if (one[at] !== other[at]) return false;
  return true;
}

/** Names under which a cache counts. */
export function neighbourCounters(): Counters {
  return {
    solicitsSent: 0,
    resolved: 0,
    changed: 0,
    failed: 0,
    dropQueueFull: 0,
    dropUnreachable: 0,
    evicted: 0,
  };
}

/** All neighbours of an interface in one address family. */
export class NeighbourCache {
  /** Who asks; without one nothing is ever resolved. */
  resolver: NeighbourResolver | null = null;
  readonly times: NeighbourTimes = { baseReachable: 30_000_000, retransmit: 1_000_000 };
  readonly counters: Counters = neighbourCounters();
  readonly #environment: Environment;
  readonly #owner: NeighbourOwner;
  readonly #entries: AddressMap<Neighbour>;
  readonly #random = new Uint8Array(4);
  #waiting = 0;

  constructor(environment: Environment, owner: NeighbourOwner) {
    this.#environment = environment;
    this.#owner = owner;
    this.#entries = new AddressMap(this.#randomWord());
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Every entry, for printing. */
  entries(): IterableIterator<Neighbour> {
    return this.#entries.values();
  }

  /** The entry of an address, if there is one. */
  lookup(address: IpAddress): Neighbour | undefined {
    return this.#entries.get(address);
  }

  /** The entry of an address, made when there is none; nothing is asked before send(). */
  resolve(address: IpAddress): Neighbour {
    const known = this.#entries.get(address);
    if (known !== undefined) {
      known.used = this.#environment.clock.now;
      return known;
    }
    if (this.#entries.size >= entryMaximum) this.#evict();
    const made = new Neighbour(address, this, this.#environment.clock.now, this.#expired);
    this.#entries.set(address, made);
    return made;
  }

  /**
   * Sends an IP packet to a neighbour, or keeps it until the neighbour's address is known. Takes it.
   * @param source the packet's source address, to ask with
   */
  send(neighbour: Neighbour, packet: Packet, source: IpAddress | null): void {
    const { now } = this.#environment.clock;
    neighbour.used = now;
    switch (neighbour.state) {
      case 'reachable':
        if (now > neighbour.reachableUntil) this.#beginDelay(neighbour, now);
        this.#owner.transmitTo(neighbour, packet);
        return;
      case 'stale':
        this.#beginDelay(neighbour, now);
        this.#owner.transmitTo(neighbour, packet);
        return;
      case 'delay':
      case 'probe':
        this.#owner.transmitTo(neighbour, packet);
        return;
      case 'incomplete':
        this.#enqueue(neighbour, packet);
        return;
      case 'failed':
        if (now - neighbour.failedAt < failedHold) {
          this.counters.dropUnreachable = (this.counters.dropUnreachable as number) + 1;
          this.#owner.unreachable(packet);
          return;
        }
        break;
      case 'none':
        break;
      case 'removed':
        this.send(this.resolve(neighbour.address), packet, source);
        return;
      default: {
        const state: never = neighbour.state;
        throw new Error(`a neighbour in the state ${state}`);
      }
    }
    neighbour.state = 'incomplete';
    neighbour.solicits = 0;
    neighbour.askAs = source;
    this.#enqueue(neighbour, packet);
    this.#solicit(neighbour, null);
  }

  /**
   * A message told a neighbour's hardware address without proving that our packets reach it: an ARP
   * request, a neighbour or router solicitation, a router advertisement (RFC 4861, section 7.2.3).
   */
  learn(address: IpAddress, hardwareAddress: Uint8Array): Neighbour {
    const neighbour = this.resolve(address);
    if (neighbour.isResolved && sameHardware(neighbour.hardwareAddress, hardwareAddress)) {
      return neighbour;
    }
    this.#setHardware(neighbour, hardwareAddress);
    this.#enter(neighbour, 'stale');
    return neighbour;
  }

  /**
   * An ARP reply or a neighbour advertisement came (RFC 4861, section 7.2.5). Changes nothing when
   * there is no entry for the address.
   * @param hardwareAddress null: the message carried none
   * @param isRouter undefined: the message does not say
   */
  advertised(
    address: IpAddress,
    hardwareAddress: Uint8Array | null,
    solicited: boolean,
    override: boolean,
    isRouter?: boolean,
  ): void {
    const neighbour = this.#entries.get(address);
    if (neighbour === undefined) return;
    if (neighbour.isResolved) {
      const differs =
        hardwareAddress !== null && !sameHardware(neighbour.hardwareAddress, hardwareAddress);
      if (differs && !override) {
        if (neighbour.state === 'reachable') this.#enter(neighbour, 'stale');
        return;
      }
      if (differs) {
        this.counters.changed = (this.counters.changed as number) + 1;
        this.#setHardware(neighbour, hardwareAddress);
      }
      if (isRouter !== undefined) neighbour.isRouter = isRouter;
      if (solicited) this.#enter(neighbour, 'reachable');
      else if (differs) this.#enter(neighbour, 'stale');
      return;
    }
    if (hardwareAddress === null || neighbour.state === 'none') return;
    this.#setHardware(neighbour, hardwareAddress);
    if (isRouter !== undefined) neighbour.isRouter = isRouter;
    this.#enter(neighbour, solicited ? 'reachable' : 'stale');
  }

  /** A transport makes progress through this neighbour (RFC 4861, section 7.3.1). */
  confirm(neighbour: Neighbour): void {
    if (!neighbour.isResolved) return;
    const { now } = this.#environment.clock;
    if (neighbour.state === 'reachable') {
      // Far from its end: leave it, this is called for every acknowledgement.
      if (neighbour.reachableUntil - now > this.times.baseReachable >> 2) return;
    }
    this.#enter(neighbour, 'reachable');
  }

  /** Forgets an entry. Packets that wait for it are dropped. */
  remove(neighbour: Neighbour): void {
    if (neighbour.state === 'removed') return;
    neighbour.state = 'removed';
    neighbour.reachableUntil = notReachable;
    this.#environment.timers.remove(neighbour.timer);
    this.#entries.delete(neighbour.address);
    this.#waiting -= neighbour.queue.length;
    this.counters.dropUnreachable =
      (this.counters.dropUnreachable as number) + neighbour.queue.length;
    for (const packet of neighbour.queue.splice(0)) packet.release();
  }

  /** Forgets all: the link went down. */
  flush(): void {
    for (const neighbour of [...this.#entries.values()]) this.remove(neighbour);
  }

  #randomWord(): number {
    this.#environment.random(this.#random);
    const [a = 0, b = 0, c = 0, d = 0] = this.#random;
    return a | (b << 8) | (c << 16) | (d << 24);
  }

  #setHardware(neighbour: Neighbour, hardwareAddress: Uint8Array): void {
    for (let at = 0; at < 6; at += 1) {
      neighbour.hardwareAddress[at] = hardwareAddress[at] as number;
    }
  }

  /** Enters a state in which the hardware address is known, and sends what waited for it. */
  #enter(neighbour: Neighbour, state: 'reachable' | 'stale'): void {
    const { clock, timers } = this.#environment;
    const wasResolved = neighbour.isResolved;
    const hadFailed = neighbour.state === 'failed';
    neighbour.state = state;
    neighbour.used = clock.now;
    timers.cancel(neighbour.timer);
    // RFC 4861, section 6.3.2: between half and one and a half of the base, against synchronised probes.
    neighbour.reachableUntil =
      state === 'reachable'
        ? clock.now + this.times.baseReachable * (0.5 + (this.#randomWord() >>> 0) / 0x100000000)
        : notReachable;
    if (wasResolved) return;
    this.counters.resolved = (this.counters.resolved as number) + 1;
    if (hadFailed) this.#owner.neighbourChanged(neighbour);
    const { queue } = neighbour;
    if (queue.length === 0) return;
    this.#waiting -= queue.length;
    for (const packet of queue.splice(0)) this.send(neighbour, packet, null);
  }

  #beginDelay(neighbour: Neighbour, now: Instant): void {
    neighbour.state = 'delay';
    neighbour.reachableUntil = notReachable;
    this.#environment.timers.set(neighbour.timer, now + delayFirstProbe);
  }

  #enqueue(neighbour: Neighbour, packet: Packet): void {
    const { queue } = neighbour;
    if (queue.length >= queueMaximum || this.#waiting >= waitingMaximum) {
      this.counters.dropQueueFull = (this.counters.dropQueueFull as number) + 1;
      packet.release();
      return;
    }
    queue.push(packet);
    this.#waiting += 1;
  }

  #solicit(neighbour: Neighbour, hardwareAddress: Uint8Array | null): void {
    const { clock, timers } = this.#environment;
    neighbour.solicits += 1;
    this.counters.solicitsSent = (this.counters.solicitsSent as number) + 1;
    timers.set(neighbour.timer, clock.now + this.times.retransmit);
    this.resolver?.solicit(neighbour.address, neighbour.askAs, hardwareAddress);
  }

  readonly #expired = (neighbour: Neighbour): void => {
    switch (neighbour.state) {
      case 'incomplete':
        if (neighbour.solicits < maximumSolicits) this.#solicit(neighbour, null);
        else this.#fail(neighbour);
        return;
      case 'delay':
        neighbour.state = 'probe';
        neighbour.solicits = 0;
        neighbour.askAs = null;
        this.#solicit(neighbour, neighbour.hardwareAddress);
        return;
      case 'probe':
        if (neighbour.solicits < maximumSolicits) {
          this.#solicit(neighbour, neighbour.hardwareAddress);
        } else {
          this.#fail(neighbour);
        }
        return;
      default:
        return;
    }
  };

  #fail(neighbour: Neighbour): void {
    neighbour.state = 'failed';
    neighbour.reachableUntil = notReachable;
    neighbour.failedAt = this.#environment.clock.now;
    this.counters.failed = (this.counters.failed as number) + 1;
    this.#owner.neighbourChanged(neighbour);
    const { queue } = neighbour;
    this.#waiting -= queue.length;
    this.counters.dropUnreachable = (this.counters.dropUnreachable as number) + queue.length;
    for (const packet of queue.splice(0)) this.#owner.unreachable(packet);
  }

  /** Makes room: of the least valuable entries the longest unused goes. */
  #evict(): void {
    const { now } = this.#environment.clock;
    let victim: Neighbour | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const neighbour of this.#entries.values()) {
      const value = worthOf(neighbour, now);
      if (
        victim === undefined ||
        value < least ||
        (value === least && neighbour.used < victim.used)
      ) {
        victim = neighbour;
        least = value;
      }
    }
    if (victim === undefined) return;
    this.counters.evicted = (this.counters.evicted as number) + 1;
    this.remove(victim);
  }
}

/**
 * How much is lost with an entry. Strangers can make us learn entries, so what answers our own packets
 * is worth most; `used` says little about it, for packets to reachable neighbours do not touch it.
 */
function worthOf(neighbour: Neighbour, now: Instant): number {
  const router = neighbour.isRouter ? 4 : 0;
  switch (neighbour.state) {
    case 'reachable':
      return router + (neighbour.reachableUntil >= now ? 3 : 1);
    case 'delay':
    case 'probe':
      return router + 2;
    case 'incomplete':
      return router + 1;
    default:
      return router;
  }
}
