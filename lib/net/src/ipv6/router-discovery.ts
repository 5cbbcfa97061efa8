/**
 * Router discovery of a host (RFC 4861, section 6.3), with preferences and routes (RFC 4191), name
 * servers (RFC 8106) and solicitations that never end (RFC 7559).
 */
import type { IpAddress } from '../address.ts';
import type { Counters, Environment } from '../environment.ts';
import { isLinkLocal, isMulticast, networkOf } from '../ip/addresses.ts';
import { type Instant, Timer } from '../storage/timers.ts';
import type { RouterAdvertisement } from '../wire/ndp.ts';
import type { PrefixInformation, RouterPreference } from '../wire/ndp-options.ts';
import { deadline } from './autoconfiguration.ts';

/** A route that a router announced: to everywhere (length 0), to a prefix, or on the link. */
export interface AnnouncedRoute {
  readonly prefix: IpAddress;
  readonly prefixLength: number;
  /** Null: the prefix is on the link. */
  readonly router: IpAddress | null;
  readonly preference: RouterPreference;
}

/** What router discovery needs of its interface. */
export interface RouterDiscoveryHost {
  readonly environment: Environment;
  readonly counters: Counters;
  sendSolicitation(): void;
  addRoute(route: AnnouncedRoute): void;
  removeRoute(route: AnnouncedRoute): void;
  /** A prefix from which addresses may be made. */
  prefix(option: PrefixInformation): void;
  setHopLimit(hopLimit: number): void;
  setMtu(mtu: number): void;
  /** Microseconds; undefined: unspecified, leave it. */
  setNeighbourTimes(reachable: number | undefined, retransmit: number | undefined): void;
  /** The name servers and search domains in force changed. */
  setResolver(nameServers: readonly IpAddress[], searchDomains: readonly string[]): void;
  /** The router's hardware address, undefined when it did not say. */
  routerSeen(router: IpAddress, hardwareAddress: Uint8Array | undefined): void;
  /** An advertisement was taken. */
  configured(advertisement: RouterAdvertisement, router: IpAddress): void;
}

interface Entry<Content> {
  readonly content: Content;
  until: Instant;
}

/** RFC 7559: from one second (RFC 4861 says 4, but this is boot time) to an hour, doubling. */
const firstInterval = 1e6;
const longestInterval = 3600e6;
/** What one link may make us remember. */
const routeLimit = 32;
const nameServerLimit = 8;
const domainLimit = 16;
/** RFC 4861, section 6.2.1: the largest reachable time, and a floor against floods, in milliseconds. */
const longestReachable = 3_600_000;
/** The RFC names no largest one; who asks for a neighbour once an hour has none. Milliseconds. */
const longestRetransmit = 60_000;
const shortestTimer = 100;

/** What the routers of one link say, and until when it holds. */
export class RouterDiscovery {
  readonly #host: RouterDiscoveryHost;
  readonly #solicit: Timer;
  readonly #expiry: Timer;
  readonly #noise = new Uint8Array(2);
  readonly #routes: Entry<AnnouncedRoute>[] = [];
  readonly #nameServers: Entry<IpAddress>[] = [];
  readonly #domains: Entry<string>[] = [];
  #interval = 0;
  #answered = false;
  #resolverText = '';

  constructor(host: RouterDiscoveryHost) {
    this.#host = host;
    this.#solicit = new Timer((now) => this.#solicitNow(now));
    this.#expiry = new Timer((now) => this.#expire(now));
  }

  /** True once a router answered since start(). */
  get answered(): boolean {
    return this.#answered;
  }

  /** The routers that lead everywhere. */
  get defaultRouters(): IpAddress[] {
    const routers: IpAddress[] = [];
    for (const { content } of this.#routes) {
      if (content.prefixLength === 0 && content.router !== null) routers.push(content.router);
    }
    return routers;
  }

