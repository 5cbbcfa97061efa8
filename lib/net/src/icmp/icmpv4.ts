/** ICMP for IPv4: answers echo requests, sends errors, and tells transports of errors (RFC 792, RFC 1122). */
import { IpAddress } from '../address.ts';
import type { Counters, Environment } from '../environment.ts';
import type { SocketError } from '../errors.ts';
import { chainSum, copyChain } from '../ip/chain.ts';
import type { InternetLayer } from '../ip/layer.ts';
import type { NetworkError, ReceivedHeader, SendOptions, Transport } from '../network.ts';
import { protocol } from '../network.ts';
import { checksumState, type Packet } from '../packet.ts';
import { read16, write16 } from '../wire/bytes.ts';
import {
  Icmpv4Header,
  icmpv4HeaderSize,
  icmpv4Type,
  parseIcmpv4,
  parseQuotedIpv4,
  QuotedIpv4,
  unreachableCode,
  writeIcmpv4,
} from '../wire/icmpv4.ts';
import type { IcmpErrorSender, UndeliverableReason } from './errors.ts';
import { IcmpRateLimit } from './rate-limit.ts';

/** Errors are at most as long as every host takes whole (RFC 1812, section 4.3.2.3). */
const errorMaximum = 576;
const ipv4Maximum = 65_535;
/** RFC 1191, section 7.1: what to try when a router does not say. */
const plateaus = [32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68];

/** Who takes echo replies: the ping sockets. */
export interface EchoReceiver {
  /** Takes an echo reply, from the type on. Does not take the packet. */
  receive(packet: Packet, header: ReceivedHeader, identifier: number): boolean;
  /** An ICMP error came for an ICMP message of ours. */
  networkError(error: NetworkError): void;
}

/** The largest plateau below a length. */
export function plateauBelow(length: number): number {
  for (const plateau of plateaus) if (plateau < length) return plateau;
  return 68;
}

/** ICMP for IPv4. */
export class IcmpV4 implements Transport, IcmpErrorSender {
  readonly counters: Counters = {
    received: 0,
    echoRequests: 0,
    echoReplies: 0,
    errorsReceived: 0,
    errorsSent: 0,
    dropShort: 0,
    dropChecksum: 0,
    dropType: 0,
    dropEchoToGroup: 0,
    dropEchoRate: 0,
    dropEchoReply: 0,
    dropErrorRate: 0,
    dropErrorNotAllowed: 0,
    dropQuoteShort: 0,
    dropQuoteNotOurs: 0,
    dropQuoteFragment: 0,
    dropQuoteMtu: 0,
    dropQuoteProtocol: 0,
    dropRedirect: 0,
    dropNoBuffer: 0,
    dropNoRoute: 0,
  };
  /** Set by ping sockets. */
  echo: EchoReceiver | null = null;
  readonly #environment: Environment;
  readonly #network: InternetLayer;
  readonly #limit: IcmpRateLimit;
  readonly #parsed = new Icmpv4Header();
  readonly #quoted = new QuotedIpv4();

  constructor(environment: Environment, network: InternetLayer) {
    this.#environment = environment;
    this.#network = network;
    this.#limit = new IcmpRateLimit(environment);
  }

  receive(packet: Packet, header: ReceivedHeader): void {
    this.#count('received');
    const { memory } = this.#environment;
    const parsed = this.#parsed;
    const { start } = packet;
    if (parseIcmpv4(memory.bytes, start, packet.end - start, parsed) !== undefined) {
      this.#drop(packet, 'dropShort');
      return;
    }
    if (
      packet.checksum !== checksumState.partial &&
      chainSum(memory, packet, header.payloadLength, 0) !== 0xffff
    ) {
      this.#drop(packet, 'dropChecksum');
      return;
    }
    switch (parsed.type) {
      case icmpv4Type.echoRequest:
        this.#answerEcho(packet, header);
        break;
      case icmpv4Type.echoReply:
        this.#count('echoReplies');
        if (this.echo?.receive(packet, header, read16(memory.bytes, start + 4)) !== true) {
          this.#count('dropEchoReply');
        }
        break;
      case icmpv4Type.unreachable:
      case icmpv4Type.timeExceeded:
      case icmpv4Type.parameterProblem:
        this.#takeError(packet, header);
        break;
      case icmpv4Type.redirect:
        // Anybody on the link could redirect us (RFC 1122 lets a host with one router ignore it).
        this.#count('dropRedirect');
        break;
      default:
        // Source quench is obsolete (RFC 6633), the rest nobody uses.
        this.#count('dropType');
    }
    packet.release();
  }

