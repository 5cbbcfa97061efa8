/** DHCPv4 clients of a stack: one port 68 for all interfaces, and leases turned into addresses and routes. */

import { anyV4, IpAddress } from '../address.ts';
import { formatHardwareAddress } from '../address-text.ts';
import type { Counters, Environment } from '../environment.ts';
import type { Interface } from '../interface/interface.ts';
import { matchesPrefix } from '../ip/addresses.ts';
import { protocol, type ReceivedHeader } from '../network.ts';
import type { Packet } from '../packet.ts';
import type { ResolverConfiguration } from '../resolver/resolver-configuration.ts';
import type { Stack } from '../stack.ts';
import type { UdpApi } from '../udp/types.ts';
import { fold, write16 } from '../wire/bytes.ts';
import { dhcpClientPort, dhcpServerPort } from '../wire/dhcpv4.ts';
import { udpHeaderSize, writeUdp } from '../wire/udp.ts';
import { DhcpClient, type DhcpHost, type DhcpOptions } from './client.ts';
import { ConflictDetection } from './conflict-detection.ts';
import type { DhcpLease } from './lease.ts';

/** Who wants to hear of leases; addresses, routes and name servers are in place by then. */
export interface DhcpEvents {
  bound(lease: DhcpLease, isNew: boolean): void;
  unbound(lease: DhcpLease, reason: string): void;
}

/** What the clients of a stack share. */
export interface DhcpServiceParts {
  readonly stack: Stack;
  readonly udp: UdpApi;
  readonly resolver: ResolverConfiguration;
}

/** Largest message taken; servers honour option 57. */
const messageMaximum = 4096;
/** Routes by DHCP, behind those of users; the first interface is preferred. */
const metricBase = 100;
const sendOptions = { hopLimit: 64, trafficClass: 0, dontFragment: false };

/** Takes messages for all clients. */
export class DhcpService {
  readonly #parts: DhcpServiceParts;
  readonly #clients = new Map<number, DhcpInterface>();
  readonly #scattered = new Uint8Array(messageMaximum);
  #isOpen = false;

  constructor(parts: DhcpServiceParts) {
    this.#parts = parts;
    parts.stack.observe({
      addressConflict: (on, address, hardwareAddress) =>
        this.#clients.get(on.index)?.conflict(address, hardwareAddress),
    });
  }

  /** Makes the client of an interface. Throws when somebody else has port 68. */
  create(on: Interface, options: DhcpOptions, events: DhcpEvents): DhcpInterface {
    this.#open();
    const made = new DhcpInterface(this.#parts, on, options, events);
    this.#clients.set(on.index, made);
    this.#parts.stack.counters.set(`dhcp.${on.name}`, made.counters);
    return made;
  }

  #open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    const { udp } = this.#parts;
    const binding = udp.bind(
      { address: anyV4, port: dhcpClientPort, scope: 0 },
      { reuseAddress: false, reusePort: false, v6Only: false },
    );
    if (typeof binding === 'string') {
      throw new Error(
        `DHCP needs UDP port ${dhcpClientPort}, which gives ${binding}: configure DHCP before anything else binds it`,
      );
    }
    udp.open(binding, {
      receive: (packet, length, header, sourcePort) => {
        this.#receive(packet, length, header, sourcePort);
        return true;
      },
      failed: () => {},
      sendable: () => {},
    });
  }

  #receive(packet: Packet, length: number, header: ReceivedHeader, sourcePort: number): void {
    const client = this.#clients.get(header.interface.index);
    if (client === undefined || !header.isV4) return;
    if (sourcePort !== dhcpServerPort) {
      client.count('dhcp: not from the server port');
      return;
    }
    const { bytes } = this.#parts.stack.environment.memory;
    if (packet.next === null) {
      client.receive(bytes, packet.start, length, header.source3);
    } else if (length <= messageMaximum) {
      let at = 0;
      for (let part: Packet | null = packet; part !== null && at < length; part = part.next) {
        const size = Math.min(length - at, part.end - part.start);
        this.#scattered.set(bytes.subarray(part.start, part.start + size), at);
        at += size;
      }
      client.receive(this.#scattered, 0, length, header.source3);
    } else {
      client.count('dhcp: too long');
    }
  }
}

/** The client of one interface. */
export class DhcpInterface implements DhcpHost {
  readonly environment: Environment;
  readonly name: string;
  readonly hardwareAddress: Uint8Array;
  readonly counters: Counters = { sent: 0, received: 0, dropNoBuffer: 0, dropNoRoute: 0 };
  readonly #parts: DhcpServiceParts;
  readonly #on: Interface;
  readonly #events: DhcpEvents;
  readonly #client: DhcpClient;
  readonly #conflicts: ConflictDetection;

