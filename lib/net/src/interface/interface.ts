/** A network interface: a device with addresses, groups and neighbours. */
import type { IpAddress } from '../address.ts';
import type { DeviceReceiver, NetworkDevice } from '../device.ts';
import type { Counters, Environment } from '../environment.ts';
import { allHostsV4, allNodesV6, broadcastOf, solicitedNode } from '../ip/addresses.ts';
import type { NetworkInterface } from '../network.ts';
import type { Packet } from '../packet.ts';
import { type Instant, never, Timer } from '../storage/timers.ts';
import { AddressMap } from './address-map.ts';
import { type Neighbour, NeighbourCache, type NeighbourOwner } from './neighbours.ts';
import type { Observers } from './observer.ts';

/**
 * `tentative`: duplicate address detection goes on, the address is neither sent from nor received
 * at; `deprecated`: used by what uses it already (RFC 4862, section 5.5.4).
 */
export type AddressState = 'tentative' | 'preferred' | 'deprecated';

/** Who made an address. */
export type AddressOrigin = 'static' | 'loopback' | 'link-local' | 'dhcp' | 'slaac' | 'temporary';

/** What may be said when an address is added; what is left out stays as it was, or has its default. */
export interface AddressOptions {
  /** Default: preferred. */
  readonly state?: AddressState;
  /** Default: static. */
  readonly origin?: AddressOrigin;
  /** Instants of clock.now at which it becomes deprecated and goes away; default: never. */
  readonly preferredUntil?: Instant;
  readonly validUntil?: Instant;
  /** Add a route saying that the prefix is on the link; default true. SLAAC decides that by itself. */
  readonly onLink?: boolean;
}

/** An address of an interface. */
export class InterfaceAddress {
  readonly interface: Interface;
  readonly address: IpAddress;
  readonly prefixLength: number;
  readonly origin: AddressOrigin;
  /** The directed broadcast address of the prefix, null for IPv6 and for prefixes without one. */
  readonly broadcast: IpAddress | null;
  readonly onLink: boolean;
  state: AddressState;
  preferredUntil: Instant;
  validUntil: Instant;
  readonly timer: Timer;

  constructor(
    on: Interface,
    address: IpAddress,
    prefixLength: number,
    options: AddressOptions,
    expired: (it: InterfaceAddress) => void,
  ) {
    this.interface = on;
    this.address = address;
    this.prefixLength = prefixLength;
    this.broadcast = on.isLoopback ? null : broadcastOf(address, prefixLength);
    this.state = options.state ?? 'preferred';
    this.origin = options.origin ?? 'static';
    this.onLink = options.onLink ?? true;
    this.preferredUntil = options.preferredUntil ?? never;
    this.validUntil = options.validUntil ?? never;
    this.timer = new Timer(() => expired(this));
  }
}

/** Sends and receives over one kind of link. */
export interface Link {
  /** Takes a frame from the device. */
  receive(packet: Packet): void;
  /** Adds the link's header to an IP packet and hands it to the device. Takes it. */
  transmit(packet: Packet, hardwareAddress: Uint8Array): void;
  /** The hardware address of a group, or of broadcast. */
  multicastHardware(group: IpAddress): Uint8Array;
}

/** What an interface asks of the stack around it. */
export interface InterfaceHost {
  readonly environment: Environment;
  readonly observers: Observers;
  /** Addresses, links or neighbours changed: routes found so far may be wrong. */
  routesChanged(): void;
  addressAdded(address: InterfaceAddress): void;
  addressRemoved(address: InterfaceAddress): void;
  /** A neighbour stopped answering, or answers again. */
  neighbourChanged(neighbour: Neighbour): void;
  /** The neighbour of an IP packet does not answer. Takes the packet. */
  unreachable(on: Interface, packet: Packet): void;
  /** 32 random bits. */
  randomWord(): number;
}

/** Names under which an interface counts, in both directions. */
export function interfaceCounters(): Counters {
  return {
    receivedPackets: 0,
    receivedBytes: 0,
    receivedMulticast: 0,
    sentPackets: 0,
    sentBytes: 0,
    dropDown: 0,
    dropShort: 0,
    dropOtherHost: 0,
    dropEtherType: 0,
    dropSource: 0,
    linkChanges: 0,
  };
}

