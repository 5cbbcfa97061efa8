/** Receives IPv6 packets: checks, extension headers, reassembly, delivery. */
import type { Counters } from '../environment.ts';
import type { UndeliverableReason } from '../icmp/errors.ts';
import type { Interface } from '../interface/interface.ts';
import { protocol } from '../network.ts';
import type { Packet } from '../packet.ts';
import { read16, read32 } from '../wire/bytes.ts';
import {
  type ExtensionRefusal,
  ExtensionWalk,
  extension,
  fragmentHeaderSize,
  Ipv6Header,
  type Ipv6Refusal,
  ipv6HeaderSize,
  parseIpv6,
  walkExtensions,
} from '../wire/ipv6.ts';
import { isMappedWords } from './addresses.ts';
import { chainLength, trimChain } from './chain.ts';
import type { Delivery } from './delivery.ts';
import type { IncomingHeader } from './header.ts';

const refusalCounters: Readonly<Record<Ipv6Refusal | ExtensionRefusal, string>> = {
  short: 'dropShort',
  version: 'dropVersion',
  payloadLength: 'dropPayloadLength',
  tooMany: 'dropTooManyExtensions',
  order: 'dropExtensionOrder',
  routing: 'dropRouting',
  drop: 'dropUnknownOption',
  unknownOption: 'dropUnknownOption',
  unknownOptionUnicast: 'dropUnknownOption',
};

/** IPv6's way in. */
export class Input6 {
  readonly counters: Counters = {
    received: 0,
    dropShort: 0,
    dropVersion: 0,
    dropPayloadLength: 0,
    dropTooManyExtensions: 0,
    dropExtensionOrder: 0,
    dropRouting: 0,
    dropUnknownOption: 0,
    dropNestedFragment: 0,
    dropNoNextHeader: 0,
    dropMartianSource: 0,
    dropMartianDestination: 0,
    dropSourceIsOurs: 0,
    dropNotOurs: 0,
    dropNotMember: 0,
    dropLinkMulticast: 0,
  };
  readonly #delivery: Delivery;
  readonly #parsed = new Ipv6Header();
  readonly #walk = new ExtensionWalk();

  constructor(delivery: Delivery) {
    this.#delivery = delivery;
  }

  /** Takes a packet whose IP header is at packet.start; `toGroup` and `trusted` as for IPv4. */
  receive(packet: Packet, on: Interface, toGroup: boolean, trusted: boolean): void {
    const { counters } = this;
    counters.received = (counters.received as number) + 1;
    const parsed = this.#parsed;
    const { memory, header } = this.#delivery;
    const { bytes } = memory;
    const start = packet.start;
    const length = packet.end - start;
    const whole = packet.next === null ? length : chainLength(packet);
    const refusal = parseIpv6(bytes, start, length, whole, parsed);
    if (refusal !== undefined) {
      this.#drop(packet, refusalCounters[refusal]);
      return;
    }
    header.interface = on;
    header.isV4 = false;
    header.source0 = read32(bytes, start + 8);
    header.source1 = read32(bytes, start + 12);
    header.source2 = read32(bytes, start + 16);
    header.source3 = read32(bytes, start + 20);
    header.destination0 = read32(bytes, start + 24);
    header.destination1 = read32(bytes, start + 28);
    header.destination2 = read32(bytes, start + 32);
    header.destination3 = read32(bytes, start + 36);
    header.isMulticast = header.destination0 >>> 24 === 0xff;
    header.isBroadcast = false;
    const reason = this.#checkAddresses(header, on, toGroup, trusted, parsed.nextHeader);
    if (reason !== undefined) {
      this.#drop(packet, reason);
      return;
    }
    if (whole > parsed.payloadLength + ipv6HeaderSize) {
      if (packet.next === null) packet.end = start + ipv6HeaderSize + parsed.payloadLength;
      else trimChain(packet, ipv6HeaderSize + parsed.payloadLength);
    }
    header.hopLimit = parsed.hopLimit;
    header.trafficClass = parsed.trafficClass;
    header.headerStart = start;
    header.protocol = parsed.nextHeader;
    header.nextHeaderAt = 6;
    header.payloadLength = parsed.payloadLength;
    packet.start = start + ipv6HeaderSize;
    // The common case has no extension headers.
    if (parsed.nextHeader === protocol.tcp || parsed.nextHeader === protocol.udp) {
      this.#delivery.deliver(packet);
      return;
    }
    this.#walkOn(packet, false);
  }

