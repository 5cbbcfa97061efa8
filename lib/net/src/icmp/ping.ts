/**
 * ICMP echo for sockets (icmp(7), SOCK_DGRAM with IPPROTO_ICMP or IPPROTO_ICMPV6): as UDP, with the
 * identifier in the place of the port. Payloads are whole messages from the type on; identifier and
 * checksum are filled in here.
 */
import type { Endpoint, IpAddress } from '../address.ts';
import type { Counters } from '../environment.ts';
import type { SocketError } from '../errors.ts';
import type { Interface } from '../interface/interface.ts';
import type { IncomingHeader } from '../ip/header.ts';
import type { IpRoute } from '../ip/route.ts';
import { type NetworkError, protocol, type ReceivedHeader, type SendOptions } from '../network.ts';
import type { Packet } from '../packet.ts';
import { PortTable } from '../ports.ts';
import type { Stack } from '../stack.ts';
import type { BindFlags, PortBinding } from '../tcp/types.ts';
import { type UdpHost, UdpSocket } from '../udp/socket.ts';
import type { UdpApi, UdpEndpoint, UdpEvents, UdpSendOptions } from '../udp/types.ts';
import { read16, write16 } from '../wire/bytes.ts';
import { icmpv4HeaderSize, icmpv4Type } from '../wire/icmpv4.ts';
import type { EchoReceiver } from './icmpv4.ts';

/** Echo request of ICMPv6 (RFC 4443, section 4.1). */
const echoRequest6 = 128;
const largest4 = 65_535 - 20;
const largest6 = 65_535;
const defaultClass = 0xffffffff;

/** Echo of both versions. IcmpV4.echo and ICMPv6's are to be set to it. */
export class Ping implements UdpApi, UdpHost, EchoReceiver {
  readonly counters: Counters = {
    sent: 0,
    received: 0,
    errors: 0,
    dropNoSocket: 0,
    dropBufferFull: 0,
    dropNoBuffer: 0,
  };
  readonly #stack: Stack;
  readonly #identifiers: PortTable;
  readonly #sockets = new Map<number, UdpSocket>();

  constructor(stack: Stack) {
    this.#stack = stack;
    this.#identifiers = new PortTable(stack.environment, stack.network, false);
    stack.icmpV4.echo = this;
    stack.counters.set('ping', this.counters);
  }

  bind(local: Endpoint, flags: BindFlags): PortBinding | SocketError {
    // An identifier belongs to one socket: there is nothing to share a reply by.
    return this.#identifiers.bind(local, { ...flags, reuseAddress: false, reusePort: false });
  }

  open(binding: PortBinding, events: UdpEvents): UdpEndpoint {
    const socket = new UdpSocket(this, binding, events);
    const { port } = binding.local;
    socket.next = this.#sockets.get(port) ?? null;
    this.#sockets.set(port, socket);
    return socket;
  }

  // As what takes echo replies.

  receive(packet: Packet, received: ReceivedHeader, identifier: number): boolean {
    const { counters } = this;
    const header = received as IncomingHeader;
    for (let one = this.#sockets.get(identifier) ?? null; one !== null; one = one.next) {
      if (one.binding.local.address.isV4 !== header.isV4) continue;
      if (one.score(header, one.peer?.port ?? 0) === 0) continue;
      counters.received = (counters.received as number) + 1;
      if (!one.events.receive(packet, header.payloadLength, header, 0)) {
        counters.dropBufferFull = (counters.dropBufferFull as number) + 1;
      }
      return true;
    }
    counters.dropNoSocket = (counters.dropNoSocket as number) + 1;
    return false;
  }