  /** Starts asking for routers, when the link comes up. */
  start(): void {
    this.#answered = false;
    this.#interval = firstInterval;
    this.#solicitNow(this.#host.environment.clock.now);
  }

  /** Stops asking, when the link goes down. What was learnt stays until its time is over. */
  stop(): void {
    this.#host.environment.timers.remove(this.#solicit);
  }

  /** Forgets everything: the interface is not configured by routers any longer. */
  clear(): void {
    this.stop();
    this.#host.environment.timers.remove(this.#expiry);
    for (const { content } of this.#routes.splice(0)) this.#host.removeRoute(content);
    this.#nameServers.length = 0;
    this.#domains.length = 0;
    this.#updateResolver();
  }

  /** A neighbour said that it is no router any longer (RFC 4861, section 7.2.5). */
  isNoRouter(address: IpAddress): void {
    this.#removeRoutes((route) => route.router?.equals(address) === true);
  }

  /** Takes an advertisement, checked as parseNdp() does (section 6.3.4). */
  advertised(message: RouterAdvertisement, router: IpAddress): void {
    const { environment } = this.#host;
    const { now } = environment.clock;
    const { options } = message;
    this.#host.routerSeen(router, options.sourceLinkLayer);
    if (message.hopLimit !== 0) this.#host.setHopLimit(message.hopLimit);
    this.#host.setNeighbourTimes(
      plausibleTime(message.reachableTime, longestReachable),
      plausibleTime(message.retransmitTimer, longestRetransmit),
    );
    // Below 1280 there is no IPv6 (RFC 8200, section 5); what is above the device's is cut there.
    if (options.mtu !== undefined) {
      if (options.mtu >= 1280) this.#host.setMtu(options.mtu);
      else this.#count('ra: MTU below 1280');
    }
    const { preference } = message;
    const anywhere = networkOf(router, 0);
    this.#setRoute(
      { prefix: anywhere, prefixLength: 0, router, preference },
      message.routerLifetime,
      now,
    );
    for (const route of options.routes) {
      const prefix = networkOf(route.prefix, route.prefixLength);
      // RFC 4191, section 2.3: a route to everywhere stands for the default router.
      this.#setRoute({ ...route, prefix, router }, route.lifetime, now);
    }
    for (const option of options.prefixes) this.#prefix(option, now);
    this.#setResolver(message, now);
    this.#armExpiry();
    if (message.routerLifetime > 0 || options.prefixes.length > 0) {
      this.#answered = true;
      environment.timers.cancel(this.#solicit);
    }
    this.#host.configured(message, router);
  }