  /** RFC 1122, section 3.2.2.6: the same data goes back, from the address that was asked. */
  #answerEcho(packet: Packet, header: ReceivedHeader): void {
    this.#count('echoRequests');
    const { memory } = this.#environment;
    if (header.isMulticast) {
      this.#count('dropEchoToGroup');
      return;
    }
    if (!this.#limit.takeEcho()) {
      this.#count('dropEchoRate');
      return;
    }
    const length = header.payloadLength;
    const reply = this.#begin(header, length);
    if (reply === null) return;
    const { bytes } = memory;
    const at = reply.packet.start;
    copyChain(memory, packet, length, at);
    reply.packet.end = at + length;
    bytes[at] = icmpv4Type.echoReply;
    this.#finish(reply.packet, at);
    const options: SendOptions = {
      hopLimit: 0,
      trafficClass: header.trafficClass & 0xfc,
      dontFragment: false,
    };
    this.#network.send(reply.route, reply.packet, protocol.icmp, options);
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
    const { bytes } = memory;
    if (!this.#mayAnswer(header, quoted)) {
      this.#count('dropErrorNotAllowed');
      return;
    }
    if (!this.#limit.takeError(header)) {
      this.#count('dropErrorRate');
      return;
    }
    const length = Math.min(quotedLength, errorMaximum - 20 - icmpv4HeaderSize);
    const error = this.#begin(header, icmpv4HeaderSize + length);
    if (error === null) return;
    const at = error.packet.start;
    const [type, code] = codeOf(reason);
    const rest = type === icmpv4Type.parameterProblem ? pointer << 24 : 0;
    writeIcmpv4(bytes, at, type, code, rest);
    memory.copy(at + icmpv4HeaderSize, quoted, length);
    error.packet.end = at + icmpv4HeaderSize + length;
    this.#finish(error.packet, at);
    this.#count('errorsSent');
    // RFC 1812, section 4.3.2.5: precedence 6, internetwork control.
    const options: SendOptions = { hopLimit: 0, trafficClass: 0xc0, dontFragment: false };
    this.#network.send(error.route, error.packet, protocol.icmp, options);
  }

  networkError(error: NetworkError): void {
    // Echo replies and errors of ours that could not be delivered: nobody waits for them.
    this.echo?.networkError(error);
  }

  /** RFC 1122, section 3.2.2: no errors about errors, groups, or to what is not one host. */
  #mayAnswer(header: ReceivedHeader, quoted: number): boolean {
    if (header.isMulticast) return false;
    const top = header.source3 >>> 24;
    if (top === 0 || top >= 224 || this.#network.local.isBroadcast4(header.source3)) return false;
    if (header.protocol !== protocol.icmp) return true;
    const { bytes } = this.#environment.memory;
    const at = quoted + (((bytes[quoted] as number) & 15) << 2);
    const type = bytes[at] as number;
    return type === icmpv4Type.echoRequest || type === icmpv4Type.echoReply;
  }

  /** Finds the way back and a packet for it. */
  #begin(header: ReceivedHeader, length: number) {
    const source = header.sourceAddress();
    if (length > ipv4Maximum - 20) return null;
    const route = this.#network.route(source, header.destinationAddress(), 0);
    if (typeof route === 'string') {
      this.#count('dropNoRoute');
      return null;
    }
    const packet = this.#network.allocate(route, length);
    if (packet === null) {
      this.#count('dropNoBuffer');
      return null;
    }
    return { route, packet };
  }

  #finish(packet: Packet, at: number): void {
    const { memory } = this.#environment;
    write16(memory.bytes, at + 2, 0);
    write16(memory.bytes, at + 2, ~memory.checksum(at, packet.end - at, 0));
  }

  /** Checks that an error quotes a packet that we may have sent (RFC 5927, section 4), and passes it on. */
  #takeError(packet: Packet, header: ReceivedHeader): void {
    this.#count('errorsReceived');
    const { bytes } = this.#environment.memory;
    const quoted = this.#quoted;
    const { type, code, rest } = this.#parsed;
    const at = packet.start + icmpv4HeaderSize;
    if (parseQuotedIpv4(bytes, at, packet.end - at, quoted) !== undefined) {
      this.#count('dropQuoteShort');
      return;
    }
    const source = IpAddress.v4(quoted.source);
    if (header.isMulticast || quoted.source !== header.destination3) {
      this.#count('dropQuoteNotOurs');
      return;
    }
    if (quoted.fragmentOffset !== 0) {
      this.#count('dropQuoteFragment');
      return;
    }
    const destination = IpAddress.v4(quoted.destination);
    const transportAt = at + quoted.headerLength;
    const about = { source, destination, quoted: transportAt };
    const quotedLength = packet.end - transportAt;
    let error: NetworkError;
    if (type === icmpv4Type.unreachable && code === unreachableCode.fragmentationNeeded) {
      const said = rest & 0xffff;
      const mtu = said !== 0 ? said : plateauBelow(quoted.totalLength);
      // RFC 5927, section 7.2: the packet quoted must have been too large for that.
      if (mtu >= quoted.totalLength || mtu < 68) {
        this.#count('dropQuoteMtu');
        return;
      }
      error = { ...about, kind: 'packetTooBig', error: 'EMSGSIZE', mtu, quotedLength };
    } else if (type === icmpv4Type.unreachable) {
      const kind = code === unreachableCode.port ? 'refused' : 'unreachable';
      error = { ...about, kind, error: errorOf(code), mtu: 0, quotedLength };
    } else if (type === icmpv4Type.timeExceeded) {
      error = { ...about, kind: 'timeExceeded', error: 'EHOSTUNREACH', mtu: 0, quotedLength };
    } else {
      error = { ...about, kind: 'parameterProblem', error: 'EPROTO', mtu: 0, quotedLength };
    }
    if (!this.#network.deliverError(quoted.protocol, error)) this.#count('dropQuoteProtocol');
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
      return [icmpv4Type.unreachable, unreachableCode.port];
    case 'protocolUnreachable':
    case 'unknownNextHeader':
      return [icmpv4Type.unreachable, unreachableCode.protocol];
    case 'reassemblyTimeExceeded':
      return [icmpv4Type.timeExceeded, 1];
    case 'parameterProblem':
    case 'unknownOption':
      return [icmpv4Type.parameterProblem, 0];
    default: {
      const unknown: never = reason;
      throw new Error(`no ICMP code for ${unknown}`);
    }
  }
}

/** What a code of `unreachable` means to a socket, as Linux has it (RFC 1122, section 4.2.3.9). */
function errorOf(code: number): SocketError {
  switch (code) {
    case unreachableCode.port:
      return 'ECONNREFUSED';
    case unreachableCode.protocol:
      return 'ENOPROTOOPT';
    case unreachableCode.sourceRouteFailed:
      return 'EOPNOTSUPP';
    case unreachableCode.network:
    case 6: // destination network unknown
    case unreachableCode.networkProhibited:
    case 11: // network unreachable for this type of service
      return 'ENETUNREACH';
    default:
      return 'EHOSTUNREACH';
  }
}
