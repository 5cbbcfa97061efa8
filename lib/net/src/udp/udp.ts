/** UDP over both IP versions (RFC 768, RFC 8200 section 8.1, RFC 1122 section 4.1). */
import type { Endpoint, IpAddress } from '../address.ts';
import type { Counters } from '../environment.ts';
import type { SocketError } from '../errors.ts';
import { hashWords } from '../interface/address-map.ts';
import type { Interface } from '../interface/interface.ts';
import { isMulticast, needsScope } from '../ip/addresses.ts';
import { chainSum, trimChain } from '../ip/chain.ts';
import type { IncomingHeader } from '../ip/header.ts';
import type { IpRoute } from '../ip/route.ts';
import type { NetworkError, ReceivedHeader, SendOptions, Transport } from '../network.ts';
import { protocol } from '../network.ts';
import { checksumState, type Packet } from '../packet.ts';
import type { Stack } from '../stack.ts';
import { Timer } from '../storage/timers.ts';
import type { BindFlags, PortBinding } from '../tcp/types.ts';
import { fold, read16 } from '../wire/bytes.ts';
import { parseUdp, UdpHeader, udpHeaderSize, writeUdp } from '../wire/udp.ts';
import { type UdpHost, UdpSocket } from './socket.ts';
import type { UdpApi, UdpEndpoint, UdpEvents, UdpSendOptions } from './types.ts';

/** Bytes of payload that one datagram can have. */
const maximumPayload4 = 65_535 - 20 - udpHeaderSize;
const maximumPayload6 = 65_535 - udpHeaderSize;
/** Who found no buffer is called again after this many microseconds. */
const retryInterval = 1000;
/** UdpSendOptions.trafficClass that stands for the endpoint's own. */
const defaultClass = 0xffffffff;

