/** What transports (TCP, UDP, ICMP echo) and the IP layer ask of each other. */
import type { IpAddress } from './address.ts';
import type { SocketError } from './errors.ts';
import type { Packet } from './packet.ts';

/** IP protocol numbers (IANA). */
export const protocol = { icmp: 1, igmp: 2, tcp: 6, udp: 17, icmpv6: 58 } as const;

/** NetworkInterface.index of loopback, which is always there. */
export const loopbackIndex = 1;

/** An interface as transports see it; routes and datagrams name it. */
export interface NetworkInterface {
  /** From 1 on. */
  readonly index: number;
  readonly name: string;
}

/**
 * A way to a destination: interface, next hop and source address. Transports keep it as long as a
 * connection lives; the IP layer keeps its content right, and `valid` false tells to ask again.
 */
export interface Route {
  readonly destination: IpAddress;
  readonly source: IpAddress;
  readonly interface: NetworkInterface;
  /** False once addresses, routes or the interface changed: ask NetworkLayer.route() again. */
  readonly valid: boolean;
  /** Largest IP packet in bytes, IP header included: the device's MTU or what path MTU discovery learnt. */
  readonly mtu: number;
  /** Largest TCP packet that may be handed over at once, IP header included; 0 without offload. */
  readonly segmentation: number;
  /** The device fills in checksums, or none is needed (loopback). */
  readonly checksumOffload: boolean;
  /** Source or destination is this machine itself. */
  readonly isLocal: boolean;
  /** The destination is a multicast or broadcast address. */
  readonly isGroup: boolean;
}

/** The IP header of a received packet: one object, reused for every packet. */
export interface ReceivedHeader {
  readonly interface: NetworkInterface;
  readonly isV4: boolean;
  /** Words of the addresses, IPv4 in mapped form, as in IpAddress. */
  readonly source0: number;
  readonly source1: number;
  readonly source2: number;
  readonly source3: number;
  readonly destination0: number;
  readonly destination1: number;
  readonly destination2: number;
  readonly destination3: number;
  readonly protocol: number;
  /** Bytes of the transport's packet, over all buffers of the packet. */
  readonly payloadLength: number;
  readonly hopLimit: number;
  /** TOS or traffic class, with the ECN bits. */
  readonly trafficClass: number;
  /** The destination is a multicast or broadcast address. */
  readonly isMulticast: boolean;
  /** Sum of the pseudo-header for this payload (RFC 9293, section 3.1), folded, not complemented. */
  pseudoHeaderSum(): number;
  /** Copies of the addresses, for keeping. */
  sourceAddress(): IpAddress;
  destinationAddress(): IpAddress;
}

/** An ICMP error about a packet that a transport sent; already checked to quote a plausible packet. */
export interface NetworkError {
  /**
   * `packetTooBig` carries `mtu`; `refused` is port unreachable; `unreachable` everything else
   * (network, host, prohibited), with the error that it becomes.
   */
  readonly kind: 'packetTooBig' | 'refused' | 'unreachable' | 'timeExceeded' | 'parameterProblem';
  readonly error: SocketError;
  readonly mtu: number;
  /** Addresses of the quoted packet: source is ours. */
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** Where the quoted transport header begins in memory, and how many bytes of it there are (at least 8). */
  readonly quoted: number;
  readonly quotedLength: number;
}

/** A protocol over IP. */
export interface Transport {
  /**
   * Takes a packet for this machine whose IP header was removed: packet.start is the transport's
   * header, within the first buffer up to at least its fixed part. Takes ownership.
   */
  receive(packet: Packet, header: ReceivedHeader): void;
  /** An ICMP error came for something that this transport sent. */
  networkError(error: NetworkError): void;
}

/** What may be chosen for one packet. */
export interface SendOptions {
  /** TTL or hop limit, 0: the default, 64 (1 for multicast). */
  readonly hopLimit: number;
  readonly trafficClass: number;
  /** The packet must not be fragmented: with IPv4 the DF bit is set, too large is EMSGSIZE. */
  readonly dontFragment: boolean;
}

/** The IP layer, as transports see it. */
export interface NetworkLayer {
  /**
   * Finds the way to a destination.
   * @param source the bound source address, or undefined to have one chosen (RFC 6724)
   * @param scope interface index that the destination must be reached through, 0: any
   * @returns the route, or ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL (source is not ours)
   */
  route(destination: IpAddress, source: IpAddress | undefined, scope: number): Route | SocketError;
  /** True while some interface has not got its first addresses yet and may still get them: a caller without
   * a route had better wait for onConfigured(). */
  readonly configuring: boolean;
  /** Calls once when `configuring` becomes false or a route may have come up. */
  onConfigured(then: () => void): void;
  /** True for an address of this machine, loopback included. */
  isLocal(address: IpAddress): boolean;
  /** A packet for the route's device with headroom for all headers below the transport's, null when the device
   * has none left. */
  allocate(route: Route, size: number): Packet | null;
  /** Prepends IP and link headers and sends. Takes ownership. `packet.start` is the transport's header. */
  send(route: Route, packet: Packet, protocol: number, options: SendOptions): void;
  /** Sum of the pseudo-header for a packet of `length` bytes on a route, folded, not complemented. */
  pseudoHeaderSum(route: Route, protocol: number, length: number): number;
  /** A connection makes progress over this route: the neighbour is reachable (RFC 4861, section 7.3.1). */
  confirmReachable(route: Route): void;
  /** Learns a path MTU (RFC 1191, 8201): routes to this destination report it from now on, for 10 minutes. */
  learnMtu(destination: IpAddress, mtu: number): void;
}
