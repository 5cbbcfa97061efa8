/** IPv6 of one interface: puts neighbour discovery, duplicate detection, routers and addresses together. */

import { IpAddress } from '../address.ts';
import { formatAddress, formatHardwareAddress } from '../address-text.ts';
import type { Counters, Environment } from '../environment.ts';
import type { AddressOrigin, Interface, InterfaceAddress } from '../interface/interface.ts';
import { isLinkLocal, matchesPrefix } from '../ip/addresses.ts';
import type { ReceivedHeader } from '../network.ts';
import type { Stack } from '../stack.ts';
import { type Instant, never } from '../storage/timers.ts';
import { type NdpHeader, parseNdp, type RouterAdvertisement } from '../wire/ndp.ts';
import type { PrefixInformation, RouterPreference } from '../wire/ndp-options.ts';
import { Autoconfiguration, autoconfiguredPrefixLimit } from './autoconfiguration.ts';
import { DuplicateAddressDetection } from './duplicate-address-detection.ts';
import type { InterfaceIdentifiers } from './interface-identifier.ts';
import { NeighbourDiscovery } from './neighbour-discovery.ts';
import type { LinkOutput } from './output.ts';
import { Redirects } from './redirects.ts';
import { type AnnouncedRoute, RouterDiscovery } from './router-discovery.ts';

/** How an interface gets its addresses. */
export interface Ipv6Settings {
  /** Addresses and routes are taken from router advertisements. */
  readonly acceptAdvertisements: boolean;
  readonly identifiers: InterfaceIdentifiers;
  /**
   * Addresses are used while they are checked (optimistic duplicate address detection, RFC 4429), which
   * saves a second of boot time.
   */
  readonly optimistic: boolean;
}

/** Who wants to hear of it. */
export interface Ipv6Events {
  /** A router advertisement was taken; addresses and routes are in place. */
  advertised(message: RouterAdvertisement, router: IpAddress): void;
  /** Name servers and search domains of routers changed. */
  resolverChanged(nameServers: readonly IpAddress[], searchDomains: readonly string[]): void;
  /** An address turned out to be another node's too and was removed. */
  duplicate(address: IpAddress): void;
}

const linkLocalPrefix = new IpAddress(0xfe800000, 0, 0, 0);
/** Smaller is better; among default routers RFC 4191 counts before anything else. */
const metrics: Readonly<Record<RouterPreference, number>> = { high: 100, medium: 200, low: 300 };

/** IPv6 on one interface: its addresses, routers, redirects and neighbours. */
export class Ipv6Interface {
  readonly on: Interface;
  readonly counters: Counters = {};
  readonly #environment: Environment;
  readonly #stack: Stack;
  readonly #settings: Ipv6Settings;
  readonly #events: Ipv6Events;
  readonly #detection: DuplicateAddressDetection;
  readonly #neighbours: NeighbourDiscovery;
  readonly #routers: RouterDiscovery;
  readonly #addresses: Autoconfiguration;
  readonly #redirects: Redirects;
  #running = false;

