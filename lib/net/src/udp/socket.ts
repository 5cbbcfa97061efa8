/** A bound UDP endpoint. */
import type { Endpoint, IpAddress } from '../address.ts';
import type { SocketError } from '../errors.ts';
import type { Interface } from '../interface/interface.ts';
import { isMulticast } from '../ip/addresses.ts';
import type { IncomingHeader } from '../ip/header.ts';
import type { IpRoute } from '../ip/route.ts';
import type { PortBinding } from '../tcp/types.ts';
import type { UdpEndpoint, UdpEvents, UdpSendOptions, UdpSettings } from './types.ts';

/** Groups that one endpoint may be a member of (Linux: igmp_max_memberships 20, and no bound for IPv6). */
const membershipMaximum = 256;

/** What an endpoint asks of UDP. */
export interface UdpHost {
  send(
    from: UdpSocket,
    to: Endpoint,
    offset: number,
    length: number,
    options: UdpSendOptions,
  ): SocketError | null;
  /** The source address for a peer, or why there is no way to it. */
  route(from: UdpSocket, to: Endpoint): IpRoute | SocketError;
  /** The interface of an index; with 0, the one that a group is reached through. */
  groupInterface(group: IpAddress, index: number): Interface | undefined;
  close(socket: UdpSocket): void;
}

interface Membership {
  readonly group: IpAddress;
  readonly on: Interface;
  /** null: any source (RFC 3376's EXCLUDE nothing); else only these. */
  readonly sources: IpAddress[] | null;
}

/** How well an endpoint fits a packet; 0: not at all. */
export type Score = number;

/** The endpoint of one socket. */
export class UdpSocket implements UdpEndpoint {
  readonly binding: PortBinding;
  readonly events: UdpEvents;
  readonly settings: UdpSettings = {
    broadcast: false,
    hopLimit: 0,
    trafficClass: 0,
    multicastHopLimit: 1,
    multicastLoop: true,
    multicastInterface: 0,
    dontFragment: false,
  };
  local: Endpoint;
  peer: Endpoint | null = null;
  /** The route of the last datagram. */
  route: IpRoute | null = null;
  /** Others on the same port, the newest first. */
  next: UdpSocket | null = null;
  /** It was told EAGAIN. */
  isBlocked = false;
  isClosed = false;
  readonly #host: UdpHost;
  readonly #memberships: Membership[] = [];

  constructor(host: UdpHost, binding: PortBinding, events: UdpEvents) {
    this.#host = host;
    this.binding = binding;
    this.events = events;
    this.local = binding.local;
  }

  connect(peer: Endpoint | null): SocketError | null {
    this.route = null;
    if (peer === null) {
      this.peer = null;
      this.local = this.binding.local;
      return null;
    }
    const refusal = this.checkFamily(peer.address);
    if (refusal !== null) return refusal;
    const before = this.local;
    this.local = this.binding.local;
    const route = this.#host.route(this, peer);
    if (typeof route === 'string') {
      this.local = before;
      return route;
    }
    if (route.kind === 'broadcast' && !this.settings.broadcast) {
      this.local = before;
      return 'EACCES';
    }
    this.peer = { address: route.destination, port: peer.port, scope: peer.scope };
    if (this.local.address.isUnspecified) {
      this.local = { address: route.source, port: this.local.port, scope: this.local.scope };
    }
    return null;
  }

  send(
    to: Endpoint | null,
    offset: number,
    length: number,
    options: UdpSendOptions,
  ): SocketError | null {
    const target = to ?? this.peer;
    if (target === null) return 'EDESTADDRREQ';
    return this.#host.send(this, target, offset, length, options);
  }

