/** The stack: devices at one end, transports at the other, and one poll() that moves everything. */
import { loopbackV4, loopbackV6 } from './address.ts';
import type { NetworkDevice } from './device.ts';
import type { Counters, Environment } from './environment.ts';
import { Arp } from './ethernet/arp.ts';
import { EthernetLink } from './ethernet/link.ts';
import type { IcmpErrorSender } from './icmp/errors.ts';
import { IcmpV4 } from './icmp/icmpv4.ts';
import { Interface, type InterfaceAddress, type InterfaceHost } from './interface/interface.ts';
import type { Neighbour } from './interface/neighbours.ts';
import { Observers, type StackObserver } from './interface/observer.ts';
import { matchesPrefix } from './ip/addresses.ts';
import { Delivery } from './ip/delivery.ts';
import { IncomingHeader } from './ip/header.ts';
import { InternetLayer } from './ip/layer.ts';
import { LocalAddresses } from './ip/local.ts';
import { PathMtus } from './ip/path-mtu.ts';
import { type MemoryRegion, PacketPool } from './ip/pool.ts';
import { Reassembly } from './ip/reassembly.ts';
import { Router } from './ip/router.ts';
import type { RoutingTable } from './ip/routing-table.ts';
import { limitLog } from './limited-log.ts';
import { LoopbackDevice } from './loopback/device.ts';
import { LoopbackLink } from './loopback/link.ts';
import { loopbackIndex, protocol, type Transport } from './network.ts';
import type { Packet } from './packet.ts';
import { PortTable } from './ports.ts';
import type { Instant } from './storage/timers.ts';

/** Packets that one device may hand up before the others get their turn. */
const pollBudget = 64;

/** Something that has work in every turn, after devices were polled and before what was sent is flushed. */
export interface Work {
  /** @returns true when there is more to do at once */
  run(now: Instant): boolean;
}

/**
 * A host's network stack.
 *
 * Everything happens within poll(). Who calls into the stack from elsewhere calls poll() afterwards,
 * or adds Work.
 */
export class Stack implements InterfaceHost {
  /** The one that was given, with a log that peers cannot flood. */
  readonly environment: Environment;
  readonly observers: Observers = new Observers();
  /** In order of index; the first is loopback, which is always there. */
  readonly interfaces: readonly Interface[];
  /** What transports send and receive through. */
  readonly network: InternetLayer;
  readonly routes: RoutingTable;
  /** Local ports of TCP and UDP. */
  readonly tcpPorts: PortTable;
  readonly udpPorts: PortTable;
  /** Every part's counters by name, for reading. */
  readonly counters: Map<string, Counters> = new Map();
  readonly pool: PacketPool;
  readonly icmpV4: IcmpV4;
  readonly reassembly: Reassembly;
  readonly #interfaces: Interface[] = [];
  readonly #arps: (Arp | undefined)[] = [];
  readonly #local: LocalAddresses;
  readonly #router: Router;
  readonly #delivery: Delivery;
  readonly #works: Work[] = [];
  readonly #random = new Uint8Array(4);
  #armed = false;