/** UDP. Registers itself with the stack. */
export class Udp implements Transport, UdpApi, UdpHost {
  readonly counters: Counters = {
    received: 0,
    sent: 0,
    errors: 0,
    dropShort: 0,
    dropLength: 0,
    dropPort: 0,
    dropChecksum: 0,
    dropNoChecksum: 0,
    dropNoPort: 0,
    dropNoMember: 0,
    dropBufferFull: 0,
    dropNoBuffer: 0,
    dropErrorNoSocket: 0,
  };
  readonly #stack: Stack;
  readonly #ports = new Map<number, UdpSocket>();
  readonly #parsed = new UdpHeader();
  readonly #options: { hopLimit: number; trafficClass: number; dontFragment: boolean } = {
    hopLimit: 0,
    trafficClass: 0,
    dontFragment: false,
  };
  readonly #seed: number;
  readonly #retry: Timer;
  #blocked: UdpSocket[] = [];
  #count = 0;

  constructor(stack: Stack) {
    this.#stack = stack;
    this.#seed = stack.randomWord();
    this.#retry = new Timer(() => this.#unblock());
    stack.registerTransport(protocol.udp, this);
    stack.counters.set('udp', this.counters);
  }

  /** How many endpoints are open. */
  get size(): number {
    return this.#count;
  }

  bind(local: Endpoint, flags: BindFlags): PortBinding | SocketError {
    return this.#stack.udpPorts.bind(local, flags);
  }

  open(binding: PortBinding, events: UdpEvents): UdpEndpoint {
    const socket = new UdpSocket(this, binding, events);
    const { port } = binding.local;
    socket.next = this.#ports.get(port) ?? null;
    this.#ports.set(port, socket);
    this.#count += 1;
    return socket;
  }

  // As a transport.

  receive(packet: Packet, received: ReceivedHeader): void {
    const { counters } = this;
    const header = received as IncomingHeader;
    const { memory } = this.#stack.environment;
    const parsed = this.#parsed;
    const { start } = packet;
    counters.received = (counters.received as number) + 1;
    switch (parseUdp(memory.bytes, start, packet.end - start, header.payloadLength, parsed)) {
      case 'short':
        this.#drop(packet, 'dropShort');
        return;
      case 'length':
        this.#drop(packet, 'dropLength');
        return;
      case 'port':
        this.#drop(packet, 'dropPort');
        return;
      default:
    }
    const { length } = parsed;
    if (length < header.payloadLength) {
      header.payloadLength = length;
      trimChain(packet, length);
    }
    if (packet.checksum === checksumState.none) {
      if (parsed.checksum === 0) {
        // RFC 8200, section 8.1: with IPv6 there must be one.
        if (!header.isV4) {
          this.#drop(packet, 'dropNoChecksum');
          return;
        }
      } else if (chainSum(memory, packet, length, header.pseudoHeaderSum()) !== 0xffff) {
        this.#drop(packet, 'dropChecksum');
        return;
      }
    }
    const { sourcePort } = parsed;
    if (header.isMulticast) {
      packet.start = start + udpHeaderSize;
      this.#deliverToAll(packet, header, length - udpHeaderSize);
      packet.release();
      return;
    }
    const socket = this.#find(header, parsed.destinationPort, sourcePort);
    if (socket === null) {
      counters.dropNoPort = (counters.dropNoPort as number) + 1;
      this.#stack.network.delivery.sendError('portUnreachable', packet, 0);
      packet.release();
      return;
    }
    packet.start = start + udpHeaderSize;
    if (!socket.events.receive(packet, length - udpHeaderSize, header, sourcePort)) {
      counters.dropBufferFull = (counters.dropBufferFull as number) + 1;
    }
    packet.release();
  }

  /**
   * Errors reach connected endpoints only, and of these what Linux calls fatal (udp(7)): port and
   * protocol unreachable.
   */
  networkError(error: NetworkError): void {
    const { bytes } = this.#stack.environment.memory;
    this.counters.errors = (this.counters.errors as number) + 1;
    const ourPort = read16(bytes, error.quoted);
    const theirPort = read16(bytes, error.quoted + 2);
    let socket = this.#ports.get(ourPort) ?? null;
    let found = false;
    while (socket !== null) {
      const { next } = socket;
      if (this.#sentTo(socket, error, theirPort)) {
        found = true;
        if (socket.peer !== null && isFatal(error)) socket.events.failed(error.error);
      }
      socket = next;
    }
    if (!found) {
      this.counters.dropErrorNoSocket = (this.counters.dropErrorNoSocket as number) + 1;
    } else if (error.kind === 'packetTooBig') {
      this.#stack.network.learnMtu(error.destination, error.mtu);
    }
  }

  // As the host of endpoints.

  route(from: UdpSocket, to: Endpoint): IpRoute | SocketError {
    const { address } = from.local;
    const source = address.isUnspecified || isMulticast(address) ? undefined : address;
    return this.#stack.network.route(to.address, source, this.#scope(from, to, 0));
  }

  send(
    from: UdpSocket,
    to: Endpoint,
    offset: number,
    length: number,
    options: UdpSendOptions,
  ): SocketError | null {
    if (to.port === 0) return 'EINVAL';
    const refusal = from.checkFamily(to.address);
    if (refusal !== null) return refusal;
    const route = this.#routeFor(from, to, options);
    if (typeof route === 'string') return route;
    if (route.kind === 'broadcast' && !from.settings.broadcast) return 'EACCES';
    const { settings } = from;
    const total = length + udpHeaderSize;
    if (length > (route.isV4 ? maximumPayload4 : maximumPayload6)) return 'EMSGSIZE';
    if (settings.dontFragment && total + (route.isV4 ? 20 : 40) > route.mtu) return 'EMSGSIZE';
    const { network, environment } = this.#stack;
    const packet = network.allocate(route, total);
    if (packet === null) return this.#block(from);
    const { memory } = environment;
    const { start } = packet;
    const pseudo = fold(route.addressSum + protocol.udp + total);
    writeUdp(memory.bytes, start, from.local.port, to.port, total, pseudo);
    memory.copy(start + udpHeaderSize, offset, length);
    packet.end = start + total;
    packet.checksum = checksumState.partial;
    packet.checksumStart = start;
    packet.checksumOffset = 6;
    const sendOptions = this.#optionsFor(from, route, options);
    if (
      (route.kind === 'multicast' && settings.multicastLoop) ||
      (route.kind === 'broadcast' && !route.source.isUnspecified)
    ) {
      this.#loopBack(route, packet, sendOptions);
    }
    network.send(route, packet, protocol.udp, sendOptions);
    this.counters.sent = (this.counters.sent as number) + 1;
    return null;
  }

  groupInterface(group: IpAddress, index: number): Interface | undefined {
    if (index !== 0) return this.#stack.interfaces[index - 1];
    const route = needsScope(group)
      ? 'ENETUNREACH'
      : this.#stack.network.route(group, undefined, 0);
    if (typeof route !== 'string') return route.interface;
    const { interfaces } = this.#stack;
    return interfaces.find((one) => !one.isLoopback && one.isUp) ?? interfaces[0];
  }

  close(socket: UdpSocket): void {
    const { port } = socket.binding.local;
    let before: UdpSocket | null = null;
    let one = this.#ports.get(port) ?? null;
    while (one !== null && one !== socket) {
      before = one;
      one = one.next;
    }
    if (one === null) return;
    if (before !== null) before.next = socket.next;
    else if (socket.next !== null) this.#ports.set(port, socket.next);
    else this.#ports.delete(port);
    this.#count -= 1;
    if (socket.isBlocked) this.#blocked = this.#blocked.filter((other) => other !== socket);
  }

  #routeFor(from: UdpSocket, to: Endpoint, options: UdpSendOptions): IpRoute | SocketError {
    const { address } = from.local;
    const bound = address.isUnspecified || isMulticast(address) ? undefined : address;
    const source = options.source ?? bound;
    const scope = this.#scope(from, to, options.interfaceIndex);
    const known = from.route;
    if (
      known?.valid &&
      known.requestedScope === scope &&
      known.destination.equals(to.address) &&
      (source === undefined
        ? known.requestedSource === undefined
        : known.requestedSource?.equals(source) === true)
    ) {
      return known;
    }
    const route = this.#stack.network.route(to.address, source, scope);
    if (typeof route !== 'string') from.route = route;
    return route;
  }

  #scope(from: UdpSocket, to: Endpoint, wanted: number): number {
    if (wanted !== 0) return wanted;
    if (to.scope !== 0) return to.scope;
    if (from.settings.multicastInterface !== 0 && isMulticast(to.address)) {
      return from.settings.multicastInterface;
    }
    return from.local.scope;
  }

  #optionsFor(from: UdpSocket, route: IpRoute, options: UdpSendOptions): SendOptions {
    const { settings } = from;
    const own = route.kind === 'multicast' ? settings.multicastHopLimit : settings.hopLimit;
    const chosen = this.#options;
    chosen.hopLimit = options.hopLimit !== 0 ? options.hopLimit : own;
    chosen.trafficClass =
      options.trafficClass >>> 0 === defaultClass ? settings.trafficClass : options.trafficClass;
    chosen.dontFragment = settings.dontFragment;
    return chosen;
  }

  /** Members on this machine hear what is sent to their group, as everybody hears a broadcast. */
  #loopBack(route: IpRoute, packet: Packet, options: SendOptions): void {
    const { destination } = route;
    const isHeard =
      route.kind === 'broadcast' ||
      route.interface.isMember(
        destination.word0,
        destination.word1,
        destination.word2,
        destination.word3,
      );
    // Loopback's device hands everything back by itself.
    if (isHeard && !route.interface.isLoopback) {
      this.#stack.network.loopBack(route, packet, protocol.udp, options);
    }
  }

  /** The endpoint that fits best; of equals with SO_REUSEPORT one by the flow's hash, else the newest. */
  #find(header: IncomingHeader, port: number, sourcePort: number): UdpSocket | null {
    let best: UdpSocket | null = null;
    let bestScore = 0;
    let equals = 0;
    for (let one = this.#ports.get(port) ?? null; one !== null; one = one.next) {
      const score = one.score(header, sourcePort);
      if (score > bestScore) {
        best = one;
        bestScore = score;
        equals = 1;
      } else if (score === bestScore && score > 0) {
        equals += 1;
      }
    }
    if (best === null || equals === 1 || !best.binding.flags.reusePort) return best;
    const hash = hashWords(header.source3, header.source0, sourcePort, port, this.#seed) >>> 0;
    let left = hash % equals;
    for (let one = this.#ports.get(port) ?? null; one !== null; one = one.next) {
      if (one.score(header, sourcePort) !== bestScore) continue;
      if (left === 0) return one;
      left -= 1;
    }
    return best;
  }

  #deliverToAll(packet: Packet, header: IncomingHeader, length: number): void {
    const { counters } = this;
    const { destinationPort, sourcePort } = this.#parsed;
    let delivered = 0;
    let one = this.#ports.get(destinationPort) ?? null;
    while (one !== null) {
      const { next } = one;
      if (one.score(header, sourcePort) > 0 && (header.isBroadcast || one.acceptsGroup(header))) {
        delivered += 1;
        if (!one.events.receive(packet, length, header, sourcePort)) {
          counters.dropBufferFull = (counters.dropBufferFull as number) + 1;
        }
      }
      one = next;
    }
    if (delivered === 0) counters.dropNoMember = (counters.dropNoMember as number) + 1;
  }

  /** Whether an endpoint can have sent the packet that an error quotes. */
  #sentTo(socket: UdpSocket, error: NetworkError, theirPort: number): boolean {
    const { local, peer } = socket;
    if (!local.address.isUnspecified && !local.address.equals(error.source)) return false;
    return peer === null || (peer.port === theirPort && peer.address.equals(error.destination));
  }

  #block(socket: UdpSocket): SocketError {
    this.counters.dropNoBuffer = (this.counters.dropNoBuffer as number) + 1;
    if (!socket.isBlocked) {
      socket.isBlocked = true;
      this.#blocked.push(socket);
    }
    const { clock, timers } = this.#stack.environment;
    if (!this.#retry.isSet) timers.set(this.#retry, clock.now + retryInterval);
    return 'EAGAIN';
  }

  #unblock(): void {
    for (const socket of this.#blocked.splice(0)) {
      socket.isBlocked = false;
      if (!socket.isClosed) socket.events.sendable();
    }
  }

  #drop(packet: Packet, reason: string): void {
    this.counters[reason] = (this.counters[reason] as number) + 1;
    packet.release();
  }
}

function isFatal(error: NetworkError): boolean {
  return error.kind === 'refused' || error.error === 'ENOPROTOOPT' || error.error === 'EPROTO';
}