  setMembership(
    group: IpAddress,
    interfaceIndex: number,
    join: boolean,
    source?: IpAddress,
  ): SocketError | null {
    if (!isMulticast(group) || (source !== undefined && source.isV4 !== group.isV4)) {
      return 'EINVAL';
    }
    const on = this.#host.groupInterface(group, interfaceIndex);
    if (on === undefined) return 'EADDRNOTAVAIL';
    const known = this.#memberships.find((one) => one.on === on && one.group.equals(group));
    return join ? this.#join(known, group, on, source) : this.#leave(known, source);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const { on, group } of this.#memberships.splice(0)) on.leaveGroup(group);
    this.#host.close(this);
    this.binding.release();
  }

  /** Why this endpoint cannot talk to an address of that family, or null. */
  checkFamily(address: IpAddress): SocketError | null {
    const own = this.binding.local.address;
    if (own.isV4 === address.isV4) return null;
    if (own.isV4) return 'EAFNOSUPPORT';
    return own.isUnspecified && !this.binding.flags.v6Only ? null : 'ENETUNREACH';
  }

  /** How well this endpoint fits a received packet, as Linux's compute_score() has it. */
  score(header: IncomingHeader, sourcePort: number): Score {
    const { local, peer } = this;
    const { address } = local;
    let score = 1;
    if (address.isUnspecified) {
      if (address.isV4) {
        if (!header.isV4) return 0;
        score += 1;
      } else if (header.isV4 && this.binding.flags.v6Only) {
        return 0;
      }
    } else {
      if (
        address.word3 !== header.destination3 ||
        address.word2 !== header.destination2 ||
        address.word1 !== header.destination1 ||
        address.word0 !== header.destination0
      ) {
        return 0;
      }
      score += 4;
    }
    if (local.scope !== 0) {
      if (local.scope !== header.interface.index) return 0;
      score += 4;
    }
    if (peer !== null) {
      const from = peer.address;
      if (
        peer.port !== sourcePort ||
        from.word3 !== header.source3 ||
        from.word2 !== header.source2 ||
        from.word1 !== header.source1 ||
        from.word0 !== header.source0 ||
        (peer.scope !== 0 && peer.scope !== header.interface.index)
      ) {
        return 0;
      }
      score += 8;
    }
    return score;
  }

  /**
   * Whether datagrams to a group reach this endpoint: its own membership and sources decide, and
   * without one, IP_MULTICAST_ALL, which Linux has on by default, lets it in.
   */
  acceptsGroup(header: IncomingHeader): boolean {
    for (let at = 0; at < this.#memberships.length; at += 1) {
      const { group, on, sources } = this.#memberships[at] as Membership;
      if (
        on !== header.interface ||
        group.word3 !== header.destination3 ||
        group.word2 !== header.destination2 ||
        group.word1 !== header.destination1 ||
        group.word0 !== header.destination0
      ) {
        continue;
      }
      if (sources === null) return true;
      const from = header.sourceAddress();
      return sources.some((source) => source.equals(from));
    }
    return true;
  }

  #join(
    known: Membership | undefined,
    group: IpAddress,
    on: Interface,
    source: IpAddress | undefined,
  ): SocketError | null {
    if (known === undefined) {
      if (this.#memberships.length >= membershipMaximum) return 'ENOBUFS';
      const sources = source === undefined ? null : [source];
      this.#memberships.push({ group, on, sources });
      on.joinGroup(group);
      return null;
    }
    if (source === undefined) return 'EADDRINUSE';
    if (known.sources === null) return 'EINVAL';
    if (known.sources.some((one) => one.equals(source))) return 'EADDRNOTAVAIL';
    if (known.sources.length >= membershipMaximum) return 'ENOBUFS';
    known.sources.push(source);
    return null;
  }

  #leave(known: Membership | undefined, source: IpAddress | undefined): SocketError | null {
    if (known === undefined) return 'EADDRNOTAVAIL';
    if (source !== undefined) {
      const at = known.sources?.findIndex((one) => one.equals(source)) ?? -1;
      if (at < 0) return 'EADDRNOTAVAIL';
      known.sources?.splice(at, 1);
      if (known.sources?.length !== 0) return null;
    }
    this.#memberships.splice(this.#memberships.indexOf(known), 1);
    known.on.leaveGroup(known.group);
    return null;
  }
}