/** An interface. Made by Stack.addDevice(). */
export class Interface implements NetworkInterface, DeviceReceiver, NeighbourOwner {
  readonly index: number;
  readonly name: string;
  readonly device: NetworkDevice;
  readonly isLoopback: boolean;
  readonly hardwareAddress: Uint8Array;
  readonly counters: Counters = interfaceCounters();
  /** IPv4 neighbours, asked for by ARP, and IPv6 neighbours, for which Neighbour Discovery sets the resolver. */
  readonly neighbours4: NeighbourCache;
  readonly neighbours6: NeighbourCache;
  readonly addresses: readonly InterfaceAddress[];
  /** Set by the stack as it makes the interface. */
  link!: Link;
  /**
   * IPv4 datagrams to any unicast address are taken, if the frame was sent to this interface: a DHCP
   * server may answer to the address that it offers (RFC 2131, section 4.1).
   */
  acceptUnconfigured = false;
  /** Hop limit for packets that name none; routers advertise it (RFC 4861, section 6.3.4). */
  hopLimit6 = 64;
  #mtu: number;
  #isUp: boolean;
  #configuring = 0;
  readonly #host: InterfaceHost;
  readonly #addresses: InterfaceAddress[] = [];
  readonly #groups: AddressMap<{ readonly group: IpAddress; members: number }>;

