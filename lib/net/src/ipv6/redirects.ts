/** Better first hops for single destinations (RFC 4861, section 8.3), for a bounded number and time. */
import { IpAddress } from '../address.ts';
import type { Environment } from '../environment.ts';
import type { Interface } from '../interface/interface.ts';
import type { LocalAddresses } from '../ip/local.ts';
import type { RouteEntry, RoutingTable } from '../ip/routing-table.ts';
import { type Instant, Timer } from '../storage/timers.ts';
import { ipv6HeaderSize } from '../wire/ipv6.ts';
import type { Redirect } from '../wire/ndp.ts';

/** Why a redirect is not followed. */
export type RedirectRefusal =
  | 'not from the first hop in use'
  | 'destination is ours'
  | 'quoted packet is not ours'
  | 'target is ours';

const redirectLimit = 64;
/** Routers send a new one when it is still right. */
const redirectLifetime = 600e6;

/** The redirects that one interface follows. */
export class Redirects {
  readonly #environment: Environment;
  readonly #on: Interface;
  readonly #routes: RoutingTable;
  readonly #local: LocalAddresses;
  readonly #followed: { readonly entry: RouteEntry; readonly until: Instant }[] = [];
  readonly #expiry: Timer;

  constructor(
    environment: Environment,
    on: Interface,
    routes: RoutingTable,
    local: LocalAddresses,
  ) {
    this.#environment = environment;
    this.#on = on;
    this.#routes = routes;
    this.#local = local;
    this.#expiry = new Timer((now) => this.#expire(now));
  }

  /**
   * Follows a redirect that parseNdp() took.
   * @param router its source
   * @returns why it is not followed, or null
   */
  follow(redirect: Redirect, router: IpAddress, bytes: Uint8Array): RedirectRefusal | null {
    const { destination, target, options } = redirect;
    if (this.#local.has(destination)) return 'destination is ours';
    if (this.#local.has(target)) return 'target is ours';
    // Section 8.1: only the router that we use for this destination may say so.
    const current = this.#routes.lookup(destination, this.#on.index);
    if (current?.gateway?.equals(router) !== true) return 'not from the first hop in use';
    const quoted = options.redirected;
    if (quoted !== undefined && !this.#isOurs(bytes, quoted.offset, quoted.length, destination)) {
      return 'quoted packet is not ours';
    }
    const gateway = target.equals(destination) ? null : target;
    if (options.targetLinkLayer !== undefined) {
      const neighbour = this.#on.neighbours6.learn(target, options.targetLinkLayer);
      if (gateway !== null) neighbour.isRouter = true;
    }
    this.#forget((entry) => entry.destination.equals(destination));
    if (this.#followed.length >= redirectLimit)
      this.#forget((entry) => entry === this.#followed[0]?.entry);
    const { clock, timers } = this.#environment;
    const entry = this.#routes.add({
      destination,
      prefixLength: 128,
      gateway,
      interface: this.#on,
      origin: 'router',
    });
    this.#followed.push({ entry, until: clock.now + redirectLifetime });
    if (!this.#expiry.isSet) timers.set(this.#expiry, clock.now + redirectLifetime);
    return null;
  }

  /** Forgets redirects to a router that is none any longer, or all. */
  forget(router?: IpAddress): void {
    this.#forget((entry) => router === undefined || entry.gateway?.equals(router) === true);
    if (this.#followed.length === 0) this.#environment.timers.remove(this.#expiry);
  }

  /** The quoted packet, as far as it is there, is one from us to the destination. */
  #isOurs(bytes: Uint8Array, offset: number, length: number, destination: IpAddress): boolean {
    if (length < ipv6HeaderSize) return false;
    return (
      this.#local.has(IpAddress.readV6(bytes, offset + 8)) &&
      IpAddress.readV6(bytes, offset + 24).equals(destination)
    );
  }

  #expire(now: Instant): void {
    const expired = this.#followed.filter(({ until }) => until <= now).map(({ entry }) => entry);
    this.#forget((entry) => expired.includes(entry));
    const next = this.#followed[0];
    if (next !== undefined) this.#environment.timers.set(this.#expiry, next.until);
  }

  #forget(which: (entry: RouteEntry) => boolean): void {
    for (let at = this.#followed.length - 1; at >= 0; at--) {
      const { entry } = this.#followed[at] as { entry: RouteEntry };
      if (!which(entry)) continue;
      this.#followed.splice(at, 1);
      this.#routes.remove(entry);
    }
  }
}
