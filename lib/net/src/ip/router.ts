/** Finds routes and remembers them. */
import { anyV4, anyV6, type IpAddress, loopbackV4, loopbackV6 } from '../address.ts';
import type { SocketError } from '../errors.ts';
import { hashWords } from '../interface/address-map.ts';
import type { Interface } from '../interface/interface.ts';
import { isLinkLocal, isLoopback, isMulticast, needsScope } from './addresses.ts';
import type { LocalAddresses } from './local.ts';
import type { PathMtus } from './path-mtu.ts';
import { IpRoute, type RouteGeneration, type RouteKind } from './route.ts';
import { RoutingTable } from './routing-table.ts';
import { chooseSource } from './source.ts';

const cacheSize = 256;
const noHardware = new Uint8Array(6);

/** Where a packet goes next, before its source is chosen. */
interface Way {
  readonly kind: RouteKind;
  readonly over: Interface;
  /** null: no neighbour is asked. */
  readonly nextHop: IpAddress | null;
  readonly preferredSource: IpAddress | null;
}

/** Routes of this machine. */
export class Router {
  readonly table: RoutingTable;
  /** Counts changes; routes made before the last one are not valid any more. */
  readonly generation: RouteGeneration = { current: 0 };
  readonly #interfaces: readonly Interface[];
  readonly #local: LocalAddresses;
  readonly #pathMtus: PathMtus;
  readonly #seed: number;
  readonly #cache: (IpRoute | undefined)[] = new Array<undefined>(cacheSize).fill(undefined);

  /** @param interfaces in order of index; the first is loopback */
  constructor(
    interfaces: readonly Interface[],
    local: LocalAddresses,
    pathMtus: PathMtus,
    seed: number,
    changed: () => void,
  ) {
    this.#interfaces = interfaces;
    this.#local = local;
    this.#pathMtus = pathMtus;
    this.#seed = seed;
    this.table = new RoutingTable(changed);
  }

  /** Makes every route found so far invalid. */
  invalidate(): void {
    this.generation.current += 1;
    this.#cache.fill(undefined);
  }

  /** As NetworkLayer.route(). */
  route(
    destination: IpAddress,
    source: IpAddress | undefined,
    scope: number,
  ): IpRoute | SocketError {
    const slot =
      (hashWords(
        destination.word0,
        destination.word1,
        destination.word2 ^ scope,
        destination.word3,
        this.#seed,
      ) >>>
        0) %
      cacheSize;
    const cached = this.#cache[slot];
    if (
      cached !== undefined &&
      cached.requestedScope === scope &&
      cached.destination.equals(destination) &&
      (source === undefined
        ? cached.requestedSource === undefined
        : cached.requestedSource?.equals(source) === true)
    ) {
      return cached;
    }
    const found = this.#find(destination, source, scope);
    if (typeof found !== 'string') this.#cache[slot] = found;
    return found;
  }