  #prefix(option: PrefixInformation, now: Instant): void {
    const prefix = networkOf(option.prefix, option.prefixLength);
    if (isLinkLocal(prefix) || isMulticast(prefix) || option.prefixLength === 0) {
      this.#count('ra: absurd prefix');
      return;
    }
    if (option.onLink) {
      this.#setRoute(
        { prefix, prefixLength: option.prefixLength, router: null, preference: 'medium' },
        option.validLifetime,
        now,
      );
    }
    this.#host.prefix(option);
  }

  #setRoute(route: AnnouncedRoute, lifetime: number, now: Instant): void {
    const known = this.#routes.find(({ content }) => sameRoute(content, route));
    if (lifetime === 0) {
      if (known !== undefined) this.#removeRoutes((one) => one === known.content);
      return;
    }
    const until = deadline(now, lifetime);
    if (known !== undefined && known.content.preference === route.preference) {
      known.until = until;
      return;
    }
    if (known !== undefined) this.#removeRoutes((one) => one === known.content);
    if (this.#routes.length >= routeLimit) {
      this.#count('ra: too many routes');
      return;
    }
    this.#routes.push({ content: route, until });
    this.#host.addRoute(route);
  }

  #removeRoutes(which: (route: AnnouncedRoute) => boolean): void {
    for (let at = this.#routes.length - 1; at >= 0; at--) {
      const { content } = this.#routes[at] as Entry<AnnouncedRoute>;
      if (!which(content)) continue;
      this.#routes.splice(at, 1);
      this.#host.removeRoute(content);
    }
  }

  #setResolver(message: RouterAdvertisement, now: Instant): void {
    for (const { addresses, lifetime } of message.options.nameServers) {
      for (const address of addresses) {
        const same = (one: IpAddress) => one.equals(address);
        this.#remember(this.#nameServers, address, same, nameServerLimit, lifetime, now);
      }
    }
    for (const { domains, lifetime } of message.options.searchLists) {
      for (const domain of domains) {
        const same = (one: string) => one === domain;
        this.#remember(this.#domains, domain, same, domainLimit, lifetime, now);
      }
    }
    this.#updateResolver();
  }

  #remember<Content>(
    entries: Entry<Content>[],
    content: Content,
    same: (one: Content) => boolean,
    limit: number,
    lifetime: number,
    now: Instant,
  ): void {
    const at = entries.findIndex((entry) => same(entry.content));
    if (lifetime === 0) {
      if (at >= 0) entries.splice(at, 1);
    } else if (at >= 0) {
      (entries[at] as Entry<Content>).until = deadline(now, lifetime);
    } else if (entries.length < limit) {
      entries.push({ content, until: deadline(now, lifetime) });
    } else {
      this.#count('ra: too many name servers or domains');
    }
  }

  #updateResolver(): void {
    const servers = this.#nameServers.map(({ content }) => content);
    const domains = this.#domains.map(({ content }) => content);
    const text = [
      ...servers.map((one) => [one.word0, one.word1, one.word2, one.word3].join(':')),
      ...domains,
    ].join(' ');
    if (text === this.#resolverText) return;
    this.#resolverText = text;
    this.#host.setResolver(servers, domains);
  }

  #armExpiry(): void {
    let next = Number.POSITIVE_INFINITY;
    for (const entries of [this.#routes, this.#nameServers, this.#domains]) {
      for (const { until } of entries) next = Math.min(next, until);
    }
    this.#host.environment.timers.set(this.#expiry, next);
  }

  #expire(now: Instant): void {
    const hadRouter = this.defaultRouters.length > 0;
    const expired = this.#routes.filter(({ until }) => until <= now).map(({ content }) => content);
    this.#removeRoutes((route) => expired.includes(route));
    for (const entries of [this.#nameServers, this.#domains]) {
      for (let at = entries.length - 1; at >= 0; at--) {
        if ((entries[at] as Entry<unknown>).until <= now) entries.splice(at, 1);
      }
    }
    this.#updateResolver();
    this.#armExpiry();
    // The last router went away without a word: ask for another one.
    if (hadRouter && this.defaultRouters.length === 0) this.start();
  }

  #solicitNow(now: Instant): void {
    this.#host.sendSolicitation();
    this.#host.environment.random(this.#noise);
    const noise = (((this.#noise[0] as number) << 8) | (this.#noise[1] as number)) / 0x8000 - 1;
    this.#host.environment.timers.set(this.#solicit, now + this.#interval * (1 + noise / 10));
    this.#interval = Math.min(this.#interval * 2, longestInterval);
  }

  #count(name: string): void {
    this.#host.counters[name] = (this.#host.counters[name] ?? 0) + 1;
  }
}

/** Milliseconds to microseconds; what is unspecified or absurd is undefined. */
function plausibleTime(milliseconds: number, longest: number): number | undefined {
  if (milliseconds < shortestTimer || milliseconds > longest) return undefined;
  return milliseconds * 1000;
}

function sameRoute(one: AnnouncedRoute, other: AnnouncedRoute): boolean {
  return (
    one.prefixLength === other.prefixLength &&
    one.prefix.equals(other.prefix) &&
    (one.router === null
      ? other.router === null
      : other.router !== null && one.router.equals(other.router))
  );
}
