/** What path MTU discovery learnt (RFC 1191, RFC 8201), for a bounded number of destinations. */
import type { IpAddress } from '../address.ts';
import type { Environment } from '../environment.ts';
import { AddressMap } from '../interface/address-map.ts';
import { type Instant, Timer } from '../storage/timers.ts';

/** RFC 1191, section 6.3 and RFC 8201, section 4: try a larger one again after 10 minutes. */
const lifetime = 600_000_000;
const entryMaximum = 1024;
/** Below these nobody believes an ICMP message (Linux's min_pmtu; RFC 8200, section 5). */
const smallest4 = 552;
const smallest6 = 1280;

interface Entry {
  readonly destination: IpAddress;
  mtu: number;
  expires: Instant;
}

/** Path MTUs by destination. */
export class PathMtus {
  /** Grows with every change: who keeps an MTU asks again when it differs. */
  generation = 0;
  readonly #environment: Environment;
  readonly #entries: AddressMap<Entry>;
  readonly #timer: Timer;

  constructor(environment: Environment, seed: number) {
    this.#environment = environment;
    this.#entries = new AddressMap(seed);
    this.#timer = new Timer(() => this.#expire());
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The MTU to a destination, at most `mtu`, that of the link. */
  lookup(destination: IpAddress, mtu: number): number {
    const entry = this.#entries.get(destination);
    return entry === undefined || entry.mtu > mtu ? mtu : entry.mtu;
  }

  /**
   * Learns a smaller MTU; it never grows before it expires.
   * @returns false when nothing changed
   */
  learn(destination: IpAddress, mtu: number): boolean {
    const { clock, timers } = this.#environment;
    const clamped = Math.max(mtu, destination.isV4 ? smallest4 : smallest6);
    const known = this.#entries.get(destination);
    if (known !== undefined && known.mtu <= clamped) return false;
    if (known === undefined && this.#entries.size >= entryMaximum) this.#evict();
    this.#entries.set(destination, { destination, mtu: clamped, expires: clock.now + lifetime });
    if (!this.#timer.isSet) timers.set(this.#timer, clock.now + lifetime);
    this.generation += 1;
    return true;
  }

  #expire(): void {
    const { clock, timers } = this.#environment;
    let next = Number.POSITIVE_INFINITY;
    for (const entry of [...this.#entries.values()]) {
      if (entry.expires <= clock.now) this.#entries.delete(entry.destination);
      else next = Math.min(next, entry.expires);
    }
    timers.set(this.#timer, next);
    this.generation += 1;
  }

  #evict(): void {
    let oldest: Entry | undefined;
    for (const entry of this.#entries.values()) {
      if (oldest === undefined || entry.expires < oldest.expires) oldest = entry;
    }
    if (oldest !== undefined) this.#entries.delete(oldest.destination);
  }
}
