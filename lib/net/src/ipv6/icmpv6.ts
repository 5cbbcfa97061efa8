/** ICMPv6 (RFC 4443): answers echo requests, sends errors, tells transports of errors, and hands on the rest. */
import { IpAddress } from '../address.ts';
import type { Counters, Environment } from '../environment.ts';
import type { SocketError } from '../errors.ts';
import type { IcmpErrorSender, UndeliverableReason } from '../icmp/errors.ts';
import type { EchoReceiver } from '../icmp/icmpv4.ts';
import { IcmpRateLimit } from '../icmp/rate-limit.ts';
import type { Interface } from '../interface/interface.ts';
import { needsScope } from '../ip/addresses.ts';
import { chainSum, copyChain } from '../ip/chain.ts';
import type { IncomingHeader } from '../ip/header.ts';
import type { InternetLayer } from '../ip/layer.ts';
import type { IpRoute } from '../ip/route.ts';
import {
  type NetworkError,
  protocol,
  type ReceivedHeader,
  type SendOptions,
  type Transport,
} from '../network.ts';
import { checksumState, type Packet } from '../packet.ts';
import { read16 } from '../wire/bytes.ts';
import {
  emitIcmpv6ErrorHeader,
  fillIcmpv6Checksum,
  findUpperLayer,
  type Icmpv6Error,
  icmpv6HeaderLength,
  icmpv6Type,
  minimumMtu,
  parameterProblemCode,
  parseIcmpv6Error,
  unreachableCode,
} from '../wire/icmpv6.ts';
import { ipv6HeaderSize } from '../wire/ipv6.ts';

/** What takes messages about the link: Neighbour Discovery and MLD of an interface. */
export interface LinkMessages {
  /** Types 133 to 137. The checksum was verified; the message lies in one buffer. */
  neighbourDiscovery(
    on: Interface,
    bytes: Uint8Array,
    offset: number,
    length: number,
    header: ReceivedHeader,
  ): void;
  /** Types 130 to 132 and 143. */
  multicastListener(
    on: Interface,
    bytes: Uint8Array,
    offset: number,
    length: number,
    header: ReceivedHeader,
  ): void;
}

/** The field of an IPv6 header that says what follows. */
const nextHeaderInFixedHeader = 6;

/** ICMPv6. */
export class IcmpV6 implements Transport, IcmpErrorSender {
  readonly counters: Counters = {
    received: 0,
    echoRequests: 0,
    echoReplies: 0,
    errorsReceived: 0,
    errorsSent: 0,
    dropShort: 0,
    dropChecksum: 0,
    dropType: 0,
    dropSplit: 0,
    dropExtensionHeaders: 0,
    dropEchoRate: 0,
    dropEchoReply: 0,
    dropErrorRate: 0,
    dropErrorNotAllowed: 0,
    dropQuoteShort: 0,
    dropQuoteNotOurs: 0,
    dropQuoteNoTransport: 0,
    dropQuoteMtu: 0,
    dropQuoteProtocol: 0,
    dropNoBuffer: 0,
    dropNoRoute: 0,
  };
  /** Set by ping sockets. */
  echo: EchoReceiver | null = null;
  /** Set by whoever configures interfaces for IPv6. */
  link: LinkMessages | null = null;
  readonly #environment: Environment;
  readonly #network: InternetLayer;
  readonly #limit: IcmpRateLimit;

  constructor(environment: Environment, network: InternetLayer) {
    this.#environment = environment;
    this.#network = network;
    this.#limit = new IcmpRateLimit(environment);
  }

  receive(packet: Packet, header: ReceivedHeader): void {
    this.#count('received');
    const { memory } = this.#environment;
    const { start } = packet;
    const inBuffer = packet.end - start;
    if (inBuffer < icmpv6HeaderLength) {
      this.#drop(packet, 'dropShort');
      return;
    }
    if (
      packet.checksum !== checksumState.partial &&
      chainSum(memory, packet, header.payloadLength, header.pseudoHeaderSum()) !== 0xffff
    ) {
      this.#drop(packet, 'dropChecksum');
      return;
    }
    switch (memory.bytes[start]) {
      case icmpv6Type.echoRequest:
        this.#answerEcho(packet, header);
        break;
      case icmpv6Type.echoReply:
        this.#count('echoReplies');
        if (this.echo?.receive(packet, header, read16(memory.bytes, start + 4)) !== true) {
          this.#count('dropEchoReply');
        }
        break;
      case icmpv6Type.destinationUnreachable:
      case icmpv6Type.packetTooBig:
      case icmpv6Type.timeExceeded:
      case icmpv6Type.parameterProblem:
        this.#takeError(packet, header);
        break;
      case icmpv6Type.routerSolicitation:
      case icmpv6Type.routerAdvertisement:
      case icmpv6Type.neighbourSolicitation:
      case icmpv6Type.neighbourAdvertisement:
      case icmpv6Type.redirect:
        // Behind extension headers and in fragments they pass filters unseen (RFC 6980, RFC 7113).
        if ((header as IncomingHeader).nextHeaderAt !== nextHeaderInFixedHeader) {
          this.#count('dropExtensionHeaders');
        } else {
          this.#handOn(packet, header, true);
        }
        break;
      case icmpv6Type.multicastListenerQuery:
      case icmpv6Type.multicastListenerReport:
      case icmpv6Type.multicastListenerDone:
      case icmpv6Type.multicastListenerReportV2:
        this.#handOn(packet, header, false);
        break;
      default:
        this.#count('dropType');
    }
    packet.release();
  }