  /**
   * @param region memory for loopback, for fragments and for datagrams that must be fragmented: 256
   *   KiB or more; 4 to 16 MiB serve loopback well
   */
  constructor(given: Environment, region: MemoryRegion) {
    const logged: Counters = { lines: 0, dropLines: 0 };
    this.counters.set('log', logged);
    const environment = { ...given, log: limitLog(given.log, given.clock, logged) };
    this.environment = environment;
    this.interfaces = this.#interfaces;
    this.pool = new PacketPool(region);
    this.#local = new LocalAddresses(this.randomWord());
    const pathMtus = new PathMtus(environment, this.randomWord());
    this.#router = new Router(this.#interfaces, this.#local, pathMtus, this.randomWord(), () =>
      this.routesChanged(),
    );
    this.routes = this.#router.table;
    const loopback = new LoopbackDevice(this.pool);
    const lo = new Interface(this, loopback, loopbackIndex, 'lo');
    this.#delivery = new Delivery(environment.memory, this.#local, new IncomingHeader(lo));
    this.reassembly = new Reassembly(
      environment,
      this.pool,
      this.randomWord(),
      (first, { isV4, header }) => {
        const { errors4, errors6 } = this.#delivery;
        const quoted = header.headerStart;
        const sender = isV4 ? errors4 : errors6;
        sender?.sendError('reassemblyTimeExceeded', first, header, quoted, first.end - quoted, 0);
      },
    );
    this.#delivery.reassembly = this.reassembly;
    this.network = new InternetLayer({
      environment,
      interfaces: this.#interfaces,
      local: this.#local,
      router: this.#router,
      pathMtus,
      pool: this.pool,
      delivery: this.#delivery,
      seed: this.randomWord(),
    });
    this.tcpPorts = new PortTable(environment, this.network, true);
    this.udpPorts = new PortTable(environment, this.network, false);
    this.icmpV4 = new IcmpV4(environment, this.network);
    this.setErrorSender(true, this.icmpV4);
    this.registerTransport(protocol.icmp, this.icmpV4);
    this.#register();
    this.observers.add(this.#announcer());
    lo.link = new LoopbackLink(environment, lo, this.network);
    this.#attach(lo);
    lo.addAddress(loopbackV4, 8, { origin: 'loopback' });
    lo.addAddress(loopbackV6, 128, { origin: 'loopback' });
  }

  /** Says who takes packets of a protocol number. */
  registerTransport(protocolNumber: number, transport: Transport): void {
    this.#delivery.register(protocolNumber, transport);
  }

  /** Says who sends ICMP errors of a version. */
  setErrorSender(isV4: boolean, sender: IcmpErrorSender): void {
    if (isV4) this.#delivery.errors4 = sender;
    else this.#delivery.errors6 = sender;
  }

  /** Adds a listener; it is told of all interfaces and addresses that are there already. */
  observe(observer: StackObserver): void {
    this.observers.add(observer);
    for (const on of this.#interfaces) {
      observer.interfaceAdded?.(on);
      for (const group of on.groups()) observer.groupJoined?.(on, group);
      for (const address of on.addresses) observer.addressAdded?.(on, address);
      if (on.isUp) observer.interfaceUp?.(on);
    }
  }

  /** Adds something that has work in every turn. */
  addWork(work: Work): void {
    this.#works.push(work);
  }

  /**
   * Adds a device.
   * @param name of the interface; default: eth0, eth1, ...
   */
  addDevice(device: NetworkDevice, name?: string): Interface {
    const { environment, network } = this;
    const index = this.#interfaces.length + 1;
    const on = new Interface(this, device, index, name ?? `eth${index - 2}`);
    if (this.findInterface(on.name) !== undefined) {
      throw new Error(`there is an interface ${on.name} already: give this one another name`);
    }
    if (device.kind === 'loopback') {
      on.link = new LoopbackLink(environment, on, network);
    } else {
      const arp = new Arp(environment, on, this.observers);
      const link = new EthernetLink(environment, on, network, arp);
      arp.link = link;
      on.link = link;
      on.neighbours4.resolver = arp;
      this.#arps[index] = arp;
      this.counters.set(`arp.${on.name}`, arp.counters);
    }
    this.#attach(on);
    return on;
  }

  findInterface(name: string): Interface | undefined {
    return this.#interfaces.find((one) => one.name === name);
  }

  /** ARP of an interface, for probing and announcing addresses; undefined for loopback. */
  arp(on: Interface): Arp | undefined {
    return this.#arps[on.index];
  }