  /**
   * Walks over extension headers from packet.start on, header.protocol being the first one's kind.
   * @param reassembled the packet had a fragment header already
   */
  #walkOn(packet: Packet, reassembled: boolean): void {
    const { memory, header } = this.#delivery;
    const walk = this.#walk;
    const from = packet.start - header.headerStart;
    const refusal = walkExtensions(
      memory.bytes,
      header.headerStart,
      from,
      header.protocol,
      header.nextHeaderAt,
      packet.end - header.headerStart,
      walk,
    );
    if (refusal !== undefined) {
      this.#refuse(packet, refusal);
      return;
    }
    packet.start = header.headerStart + walk.length;
    header.payloadLength -= walk.length - from;
    header.protocol = walk.nextHeader;
    header.nextHeaderAt = walk.nextHeaderAt;
    if (walk.nextHeader === extension.noNextHeader) this.#drop(packet, 'dropNoNextHeader');
    else if (walk.nextHeader !== extension.fragment) this.#delivery.deliver(packet);
    else if (reassembled) this.#drop(packet, 'dropNestedFragment');
    else this.#fragment(packet);
  }

  #fragment(packet: Packet): void {
    const { memory, header, reassembly } = this.#delivery;
    const { bytes } = memory;
    const at = packet.start;
    if (at + fragmentHeaderSize > packet.end) {
      this.#drop(packet, 'dropShort');
      return;
    }
    const field = read16(bytes, at + 2);
    header.protocol = bytes[at] as number;
    header.nextHeaderAt = at - header.headerStart;
    header.payloadLength -= fragmentHeaderSize;
    packet.start = at + fragmentHeaderSize;
    const offset = field & 0xfff8;
    const more = (field & 1) !== 0;
    if (offset === 0 && !more) {
      // An atomic fragment stands alone (RFC 6946).
      this.#walkOn(packet, true);
      return;
    }
    const identification = read32(bytes, at + 4);
    const complete = reassembly.add(packet, header, identification, offset, more, 8);
    if (complete !== null) this.#walkOn(complete, true);
  }

  #checkAddresses(
    header: IncomingHeader,
    on: Interface,
    toGroup: boolean,
    trusted: boolean,
    nextHeader: number,
  ): string | undefined {
    const { local } = this.#delivery;
    const { source0, source1, source2, source3 } = header;
    const { destination0, destination1, destination2, destination3 } = header;
    if (header.isMulticast) {
      // Interface-local scope never leaves a machine, scope 0 is reserved (RFC 4291, section 2.7).
      const scope = (destination0 >>> 16) & 15;
      if (scope === 0 || (scope === 1 && !trusted)) return 'dropMartianDestination';
      if (!on.isMember(destination0, destination1, destination2, destination3)) {
        return 'dropNotMember';
      }
    } else {
      if (
        local.find6(destination0, destination1, destination2, destination3, on) === undefined &&
        !(trusted && destination0 >>> 22 === 0x3fa)
      ) {
        return 'dropNotOurs';
      }
      if (toGroup && !trusted) return 'dropLinkMulticast';
    }
    if (source0 >>> 24 === 0xff) return 'dropMartianSource';
    // Mapped addresses stand for IPv4 in this stack: from the wire they would be a disguise.
    if (isMappedWords(source0, source1, source2)) return 'dropMartianSource';
    if (trusted) return undefined;
    if ((source0 | source1 | source2) === 0) {
      if (source3 === 1) return 'dropMartianSource';
      // Only Neighbour Discovery and MLD speak without an address.
      const speaks = nextHeader === protocol.icmpv6 || nextHeader === extension.hopByHop;
      if (source3 === 0 && !(speaks && header.isMulticast)) return 'dropMartianSource';
    }
    if ((destination0 | destination1 | destination2) === 0 && destination3 === 1) {
      return 'dropMartianDestination';
    }
    if (local.find6(source0, source1, source2, source3, on) === undefined) return undefined;
    // Who has the same address says so from that address (RFC 4862, section 5.4.4).
    const isNeighbour = nextHeader === protocol.icmpv6 && this.#parsed.hopLimit === 255;
    return isNeighbour ? undefined : 'dropSourceIsOurs';
  }

  /** Drops a packet for its extension headers, with the error that RFC 8200, section 4 asks for. */
  #refuse(packet: Packet, refusal: ExtensionRefusal): void {
    let reason: UndeliverableReason | undefined;
    switch (refusal) {
      case 'order':
        reason = 'unknownNextHeader';
        break;
      case 'routing':
        reason = 'parameterProblem';
        break;
      case 'unknownOption':
        reason = 'unknownOption';
        break;
      case 'unknownOptionUnicast':
        if (!this.#delivery.header.isMulticast) reason = 'unknownOption';
        break;
      case 'short':
      case 'tooMany':
      case 'drop':
        break;
      default: {
        const unknown: never = refusal;
        throw new Error(`no answer to ${unknown}`);
      }
    }
    if (reason !== undefined) this.#delivery.sendError(reason, packet, this.#walk.pointer);
    this.#drop(packet, refusalCounters[refusal]);
  }

  #drop(packet: Packet, reason: string): void {
    this.counters[reason] = (this.counters[reason] as number) + 1;
    packet.release();
  }
}
