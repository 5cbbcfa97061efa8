/** What UDP and its users, the sockets, ask of each other. */
import type { Endpoint, IpAddress } from '../address.ts';
import type { SocketError } from '../errors.ts';
import type { ReceivedHeader } from '../network.ts';
import type { Packet } from '../packet.ts';
import type { BindFlags, PortBinding } from '../tcp/types.ts';

/** What a UDP endpoint tells its user. Called from within the stack; must not throw. */
export interface UdpEvents {
  /**
   * A datagram came: the payload is `length` bytes in `packet` (and the buffers after it), from
   * packet.start. The packet still belongs to the stack.
   * @returns false when it was dropped for want of room (counted)
   */
  receive(packet: Packet, length: number, header: ReceivedHeader, sourcePort: number): boolean;
  /** An ICMP error for a datagram of a connected endpoint, or one with IP_RECVERR. */
  failed(error: SocketError): void;
  /** Waiting datagrams (for a neighbour or configuration) were sent: go on taking them from the ring. */
  sendable(): void;
}

/** How one datagram is sent. */
export interface UdpSendOptions {
  /** TTL or hop limit, 0: the endpoint's default. */
  hopLimit: number;
  /** 0xffffffff: the endpoint's default. */
  trafficClass: number;
  /** Interface to use, 0: by the route; IP_MULTICAST_IF for multicast. */
  interfaceIndex: number;
  /** Source from a control message, or undefined. */
  source: IpAddress | undefined;
}

/** Options of an endpoint; defaults as Linux has them. */
export interface UdpSettings {
  broadcast: boolean;
  hopLimit: number;
  trafficClass: number;
  multicastHopLimit: number;
  multicastLoop: boolean;
  /** Interface index for multicast, 0: by the route. */
  multicastInterface: number;
  /** IP_MTU_DISCOVER is IP_PMTUDISC_DO: too large is EMSGSIZE. */
  dontFragment: boolean;
}

/** A bound UDP endpoint. */
export interface UdpEndpoint {
  readonly local: Endpoint;
  readonly peer: Endpoint | null;
  readonly settings: UdpSettings;
  /** Takes datagrams of this peer only from now on, and finds the source address for it; null: of all. */
  connect(peer: Endpoint | null): SocketError | null;
  /**
   * Sends a datagram whose payload lies at an offset in memory.
   * @param to null: the peer
   * @returns null when it was sent or queued, 'EAGAIN' when it must wait (sendable() follows), or why not
   */
  send(
    to: Endpoint | null,
    offset: number,
    length: number,
    options: UdpSendOptions,
  ): SocketError | null;
  /** Joins or leaves a group on an interface (0: by the route). `source` for source-specific joins. */
  setMembership(
    group: IpAddress,
    interfaceIndex: number,
    join: boolean,
    source?: IpAddress,
  ): SocketError | null;
  close(): void;
}

/** UDP. */
export interface UdpApi {
  /** Takes a local address and port: as TcpApi.bind(). */
  bind(local: Endpoint, flags: BindFlags): PortBinding | SocketError;
  /** Opens an endpoint on a binding, which belongs to it from now on. */
  open(binding: PortBinding, events: UdpEvents): UdpEndpoint;
}