  /**
   * One turn: timers, what devices received, everybody's work, and out with what was sent.
   * @returns when to call again at the latest: `now` when there is more to do at once. Later instants
   *   mean that the devices' interrupts are armed
   */
  poll(now: Instant): Instant {
    const { environment, network } = this;
    const { clock, timers } = environment;
    if (now > clock.now) clock.now = now;
    if (this.#armed) this.#arm(false);
    timers.run(clock.now);
    let more = false;
    for (let at = 0; at < this.#interfaces.length; at += 1) {
      if ((this.#interfaces[at] as Interface).device.poll(pollBudget)) more = true;
    }
    if (network.hasDeferred) network.runDeferred();
    for (let at = 0; at < this.#works.length; at += 1) {
      if ((this.#works[at] as Work).run(clock.now)) more = true;
    }
    this.flush();
    if (more || network.hasDeferred) return now;
    const next = timers.next;
    if (next <= clock.now) return now;
    return this.#arm(true) ? now : next;
  }

  /** Tells devices of what was sent. poll() does it, too. */
  flush(): void {
    for (let at = 0; at < this.#interfaces.length; at += 1) {
      (this.#interfaces[at] as Interface).device.flush();
    }
  }

  // As the host of interfaces.

  routesChanged(): void {
    this.#router.invalidate();
    this.network.configurationChanged();
  }

  addressAdded(added: InterfaceAddress): void {
    this.#local.add(added);
    const { address, prefixLength, interface: on } = added;
    if (added.onLink && !on.isLoopback && prefixLength < (address.isV4 ? 32 : 128)) {
      this.routes.add({ destination: address, prefixLength, interface: on, origin: 'connected' });
    }
  }

  addressRemoved(removed: InterfaceAddress): void {
    this.#local.remove(removed);
    const { address, prefixLength, interface: on } = removed;
    const stillOnLink = on.addresses.find(
      (other) =>
        other.onLink &&
        other.prefixLength === prefixLength &&
        matchesPrefix(other.address, address, prefixLength),
    );
    if (stillOnLink !== undefined) return;
    this.routes.removeWhere(
      (entry) =>
        entry.origin === 'connected' &&
        entry.interface === on &&
        entry.prefixLength === prefixLength &&
        matchesPrefix(address, entry.destination, prefixLength),
    );
  }

  neighbourChanged({ address }: Neighbour): void {
    // Hosts that come and go change no route, routers do.
    if (this.routes.entries.some(({ gateway }) => gateway?.equals(address))) this.routesChanged();
  }

  unreachable(_on: Interface, packet: Packet): void {
    this.network.unreachable(packet);
  }

  randomWord(): number {
    this.environment.random(this.#random);
    const [a = 0, b = 0, c = 0, d = 0] = this.#random;
    return a | (b << 8) | (c << 16) | (d << 24);
  }

  /** Tells neighbours of IPv4 addresses that are ours from now on. */
  #announcer(): StackObserver {
    const announce = (on: Interface, { address, state }: InterfaceAddress): void => {
      if (address.isV4 && state === 'preferred' && on.isUp) this.arp(on)?.announce(address);
    };
    return {
      addressAdded: announce,
      addressChanged: announce,
      interfaceUp: (on) => this.arp(on)?.announceAll(),
    };
  }

  #attach(on: Interface): void {
    this.#interfaces.push(on);
    on.device.attach(on);
    this.counters.set(`interface.${on.name}`, on.counters);
    this.counters.set(`device.${on.name}`, on.device.counters);
    if (!on.isLoopback) {
      this.counters.set(`neighbours4.${on.name}`, on.neighbours4.counters);
      this.counters.set(`neighbours6.${on.name}`, on.neighbours6.counters);
    }
    this.observers.interfaceAdded(on);
    on.joinAllNodes();
    if (on.isUp) this.observers.interfaceUp(on);
  }

  #register(): void {
    const { counters, network } = this;
    counters.set('ipv4', network.input4.counters);
    counters.set('ipv6', network.input6.counters);
    counters.set('ip.delivery', network.delivery.counters);
    counters.set('ip.output', network.output.counters);
    counters.set('ip.reassembly', this.reassembly.counters);
    counters.set('icmpv4', this.icmpV4.counters);
    counters.set('pool', this.pool.counters);
  }

  /** @returns true when something arrived meanwhile */
  #arm(on: boolean): boolean {
    let arrived = false;
    this.#armed = on;
    for (let at = 0; at < this.#interfaces.length; at += 1) {
      if ((this.#interfaces[at] as Interface).device.armInterrupt(on)) arrived = true;
    }
    return arrived;
  }
}