  #find(to: IpAddress, source: IpAddress | undefined, scope: number): IpRoute | SocketError {
    // Connecting to "any" means this machine (as Linux does).
    const destination = to.isUnspecified ? (to.isV4 ? loopbackV4 : loopbackV6) : to;
    if (source !== undefined && source.isV4 !== destination.isV4) {
      // A wildcard of the other family, as dual-stack sockets have it, says nothing.
      if (!source.isUnspecified) return 'ENETUNREACH';
      return this.#find(destination, undefined, scope);
    }
    const way = this.#way(destination, source, scope);
    if (typeof way === 'string') return way;
    const from = this.#source(way, destination, source, scope);
    if (typeof from === 'string') return from;
    const { over, nextHop, kind } = way;
    const cache = destination.isV4 ? over.neighbours4 : over.neighbours6;
    const hardware =
      kind === 'multicast' || kind === 'broadcast'
        ? over.link.multicastHardware(destination)
        : noHardware;
    return new IpRoute(
      kind,
      destination,
      from,
      over,
      nextHop === null ? null : cache.resolve(nextHop),
      hardware,
      source,
      scope,
      this.generation,
      this.#pathMtus,
    );
  }

  #way(destination: IpAddress, source: IpAddress | undefined, scope: number): Way | SocketError {
    const loopback = this.#interfaces[0] as Interface;
    const multicast = isMulticast(destination);
    const broadcast = destination.isV4 && this.#local.isBroadcast4(destination.word3);
    if (!multicast && !broadcast && (isLoopback(destination) || this.#isOurs(destination, scope))) {
      return { kind: 'local', over: loopback, nextHop: null, preferredSource: null };
    }
    if (source !== undefined && isLoopback(source) && !multicast) return 'EADDRNOTAVAIL';
    if (scope !== 0) {
      const named = this.#interfaces[scope - 1];
      if (named === undefined) return 'ENETUNREACH';
      if (!named.isUp) return 'ENETDOWN';
    }
    const entry = this.table.lookup(destination, scope);
    if (multicast || broadcast) {
      const over = this.#groupInterface(destination, source, scope, entry?.interface);
      if (over === undefined) return 'ENETUNREACH';
      const kind = multicast ? 'multicast' : 'broadcast';
      return { kind, over, nextHop: null, preferredSource: entry?.source ?? null };
    }
    if (!destination.isV4 && isLinkLocal(destination)) {
      const over = this.#groupInterface(destination, source, scope, undefined);
      if (over === undefined) return 'ENETUNREACH';
      return { kind: 'unicast', over, nextHop: destination, preferredSource: null };
    }
    if (entry === undefined) return 'ENETUNREACH';
    return {
      kind: 'unicast',
      over: entry.interface,
      nextHop: entry.gateway ?? destination,
      preferredSource: entry.source,
    };
  }

  #isOurs(address: IpAddress, scope: number): boolean {
    return this.#local.find(address, scope) !== undefined;
  }

  /** The interface for a destination that means something on one link only. */
  #groupInterface(
    destination: IpAddress,
    source: IpAddress | undefined,
    scope: number,
    routed: Interface | undefined,
  ): Interface | undefined {
    if (scope !== 0) return this.#interfaces[scope - 1];
    if (source !== undefined && !source.isUnspecified) {
      const own = this.#local.find(source, 0);
      if (own !== undefined) return own.interface;
    }
    if (routed !== undefined && !needsScope(destination)) return routed;
    for (const one of this.#interfaces) {
      if (one.isLoopback || !one.isUp) continue;
      if (one.addresses.some((has) => has.address.isV4 === destination.isV4)) return one;
    }
    return undefined;
  }

  #source(
    way: Way,
    destination: IpAddress,
    source: IpAddress | undefined,
    scope: number,
  ): IpAddress | SocketError {
    const isGroup = way.kind === 'multicast' || way.kind === 'broadcast';
    if (source !== undefined && !source.isUnspecified) {
      return this.#local.has(source) ? source : 'EADDRNOTAVAIL';
    }
    // DHCP, duplicate address detection and MLD speak before there is an address.
    if (source !== undefined && isGroup && scope !== 0) return source;
    if (way.kind === 'local') {
      if (isLoopback(destination)) return destination.isV4 ? loopbackV4 : loopbackV6;
      return destination;
    }
    const preferred = way.preferredSource;
    if (preferred !== null && this.#isOurs(preferred, 0)) return preferred;
    const aim = destination.isV4 && way.nextHop !== null ? way.nextHop : destination;
    const chosen = chooseSource(way.over.addresses, aim);
    if (chosen !== undefined) return chosen.address;
    if (!needsScope(destination)) {
      for (const one of this.#interfaces) {
        if (one.isLoopback || !one.isUp) continue;
        const other = chooseSource(one.addresses, destination);
        if (other !== undefined && !isLinkLocal(other.address)) return other.address;
      }
    }
    if (isGroup && scope !== 0) return destination.isV4 ? anyV4 : anyV6;
    return 'EADDRNOTAVAIL';
  }
}