  networkError(error: NetworkError): void {
    // Echo replies and errors of ours that could not be delivered: nobody waits for them.
    this.echo?.networkError(error);
  }

  sendError(
    reason: UndeliverableReason,
    _packet: Packet,
    header: ReceivedHeader,
    quoted: number,
    quotedLength: number,
    pointer: number,
  ): void {
    const { memory } = this.#environment;
    if (!this.#mayAnswer(reason, header, memory.bytes, quoted, quotedLength)) {
      this.#count('dropErrorNotAllowed');
      return;
    }
    if (!this.#limit.takeError(header)) {
      this.#count('dropErrorRate');
      return;
    }
    const length = Math.min(quotedLength, minimumMtu - ipv6HeaderSize - icmpv6HeaderLength);
    const route = this.#routeBack(header);
    if (route === undefined) return;
    const packet = this.#allocate(route, icmpv6HeaderLength + length);
    if (packet === null) return;
    const [type, code] = codeOf(reason);
    const isProblem = type === icmpv6Type.parameterProblem;
    emitIcmpv6ErrorHeader(memory.bytes, packet.start, type, code, isProblem ? pointer : 0);
    memory.copy(packet.start + icmpv6HeaderLength, quoted, length);
    packet.end = packet.start + icmpv6HeaderLength + length;
    this.#count('errorsSent');
    this.#send(route, packet, 0);
  }