  /** An error about an echo request: the quoted message has the identifier. */
  networkError(error: NetworkError): void {
    const { bytes } = this.#stack.environment.memory;
    this.counters.errors = (this.counters.errors as number) + 1;
    const type = bytes[error.quoted] as number;
    if (type !== (error.source.isV4 ? icmpv4Type.echoRequest : echoRequest6)) return;
    const identifier = read16(bytes, error.quoted + 4);
    let one = this.#sockets.get(identifier) ?? null;
    while (one !== null) {
      const { next, peer } = one;
      if (peer?.address.equals(error.destination) && error.kind !== 'packetTooBig') {
        one.events.failed(error.error);
      }
      one = next;
    }
  }

  // As the host of endpoints.

  route(from: UdpSocket, to: Endpoint): IpRoute | SocketError {
    const { address, scope } = from.local;
    const source = address.isUnspecified ? undefined : address;
    return this.#stack.network.route(to.address, source, to.scope !== 0 ? to.scope : scope);
  }

  send(
    from: UdpSocket,
    to: Endpoint,
    offset: number,
    length: number,
    options: UdpSendOptions,
  ): SocketError | null {
    const { network, environment } = this.#stack;
    const { memory } = environment;
    const { isV4 } = from.binding.local.address;
    if (to.address.isV4 !== isV4) return isV4 ? 'EAFNOSUPPORT' : 'ENETUNREACH';
    const request = isV4 ? icmpv4Type.echoRequest : echoRequest6;
    if (
      length < icmpv4HeaderSize ||
      memory.bytes[offset] !== request ||
      memory.bytes[offset + 1] !== 0
    ) {
      return 'EINVAL';
    }
    if (length > (isV4 ? largest4 : largest6)) return 'EMSGSIZE';
    const own = from.local.address.isUnspecified ? undefined : from.local.address;
    const scope = options.interfaceIndex !== 0 ? options.interfaceIndex : to.scope;
    const source = options.source ?? own;
    const route = network.route(to.address, source, scope !== 0 ? scope : from.local.scope);
    if (typeof route === 'string') return route;
    const { settings } = from;
    if (route.kind === 'broadcast' && !settings.broadcast) return 'EACCES';
    if (settings.dontFragment && length + (isV4 ? 20 : 40) > route.mtu) return 'EMSGSIZE';
    const packet = network.allocate(route, length);
    if (packet === null) {
      this.counters.dropNoBuffer = (this.counters.dropNoBuffer as number) + 1;
      return 'ENOBUFS';
    }
    const { start } = packet;
    memory.copy(start, offset, length);
    packet.end = start + length;
    write16(memory.bytes, start + 4, from.local.port);
    write16(memory.bytes, start + 2, 0);
    const number = isV4 ? protocol.icmp : protocol.icmpv6;
    const pseudo = isV4 ? 0 : network.pseudoHeaderSum(route, number, length);
    write16(memory.bytes, start + 2, ~memory.checksum(start, length, pseudo));
    network.send(route, packet, number, this.#optionsFor(from, route, options));
    this.counters.sent = (this.counters.sent as number) + 1;
    return null;
  }

  groupInterface(_group: IpAddress, index: number): Interface | undefined {
    return this.#stack.interfaces[index - 1];
  }

  close(socket: UdpSocket): void {
    const { port } = socket.binding.local;
    const left: UdpSocket[] = [];
    for (let one = this.#sockets.get(port) ?? null; one !== null; one = one.next) {
      if (one !== socket) left.push(one);
    }
    let next: UdpSocket | null = null;
    for (const one of left.reverse()) {
      one.next = next;
      next = one;
    }
    if (next === null) this.#sockets.delete(port);
    else this.#sockets.set(port, next);
  }

  #optionsFor(from: UdpSocket, route: IpRoute, options: UdpSendOptions): SendOptions {
    const { settings } = from;
    const own = route.kind === 'multicast' ? settings.multicastHopLimit : settings.hopLimit;
    const isDefault = options.trafficClass >>> 0 === defaultClass;
    return {
      hopLimit: options.hopLimit !== 0 ? options.hopLimit : own,
      trafficClass: isDefault ? settings.trafficClass : options.trafficClass,
      dontFragment: settings.dontFragment,
    };
  }
}
