/** The routing table of both families. */
import type { IpAddress } from '../address.ts';
import { formatAddress } from '../address-text.ts';
import type { Interface } from '../interface/interface.ts';
import { addressBits, matchesPrefix, networkOf } from './addresses.ts';

/** Who made a route. */
export type RouteOrigin = 'connected' | 'static' | 'dhcp' | 'router';

/** A route. Of those that match, the longest prefix wins, then the smallest metric. */
export interface RouteEntry {
  readonly destination: IpAddress;
  readonly prefixLength: number;
  /** The router, which must be a neighbour; null: the destination itself is a neighbour. */
  readonly gateway: IpAddress | null;
  readonly interface: Interface;
  readonly metric: number;
  readonly origin: RouteOrigin;
  /** Source address to prefer. */
  readonly source: IpAddress | null;
}

/** What is given to add a route. */
export interface RouteOptions {
  readonly destination: IpAddress;
  readonly prefixLength: number;
  readonly gateway?: IpAddress | null;
  readonly interface: Interface;
  /** Default 0 for connected and static routes. */
  readonly metric?: number;
  readonly origin?: RouteOrigin;
  readonly source?: IpAddress | null;
}

function gatewayFailed(entry: RouteEntry): boolean {
  if (entry.gateway === null) return false;
  const cache = entry.gateway.isV4 ? entry.interface.neighbours4 : entry.interface.neighbours6;
  return cache.lookup(entry.gateway)?.state === 'failed';
}

/** All routes. */
export class RoutingTable {
  /** Sorted: longest prefix first, then smallest metric. */
  readonly #entries: RouteEntry[] = [];
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** All routes, the longest prefixes first. */
  get entries(): readonly RouteEntry[] {
    return this.#entries;
  }

  /** Adds a route; one with the same destination, gateway, interface and origin is replaced. */
  add(options: RouteOptions): RouteEntry {
    const bits = addressBits(options.destination);
    if (!(options.prefixLength >= 0 && options.prefixLength <= bits)) {
      throw new RangeError(
        `a route's prefix length is 0 to ${bits}, not ${options.prefixLength}: ` +
          `correct the route to ${formatAddress(options.destination)}`,
      );
    }
    const gateway = options.gateway ?? null;
    if (gateway !== null && gateway.isV4 !== options.destination.isV4) {
      throw new TypeError(
        `the route to ${formatAddress(options.destination)} and its gateway ` +
          `${formatAddress(gateway)} must be of one address family`,
      );
    }
    const entry: RouteEntry = {
      destination: networkOf(options.destination, options.prefixLength),
      prefixLength: options.prefixLength,
      gateway,
      interface: options.interface,
      metric: options.metric ?? 0,
      origin: options.origin ?? 'static',
      source: options.source ?? null,
    };
    this.#take((other) => this.#isSame(other, entry));
    const at = this.#entries.findIndex(
      (other) =>
        other.prefixLength < entry.prefixLength ||
        (other.prefixLength === entry.prefixLength && other.metric > entry.metric),
    );
    this.#entries.splice(at < 0 ? this.#entries.length : at, 0, entry);
    this.#changed();
    return entry;
  }

  /** Takes one route away; false when it is not there. */
  remove(entry: RouteEntry): boolean {
    return this.removeWhere((other) => other === entry) > 0;
  }

  /** Takes away all routes of which something is true; returns how many. */
  removeWhere(which: (entry: RouteEntry) => boolean): number {
    const count = this.#take(which);
    if (count > 0) this.#changed();
    return count;
  }

  /**
   * The best route. Routes over interfaces that are down do not count; of equal ones, a gateway that
   * is not known to be dead is preferred (RFC 4861, section 6.3.6).
   * @param scope index of the interface that it must go over, 0: any
   */
  lookup(destination: IpAddress, scope: number): RouteEntry | undefined {
    let best: RouteEntry | undefined;
    for (const entry of this.#entries) {
      if (
        best !== undefined &&
        (entry.prefixLength !== best.prefixLength || entry.metric !== best.metric)
      ) {
        break;
      }
      if (!entry.interface.isUp || (scope !== 0 && entry.interface.index !== scope)) continue;
      if (!matchesPrefix(destination, entry.destination, entry.prefixLength)) continue;
      if (!gatewayFailed(entry)) return entry;
      best ??= entry;
    }
    return best;
  }

  #isSame(one: RouteEntry, other: RouteEntry): boolean {
    return (
      one.prefixLength === other.prefixLength &&
      one.interface === other.interface &&
      one.origin === other.origin &&
      one.destination.equals(other.destination) &&
      (one.gateway === null
        ? other.gateway === null
        : other.gateway !== null && one.gateway.equals(other.gateway))
    );
  }

  #take(which: (entry: RouteEntry) => boolean): number {
    const before = this.#entries.length;
    const kept = this.#entries.filter((entry) => !which(entry));
    if (kept.length === before) return 0;
    this.#entries.splice(0, before, ...kept);
    return before - kept.length;
  }
}