  /** RFC 4443, section 4.2: the same data goes back; asked as a group, each member may answer. */
  #answerEcho(packet: Packet, header: ReceivedHeader): void {
    this.#count('echoRequests');
    const { memory } = this.#environment;
    if (!this.#limit.takeEcho()) {
      this.#count('dropEchoRate');
      return;
    }
    const route = this.#routeBack(header);
    if (route === undefined) return;
    const length = header.payloadLength;
    const reply = this.#allocate(route, length);
    if (reply === null) return;
    copyChain(memory, packet, length, reply.start);
    reply.end = reply.start + length;
    memory.bytes[reply.start] = icmpv6Type.echoReply;
    this.#send(route, reply, header.trafficClass & 0xfc);
  }

  /** RFC 4443, section 2.4(e). */
  #mayAnswer(
    reason: UndeliverableReason,
    header: ReceivedHeader,
    bytes: Uint8Array,
    quoted: number,
    quotedLength: number,
  ): boolean {
    if (header.isMulticast && reason !== 'unknownOption') return false;
    if ((header.source0 | header.source1 | header.source2 | header.source3) === 0) return false;
    const upper = findUpperLayer(bytes, quoted, quotedLength);
    if (upper === undefined || upper.protocol !== protocol.icmpv6) return true;
    const type = bytes[upper.offset] as number;
    return type >= 128 && type !== icmpv6Type.redirect;
  }

  #routeBack(header: ReceivedHeader): IpRoute | undefined {
    const to = header.sourceAddress();
    const from = header.isMulticast ? undefined : header.destinationAddress();
    const route = this.#network.route(to, from, needsScope(to) ? header.interface.index : 0);
    if (typeof route !== 'string') return route;
    this.#count('dropNoRoute');
    return undefined;
  }

  #allocate(route: IpRoute, size: number): Packet | null {
    const packet = this.#network.allocate(route, size);
    if (packet === null) this.#count('dropNoBuffer');
    return packet;
  }

  #send(route: IpRoute, packet: Packet, trafficClass: number): void {
    const { bytes } = this.#environment.memory;
    bytes[packet.start + 2] = 0;
    bytes[packet.start + 3] = 0;
    const length = packet.end - packet.start;
    fillIcmpv6Checksum(bytes, packet.start, length, route.source, route.destination);
    const options: SendOptions = { hopLimit: 0, trafficClass, dontFragment: false };
    this.#network.send(route, packet, protocol.icmpv6, options);
  }

  #handOn(packet: Packet, header: ReceivedHeader, isNeighbourDiscovery: boolean): void {
    if (packet.next !== null) {
      this.#count('dropSplit');
      return;
    }
    const on = header.interface as Interface;
    const { bytes } = this.#environment.memory;
    const length = packet.end - packet.start;
    if (this.link === null || on.isLoopback) this.#count('dropType');
    else if (isNeighbourDiscovery) {
      this.link.neighbourDiscovery(on, bytes, packet.start, length, header);
    } else {
      this.link.multicastListener(on, bytes, packet.start, length, header);
    }
  }

  /** Checks that an error quotes a packet that we may have sent (RFC 5927's advice), and passes it on. */
  #takeError(packet: Packet, header: ReceivedHeader): void {
    this.#count('errorsReceived');
    const { bytes } = this.#environment.memory;
    const message = parseIcmpv6Error(bytes, packet.start, packet.end - packet.start);
    if (typeof message === 'string') {
      this.#count('dropQuoteShort');
      return;
    }
    const source = IpAddress.readV6(bytes, message.quoted + 8);
    const destination = IpAddress.readV6(bytes, message.quoted + 24);
    // Sent to us about a packet of another, or by a disguised IPv4 address: not ours.
    if (
      header.isMulticast ||
      source.isV4 ||
      destination.isV4 ||
      !source.equals(header.destinationAddress())
    ) {
      this.#count('dropQuoteNotOurs');
      return;
    }
    const upper = findUpperLayer(bytes, message.quoted, message.quotedLength);
    const quotedLength = upper === undefined ? 0 : packet.end - upper.offset;
    if (upper === undefined || quotedLength < 8) {
      this.#count('dropQuoteNoTransport');
      return;
    }
    const whole = ipv6HeaderSize + read16(bytes, message.quoted + 4);
    if (message.type === icmpv6Type.packetTooBig && !(message.parameter < whole)) {
      // The packet quoted fits: nobody had a reason to say that (RFC 5927, section 7.2).
      this.#count('dropQuoteMtu');
      return;
    }
    const [kind, error] = meaningOf(message);
    const mtu =
      message.type === icmpv6Type.packetTooBig ? Math.max(message.parameter, minimumMtu) : 0;
    const delivered = this.#network.deliverError(upper.protocol, {
      kind,
      error,
      mtu,
      source,
      destination,
      quoted: upper.offset,
      quotedLength,
    });
    if (!delivered) this.#count('dropQuoteProtocol');
  }

  #drop(packet: Packet, reason: string): void {
    this.#count(reason);
    packet.release();
  }

  #count(name: string): void {
    this.counters[name] = (this.counters[name] as number) + 1;
  }
}

/** Type and code of an error. */
function codeOf(reason: UndeliverableReason): readonly [number, number] {
  switch (reason) {
    case 'portUnreachable':
      return [icmpv6Type.destinationUnreachable, unreachableCode.port];
    case 'protocolUnreachable':
    case 'unknownNextHeader':
      return [icmpv6Type.parameterProblem, parameterProblemCode.unknownNextHeader];
    case 'reassemblyTimeExceeded':
      return [icmpv6Type.timeExceeded, 1];
    case 'parameterProblem':
      return [icmpv6Type.parameterProblem, parameterProblemCode.erroneousField];
    case 'unknownOption':
      return [icmpv6Type.parameterProblem, parameterProblemCode.unknownOption];
    default:
      return reason satisfies never;
  }
}

/** What an error means to a socket, as Linux has it. */
function meaningOf(message: Icmpv6Error): readonly [NetworkError['kind'], SocketError] {
  switch (message.type) {
    case icmpv6Type.packetTooBig:
      return ['packetTooBig', 'EMSGSIZE'];
    case icmpv6Type.timeExceeded:
      return ['timeExceeded', 'EHOSTUNREACH'];
    case icmpv6Type.parameterProblem:
      return ['parameterProblem', 'EPROTO'];
    default:
      break;
  }
  switch (message.code) {
    case unreachableCode.port:
      return ['refused', 'ECONNREFUSED'];
    case unreachableCode.noRoute:
      return ['unreachable', 'ENETUNREACH'];
    case unreachableCode.prohibited:
    case unreachableCode.sourcePolicy:
    case unreachableCode.rejectRoute:
      return ['unreachable', 'EACCES'];
    default:
      return ['unreachable', 'EHOSTUNREACH'];
  }
}