  constructor(parts: DhcpServiceParts, on: Interface, options: DhcpOptions, events: DhcpEvents) {
    this.#parts = parts;
    this.#on = on;
    this.#events = events;
    this.environment = parts.stack.environment;
    this.name = on.name;
    this.hardwareAddress = on.hardwareAddress;
    this.#client = new DhcpClient(this, options);
    this.#conflicts = new ConflictDetection({
      environment: this.environment,
      probe: (address) => parts.stack.arp(on)?.probe(IpAddress.v4(address)),
      giveUp: (_address, hardwareAddress) =>
        this.#client.decline(`address is used by ${formatHardwareAddress(hardwareAddress)}`),
    });
  }

  get lease(): DhcpLease | undefined {
    return this.#client.lease;
  }

  get state(): DhcpClient['state'] {
    return this.#client.state;
  }

  /** The link came up. */
  start(): void {
    this.#client.start();
  }

  /** The link went down. */
  stop(): void {
    this.#client.stop();
  }

  /** Gives the address back. */
  release(): void {
    this.#client.release();
  }

  receive(bytes: Uint8Array, offset: number, length: number, source: number): void {
    this.count('received');
    this.#client.receive(bytes, offset, length, source);
  }

  conflict(address: IpAddress, hardwareAddress: Uint8Array): void {
    if (address.isV4) this.#conflicts.conflict(address.word3, hardwareAddress);
  }

  count(name: string): void {
    this.counters[name] = (this.counters[name] ?? 0) + 1;
  }

  // As the host of the client.

  send(message: Uint8Array, length: number, source: number, destination: number): void {
    const { network } = this.#parts.stack;
    const from = IpAddress.v4(source);
    const route = network.route(IpAddress.v4(destination), from, this.#on.index);
    if (typeof route === 'string') {
      this.count('dropNoRoute');
      return;
    }
    const packet = network.allocate(route, udpHeaderSize + length);
    if (packet === null) {
      this.count('dropNoBuffer');
      return;
    }
    const { memory } = this.environment;
    const size = udpHeaderSize + length;
    const at = packet.start;
    packet.end = at + size;
    writeUdp(memory.bytes, at, dhcpClientPort, dhcpServerPort, size, 0);
    memory.bytes.set(message.subarray(0, length), at + udpHeaderSize);
    const pseudo = network.pseudoHeaderSum(route, protocol.udp, size);
    const sum = memory.checksum(at, size, fold(pseudo));
    write16(memory.bytes, at + 6, sum === 0xffff ? 0xffff : ~sum);
    this.count('sent');
    network.send(route, packet, protocol.udp, sendOptions);
  }

  acceptUnconfigured(accept: boolean): void {
    this.#on.acceptUnconfigured = accept;
  }

  bound(lease: DhcpLease, previous: DhcpLease | undefined): void {
    const isNew = previous === undefined || !sameConfiguration(lease, previous);
    if (isNew) this.#apply(lease);
    if (previous?.address !== lease.address) this.#conflicts.start(lease.address);
    this.#events.bound(lease, isNew);
  }

  unbound(lease: DhcpLease, reason: string): void {
    this.#conflicts.stop();
    this.#removeRoutes();
    this.#on.removeAddress(IpAddress.v4(lease.address));
    this.#parts.resolver.remove('dhcp', this.#on.name);
    this.#events.unbound(lease, reason);
  }

  #apply(lease: DhcpLease): void {
    const on = this.#on;
    const { stack, resolver } = this.#parts;
    const address = IpAddress.v4(lease.address);
    const known = on.findAddress(address);
    if (known !== undefined && known.prefixLength !== lease.prefixLength) on.removeAddress(address);
    if (lease.mtu !== undefined) on.setMtu(lease.mtu);
    on.addAddress(address, lease.prefixLength, { origin: 'dhcp' });
    this.#removeRoutes();
    const common = { interface: on, origin: 'dhcp', metric: metricBase + on.index } as const;
    for (const { destination, prefixLength, gateway } of lease.routes) {
      const router = gateway === 0 ? null : IpAddress.v4(gateway);
      // Some clouds give a /32 and a router outside of it: the router is on the link all the same.
      if (router !== null && !matchesPrefix(router, address, lease.prefixLength)) {
        stack.routes.add({ ...common, destination: router, prefixLength: 32, source: address });
      }
      stack.routes.add({
        ...common,
        destination: IpAddress.v4(destination),
        prefixLength,
        gateway: router,
        source: address,
      });
    }
    resolver.set('dhcp', on.name, {
      nameServers: lease.nameServers.map((bits) => ({ address: IpAddress.v4(bits), scope: '' })),
      searchDomains: lease.searchDomains,
    });
  }

  #removeRoutes(): void {
    this.#parts.stack.routes.removeWhere(
      (entry) => entry.origin === 'dhcp' && entry.interface === this.#on,
    );
  }
}

/** True when two leases differ in their times at most. */
function sameConfiguration(one: DhcpLease, other: DhcpLease): boolean {
  const parts = ({
    address,
    prefixLength,
    routes,
    nameServers,
    ntpServers,
    searchDomains,
    mtu,
  }: DhcpLease) =>
    JSON.stringify([
      address,
      prefixLength,
      routes,
      nameServers,
      ntpServers,
      searchDomains,
      mtu ?? 0,
    ]);
  return parts(one) === parts(other);
}