  constructor(
    stack: Stack,
    on: Interface,
    output: LinkOutput,
    settings: Ipv6Settings,
    events: Ipv6Events,
  ) {
    const { environment } = stack;
    this.on = on;
    this.#stack = stack;
    this.#environment = environment;
    this.#settings = settings;
    this.#events = events;
    this.#redirects = new Redirects(environment, on, stack.routes, stack.network.local);
    this.#detection = new DuplicateAddressDetection({
      environment,
      sendProbe: (target, nonce) => this.#neighbours.sendProbe(target, nonce),
      unique: (address) => this.#unique(address),
      duplicate: (address) => this.#duplicate(address),
    });
    this.#neighbours = new NeighbourDiscovery({
      on,
      output,
      detection: this.#detection,
      counters: this.counters,
      isOnLink: (address) => this.#isOnLink(address),
      isNoRouter: (address) => {
        this.#routers.isNoRouter(address);
        this.#redirects.forget(address);
      },
      conflict: (address, hardwareAddress) => this.#conflict(address, hardwareAddress),
    });
    this.#addresses = new Autoconfiguration(
      {
        environment,
        hardwareAddress: on.hardwareAddress,
        configured: (prefix) => this.#configured(prefix),
        configure: (address, preferredUntil, validUntil) =>
          this.#configure(address, preferredUntil, validUntil),
      },
      settings.identifiers,
    );
    this.#routers = new RouterDiscovery({
      environment,
      counters: this.counters,
      sendSolicitation: () => this.#neighbours.sendRouterSolicitation(),
      addRoute: (route) => this.#addRoute(route),
      removeRoute: (route) => this.#removeRoute(route),
      prefix: (option) => this.#prefix(option),
      setHopLimit: (hopLimit) => {
        on.hopLimit6 = hopLimit;
      },
      setMtu: (mtu) => on.setMtu(mtu),
      setNeighbourTimes: (reachable, retransmit) => {
        const { times } = on.neighbours6;
        times.baseReachable = reachable ?? times.baseReachable;
        times.retransmit = retransmit ?? times.retransmit;
      },
      setResolver: (servers, domains) => events.resolverChanged(servers, domains),
      routerSeen: (router, hardwareAddress) => {
        if (hardwareAddress === undefined) return;
        on.neighbours6.learn(router, hardwareAddress).isRouter = true;
      },
      configured: (message, router) => events.advertised(message, router),
    });
    on.neighbours6.resolver = this.#neighbours;
  }

  /** True once a router answered since the link came up. */
  get hasRouter(): boolean {
    return this.#routers.answered;
  }

  get defaultRouters(): readonly IpAddress[] {
    return this.#routers.defaultRouters;
  }

  /** The link came up: addresses are checked (again), routers asked for. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    const known = this.on.addresses.filter(({ address }) => !address.isV4);
    for (const { address } of known) this.#detection.start(address);
    if (!known.some(({ address }) => isLinkLocal(address))) {
      const address = this.#addresses.addressIn(linkLocalPrefix);
      if (address !== undefined) this.addAddress(address, 64, 'link-local');
    }
    if (this.#settings.acceptAdvertisements) this.#routers.start();
  }

  /** The link went down. Addresses stay until their time is over. */
  stop(): void {
    this.#running = false;
    this.#detection.stopAll();
    this.#routers.stop();
  }

  /** Adds an address and checks that nobody else on the link has it. */
  addAddress(
    address: IpAddress,
    prefixLength: number,
    origin: AddressOrigin,
    preferredUntil: Instant = never,
    validUntil: Instant = never,
  ): void {
    this.on.addAddress(address, prefixLength, {
      origin,
      preferredUntil,
      validUntil,
      onLink: origin === 'static', // else routers say what is on the link (RFC 5942)
      state: this.#settings.optimistic ? 'preferred' : 'tentative',
    });
    if (this.#running) this.#detection.start(address);
  }

  /** The address was removed by somebody. */
  addressRemoved(address: IpAddress): void {
    this.#detection.stop(address);
  }

  /** Takes a Neighbour Discovery message whose ICMPv6 checksum was verified. */
  receive(bytes: Uint8Array, offset: number, length: number, received: ReceivedHeader): void {
    const header: NdpHeader = {
      source: received.sourceAddress(),
      destination: received.destinationAddress(),
      hopLimit: received.hopLimit,
    };
    const message = parseNdp(bytes, offset, length, header);
    if (typeof message === 'string') {
      this.#count(`drop: ${message}`);
      return;
    }
    this.#count(message.kind);
    if (message.kind !== 'neighbourAdvertisement' && this.on.findAddress(header.source)) {
      this.#count('drop: source is ours');
      return;
    }
    switch (message.kind) {
      case 'neighbourSolicitation':
        this.#neighbours.solicited(message, header);
        break;
      case 'neighbourAdvertisement':
        this.#neighbours.advertised(message);
        break;
      case 'routerAdvertisement':
        if (this.#settings.acceptAdvertisements) this.#routers.advertised(message, header.source);
        else this.#count('drop: router advertisements are not accepted');
        break;
      case 'redirect': {
        const refusal = this.#redirects.follow(message, header.source, bytes);
        if (refusal !== null) this.#count(`drop: redirect ${refusal}`);
        break;
      }
      case 'routerSolicitation':
        break; // for routers (RFC 4861, section 6.2.6)
      default:
        message satisfies never;
    }
  }

  #prefix(option: PrefixInformation): void {
    const refusal = this.#addresses.advertised(option);
    if (refusal !== null) this.#count(`prefix: ${refusal}`);
  }

  #configured(prefix: IpAddress): InterfaceAddress | undefined {
    return this.on.addresses.find(
      ({ address, origin }) => origin === 'slaac' && matchesPrefix(address, prefix, 64),
    );
  }

  #configure(address: IpAddress, preferredUntil: Instant, validUntil: Instant): void {
    const known = this.on.findAddress(address);
    if (known !== undefined) {
      // One of another origin is somebody's own and keeps its lifetimes.
      if (known.origin !== 'slaac') return;
      const state = known.state === 'tentative' ? 'tentative' : this.#stateUntil(preferredUntil);
      this.on.addAddress(address, 64, { preferredUntil, validUntil, state });
      return;
    }
    const count = this.on.addresses.filter(({ origin }) => origin === 'slaac').length;
    if (count >= autoconfiguredPrefixLimit) return;
    this.addAddress(address, 64, 'slaac', preferredUntil, validUntil);
  }

  #stateUntil(preferredUntil: Instant): 'preferred' | 'deprecated' {
    return preferredUntil <= this.#environment.clock.now ? 'deprecated' : 'preferred';
  }

  #unique(address: IpAddress): void {
    const own = this.on.findAddress(address);
    if (own?.state !== 'tentative') return;
    this.on.setAddressState(own, this.#stateUntil(own.preferredUntil));
  }

  /** RFC 4862, section 5.4.5, and RFC 7217, section 6. */
  #duplicate(address: IpAddress): void {
    const own = this.on.findAddress(address);
    if (own === undefined) return;
    const { origin, prefixLength, preferredUntil, validUntil } = own;
    this.#count('duplicateAddresses');
    this.on.removeAddress(address);
    const isOurs = origin === 'slaac' || origin === 'link-local';
    const other = isOurs ? this.#addresses.replacement(address) : undefined;
    const then = other === undefined ? 'it is not used' : `trying ${formatAddress(other)}`;
    this.#log('warn', `${formatAddress(address)} is another machine's address: ${then}`);
    if (other !== undefined) {
      this.addAddress(other, prefixLength, origin, preferredUntil, validUntil);
    }
    this.#events.duplicate(address);
  }

  #conflict(address: IpAddress, hardwareAddress: Uint8Array | undefined): void {
    this.#count('conflicts');
    // Once is enough: whoever repeats it must not fill the log.
    if ((this.counters.conflicts as number) > 1) return;
    const by =
      hardwareAddress === undefined ? 'another machine' : formatHardwareAddress(hardwareAddress);
    this.#log('warn', `${formatAddress(address)} is also used by ${by}`);
  }

  #isOnLink(address: IpAddress): boolean {
    const route = this.#stack.routes.lookup(address, this.on.index);
    return route !== undefined && route.gateway === null;
  }

  #addRoute(route: AnnouncedRoute): void {
    this.#stack.routes.add({
      destination: route.prefix,
      prefixLength: route.prefixLength,
      gateway: route.router,
      interface: this.on,
      metric: route.router === null ? 0 : metrics[route.preference],
      origin: 'router',
    });
  }

  #removeRoute(route: AnnouncedRoute): void {
    this.#stack.routes.removeWhere(
      (entry) =>
        entry.origin === 'router' &&
        entry.interface === this.on &&
        entry.prefixLength === route.prefixLength &&
        entry.destination.equals(route.prefix) &&
        (route.router === null
          ? entry.gateway === null
          : entry.gateway?.equals(route.router) === true),
    );
  }

  #log(level: 'warn' | 'info', text: string): void {
    this.#environment.log(level, `${this.on.name}: ${text}`);
  }

  #count(name: string): void {
    this.counters[name] = (this.counters[name] ?? 0) + 1;
  }
}