  constructor(host: InterfaceHost, device: NetworkDevice, index: number, name: string) {
    this.#host = host;
    this.device = device;
    this.index = index;
    this.name = name;
    this.isLoopback = device.kind === 'loopback';
    this.hardwareAddress = device.hardwareAddress;
    this.neighbours4 = new NeighbourCache(host.environment, this);
    this.neighbours6 = new NeighbourCache(host.environment, this);
    this.addresses = this.#addresses;
    this.#groups = new AddressMap(host.randomWord());
    this.#mtu = device.mtu;
    this.#isUp = device.linkUp;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Bytes of the largest IP packet on this link. */
  get mtu(): number {
    return this.#mtu;
  }

  /** A router or a DHCP server announced a smaller MTU. Clamped to what IPv4 needs (RFC 791) and the device can. */
  setMtu(mtu: number): void {
    const clamped = Math.max(576, Math.min(mtu, this.device.mtu));
    if (clamped === this.#mtu) return;
    this.#mtu = clamped;
    this.#host.routesChanged();
  }

  /** Its first addresses are still being asked for. */
  get isConfiguring(): boolean {
    return this.#isUp && this.#configuring > 0;
  }

  /**
   * Something begins to look for addresses: until the function that this returns was called,
   * NetworkLayer.configuring is true. Calling that again does nothing.
   */
  beginConfiguration(): () => void {
    this.#configuring += 1;
    let done = false;
    return () => {
      if (done) return;
      done = true;
      this.#configuring -= 1;
      this.#host.routesChanged();
    };
  }

  /** Takes what the device received. */
  receive(packet: Packet): void {
    this.link.receive(packet);
  }

  /** The device says that the link went up or down. */
  linkChanged(up: boolean): void {
    if (up === this.#isUp) return;
    this.#isUp = up;
    this.counters.linkChanges = (this.counters.linkChanges as number) + 1;
    this.#host.environment.log('warn', `${this.name}: link is ${up ? 'up' : 'down'}`);
    if (!up) {
      this.neighbours4.flush();
      this.neighbours6.flush();
    }
    this.#host.routesChanged();
    if (up) this.#host.observers.interfaceUp(this);
    else this.#host.observers.interfaceDown(this);
  }

  /**
   * Adds an address, or changes lifetimes and state of one that is there (then the prefix length and
   * origin stay as they are).
   */
  addAddress(
    address: IpAddress,
    prefixLength: number,
    options: AddressOptions = {},
  ): InterfaceAddress {
    const known = this.findAddress(address);
    if (known !== undefined) {
      known.preferredUntil = options.preferredUntil ?? known.preferredUntil;
      known.validUntil = options.validUntil ?? known.validUntil;
      this.setAddressState(known, options.state ?? this.#stateByLifetime(known));
      this.#watchLifetime(known);
      return known;
    }
    const added = new InterfaceAddress(this, address, prefixLength, options, this.#lifetimeEnded);
    this.#addresses.push(added);
    if (!address.isV4 && !this.isLoopback) this.joinGroup(solicitedNode(address));
    this.#watchLifetime(added);
    this.#host.addressAdded(added);
    this.#host.routesChanged();
    this.#host.observers.addressAdded(this, added);
    return added;
  }

  /** Takes an address away; false when the interface has not got it. */
  removeAddress(address: IpAddress): boolean {
    const at = this.#addresses.findIndex((one) => one.address.equals(address));
    if (at < 0) return false;
    const [removed] = this.#addresses.splice(at, 1) as [InterfaceAddress];
    this.#host.environment.timers.remove(removed.timer);
    if (!address.isV4 && !this.isLoopback) this.leaveGroup(solicitedNode(address));
    this.#host.addressRemoved(removed);
    this.#host.routesChanged();
    this.#host.observers.addressRemoved(this, removed);
    return true;
  }

  findAddress(address: IpAddress): InterfaceAddress | undefined {
    return this.#addresses.find((one) => one.address.equals(address));
  }

  /** Duplicate address detection ended, or an address is to be used no more. */
  setAddressState(address: InterfaceAddress, state: AddressState): void {
    if (address.state === state) return;
    address.state = state;
    this.#host.routesChanged();
    this.#host.observers.addressChanged(this, address);
  }

  /** Becomes a member of a group; each join needs a leave. */
  joinGroup(group: IpAddress): void {
    const known = this.#groups.get(group);
    if (known !== undefined) {
      known.members += 1;
      return;
    }
    this.#groups.set(group, { group, members: 1 });
    if (!this.isLoopback) this.device.setMulticast(this.link.multicastHardware(group), true);
    this.#host.observers.groupJoined(this, group);
  }

  /** Undoes one join. */
  leaveGroup(group: IpAddress): void {
    const known = this.#groups.get(group);
    if (known === undefined) return;
    known.members -= 1;
    if (known.members > 0) return;
    this.#groups.delete(group);
    if (!this.isLoopback && !this.#sharesHardware(group)) {
      this.device.setMulticast(this.link.multicastHardware(group), false);
    }
    this.#host.observers.groupLeft(this, group);
  }

  /** The groups with a member here. */
  *groups(): IterableIterator<IpAddress> {
    for (const { group } of this.#groups.values()) yield group;
  }

  isMember(word0: number, word1: number, word2: number, word3: number): boolean {
    return this.#groups.getWords(word0, word1, word2, word3) !== undefined;
  }

  /** Joins what every node is a member of. Called once by the stack. */
  joinAllNodes(): void {
    this.joinGroup(allHostsV4);
    this.joinGroup(allNodesV6);
  }

  // As the owner of neighbour caches.

  transmitTo(neighbour: Neighbour, packet: Packet): void {
    this.link.transmit(packet, neighbour.hardwareAddress);
  }

  unreachable(packet: Packet): void {
    this.#host.unreachable(this, packet);
  }

  neighbourChanged(neighbour: Neighbour): void {
    this.#host.neighbourChanged(neighbour);
  }

  /** Several groups share an Ethernet address: 23 bits of 28 are in it. */
  #sharesHardware(group: IpAddress): boolean {
    const hardware = this.link.multicastHardware(group).join();
    for (const other of this.groups()) {
      if (this.link.multicastHardware(other).join() === hardware) return true;
    }
    return false;
  }

  #stateByLifetime(address: InterfaceAddress): AddressState {
    if (address.state === 'tentative') return 'tentative';
    const { now } = this.#host.environment.clock;
    return address.preferredUntil <= now ? 'deprecated' : 'preferred';
  }

  #watchLifetime(address: InterfaceAddress): void {
    const next = Math.min(
      address.state === 'deprecated' ? never : address.preferredUntil,
      address.validUntil,
    );
    this.#host.environment.timers.set(address.timer, next);
  }

  readonly #lifetimeEnded = (address: InterfaceAddress): void => {
    const { now } = this.#host.environment.clock;
    if (address.validUntil <= now) {
      this.removeAddress(address.address);
      return;
    }
    if (address.state !== 'tentative') this.setAddressState(address, 'deprecated');
    this.#host.environment.timers.set(address.timer, address.validUntil);
  };
}
