/** Receives IPv4 packets: checks, martians, reassembly, delivery. */
import { mappedPrefix } from '../address.ts';
import type { Counters } from '../environment.ts';
import type { Interface } from '../interface/interface.ts';
import type { Packet } from '../packet.ts';
import { Ipv4Header, type Ipv4Refusal, parseIpv4 } from '../wire/ipv4.ts';
import { chainLength, trimChain } from './chain.ts';
import type { Delivery } from './delivery.ts';

/** The counter of each refusal. */
const refusalCounters: Readonly<Record<Ipv4Refusal, string>> = {
  short: 'dropShort',
  version: 'dropVersion',
  headerLength: 'dropHeaderLength',
  totalLength: 'dropTotalLength',
  checksum: 'dropChecksum',
  options: 'dropOptions',
};

/** IPv4's way in. */
export class Input4 {
  readonly counters: Counters = {
    received: 0,
    dropShort: 0,
    dropVersion: 0,
    dropHeaderLength: 0,
    dropTotalLength: 0,
    dropChecksum: 0,
    dropOptions: 0,
    dropMartianSource: 0,
    dropMartianDestination: 0,
    dropSourceIsOurs: 0,
    dropNotOurs: 0,
    dropNotMember: 0,
    dropLinkBroadcast: 0,
  };
  readonly #delivery: Delivery;
  readonly #parsed = new Ipv4Header();

  constructor(delivery: Delivery) {
    this.#delivery = delivery;
  }

  /**
   * Takes a packet whose IP header is at packet.start.
   * @param toGroup the frame was sent to a multicast or broadcast hardware address
   * @param trusted it comes from this machine
   */
  receive(packet: Packet, on: Interface, toGroup: boolean, trusted: boolean): void {
    const { counters } = this;
    counters.received = (counters.received as number) + 1;
    const parsed = this.#parsed;
    const { memory, header, local } = this.#delivery;
    const start = packet.start;
    const length = packet.end - start;
    const whole = packet.next === null ? length : chainLength(packet);
    const refusal = parseIpv4(memory.bytes, start, length, whole, parsed);
    if (refusal !== undefined) {
      this.#drop(packet, refusalCounters[refusal]);
      return;
    }
    const { source, destination } = parsed;
    let isGroup = false;
    let isBroadcast = false;
    if (local.find4(destination) === undefined) {
      if (destination >>> 28 === 0xe) {
        if (!on.isMember(0, 0, mappedPrefix, destination)) {
          this.#drop(packet, 'dropNotMember');
          return;
        }
        isGroup = true;
      } else if (local.isBroadcast4(destination)) {
        isGroup = true;
        isBroadcast = true;
      } else if (!(trusted && destination >>> 24 === 127)) {
        const top = destination >>> 24;
        const wrong = top === 127 || top === 0 || top >= 240;
        if (wrong || !on.acceptUnconfigured || toGroup) {
          this.#drop(packet, wrong ? 'dropMartianDestination' : 'dropNotOurs');
          return;
        }
      }
    }
    if (!trusted) {
      const reason = this.#checkUntrusted(source, destination, isGroup, isBroadcast, toGroup, on);
      if (reason !== undefined) {
        this.#drop(packet, reason);
        return;
      }
    }
    if (whole > parsed.totalLength) {
      if (packet.next === null) packet.end = start + parsed.totalLength;
      else trimChain(packet, parsed.totalLength);
    }
    packet.start = start + parsed.headerLength;
    header.interface = on;
    header.isV4 = true;
    header.source0 = 0;
    header.source1 = 0;
    header.source2 = mappedPrefix;
    header.source3 = source;
    header.destination0 = 0;
    header.destination1 = 0;
    header.destination2 = mappedPrefix;
    header.destination3 = destination;
    header.protocol = parsed.protocol;
    header.payloadLength = parsed.totalLength - parsed.headerLength;
    header.hopLimit = parsed.timeToLive;
    header.trafficClass = parsed.typeOfService;
    header.isMulticast = isGroup;
    header.isBroadcast = isBroadcast;
    header.headerStart = start;
    if (parsed.moreFragments || parsed.fragmentOffset !== 0) {
      const complete = this.#delivery.reassembly.add(
        packet,
        header,
        parsed.identification,
        parsed.fragmentOffset,
        parsed.moreFragments,
        this.#delivery.leastTransport(parsed.protocol),
      );
      if (complete !== null) this.#delivery.deliver(complete);
      return;
    }
    this.#delivery.deliver(packet);
  }

  /** Sources and destinations that must not come over a wire (RFC 1122, section 3.2.1.3; RFC 6890). */
  #checkUntrusted(
    source: number,
    destination: number,
    isGroup: boolean,
    isBroadcast: boolean,
    toGroup: boolean,
    on: Interface,
  ): string | undefined {
    const { local } = this.#delivery;
    const top = source >>> 24;
    if (top === 127 || top >= 224 || (top === 0 && (source !== 0 || !isGroup))) {
      return 'dropMartianSource';
    }
    if (local.isBroadcast4(source)) return 'dropMartianSource';
    if (local.find4(source) !== undefined) return 'dropSourceIsOurs';
    if (destination >>> 24 === 127) return 'dropMartianDestination';
    // RFC 1122, section 3.3.6: a broadcast frame with a packet for one host.
    if (toGroup && !isGroup && !on.acceptUnconfigured) return 'dropLinkBroadcast';
    // A broadcast in a frame to us alone is somebody's mistake, but DHCP servers make it.
    return isBroadcast && !toGroup && destination !== -1 ? 'dropLinkBroadcast' : undefined;
  }

  #drop(packet: Packet, reason: string): void {
    this.counters[reason] = (this.counters[reason] as number) + 1;
    packet.release();
  }
}
