/** Sends IP packets: headers, checksums that the device cannot do, fragments. */
import type { Counters, Environment } from '../environment.ts';
import { hashWords } from '../interface/address-map.ts';
import type { SendOptions } from '../network.ts';
import { protocol as protocols } from '../network.ts';
import { checksumState, type Packet } from '../packet.ts';
import { write16, write32 } from '../wire/bytes.ts';
import {
  addRouterAlert,
  ipv4Flag,
  ipv4HeaderSize,
  routerAlertSize,
  writeIpv4,
} from '../wire/ipv4.ts';
import { extension, fragmentHeaderSize, ipv6HeaderSize, writeIpv6 } from '../wire/ipv6.ts';
import type { PacketPool } from './pool.ts';
import type { IpRoute } from './route.ts';

/** Hop limits when nobody names one (RFC 1700; multicast: RFC 1112). */
const defaultTimeToLive = 64;
const multicastHops = 1;
/** Counters of IPv4 identifications, shared by destinations as a keyed hash says (RFC 7739's idea). */
const identificationSlots = 256;

/** What a sender wants besides SendOptions. */
export const sendFlag = {
  none: 0,
  /** IPv4: a router alert option (IGMP). */
  routerAlert: 1,
} as const;

/** The way out. */
export class Output {
  readonly counters: Counters = {
    sent4: 0,
    sent6: 0,
    fragmented: 0,
    fragmentsSent: 0,
    checksummed: 0,
    dropTooBig: 0,
    dropNoBuffer: 0,
    dropInterfaceDown: 0,
  };
  readonly #environment: Environment;
  readonly #pool: PacketPool;
  readonly #seed: number;
  readonly #identifications = new Uint16Array(identificationSlots);
  readonly #random = new Uint8Array(4);

  constructor(environment: Environment, pool: PacketPool, seed: number) {
    this.#environment = environment;
    this.#pool = pool;
    this.#seed = seed;
    environment.random(new Uint8Array(this.#identifications.buffer));
  }

  /** As NetworkLayer.allocate(). What must be fragmented comes from the stack's own buffers. */
  allocate(route: IpRoute, size: number): Packet | null {
    const { device, isLoopback } = route.interface;
    const whole = size + (route.isV4 ? ipv4HeaderSize + routerAlertSize : ipv6HeaderSize);
    const packet =
      isLoopback || whole <= route.mtu || whole <= route.segmentation
        ? device.allocate(size)
        : this.#pool.allocate(size);
    if (packet === null) this.#count('dropNoBuffer');
    return packet;
  }

  /** As NetworkLayer.send(). `flags`: of sendFlag. */
  send(
    route: IpRoute,
    packet: Packet,
    protocol: number,
    options: SendOptions,
    flags: number,
  ): void {
    if (packet.checksum === checksumState.partial && !route.checksumOffload) {
      this.#completeChecksum(packet, protocol);
    }
    const alert = flags & sendFlag.routerAlert ? routerAlertSize : 0;
    const header = route.isV4 ? ipv4HeaderSize + alert : ipv6HeaderSize;
    if (
      (packet.end - packet.start + header > route.mtu && packet.segmentSize === 0) ||
      (this.#pool.owns(packet) && !route.interface.isLoopback)
    ) {
      this.#sendInPieces(route, packet, protocol, options);
      return;
    }
    this.#writeHeader(route, packet, protocol, options, alert);
    this.transmit(route, packet);
  }

  /** Prepends the IP header only. */
  writeHeader(route: IpRoute, packet: Packet, protocol: number, options: SendOptions): void {
    this.#writeHeader(route, packet, protocol, options, 0);
  }

  #writeHeader(
    route: IpRoute,
    packet: Packet,
    protocol: number,
    options: SendOptions,
    alert: number,
  ): void {
    const { bytes } = this.#environment.memory;
    if (!route.isV4) {
      const length = packet.end - packet.start;
      packet.start -= ipv6HeaderSize;
      this.#writeHeader6(bytes, packet.start, route, options, length, protocol);
      return;
    }
    const start = packet.start - ipv4HeaderSize - alert;
    packet.start = start;
    writeIpv4(
      bytes,
      start,
      options.trafficClass,
      packet.end - start,
      this.#nextIdentification(route, protocol),
      options.dontFragment ? ipv4Flag.dontFragment : 0,
      hopLimit(route, options),
      protocol,
      route.source.word3,
      route.destination.word3,
      route.addressSum,
    );
    if (alert !== 0) addRouterAlert(bytes, start);
  }

  /** Hands an IP packet with its header to the link. Takes it. */
  transmit(route: IpRoute, packet: Packet): void {
    const over = route.interface;
    if (!over.isUp) {
      this.#count('dropInterfaceDown');
      packet.release();
      return;
    }
    const { counters } = this;
    if (route.isV4) counters.sent4 = (counters.sent4 as number) + 1;
    else counters.sent6 = (counters.sent6 as number) + 1;
    const { neighbour } = route;
    if (neighbour === null) {
      over.link.transmit(packet, route.hardwareAddress);
    } else if (neighbour.reachableUntil >= this.#environment.clock.now) {
      over.link.transmit(packet, neighbour.hardwareAddress);
    } else {
      if (neighbour.state === 'removed') {
        route.neighbour = neighbour.cache.resolve(neighbour.address);
      }
      neighbour.cache.send(route.neighbour ?? neighbour, packet, route.source);
    }
  }

  /** Sums what the device cannot sum. The pseudo-header's sum is in the checksum's place. */
  #completeChecksum(packet: Packet, protocol: number): void {
    const { memory } = this.#environment;
    const from = packet.checksumStart;
    const sum = ~memory.checksum(from, packet.end - from, 0) & 0xffff;
    // 0 means "none" to UDP (RFC 768).
    const written = sum === 0 && protocol === protocols.udp ? 0xffff : sum;
    write16(memory.bytes, from + packet.checksumOffset, written);
    packet.checksum = checksumState.none;
    this.#count('checksummed');
  }

  #writeHeader6(
    bytes: Uint8Array,
    at: number,
    route: IpRoute,
    options: SendOptions,
    payloadLength: number,
    nextHeader: number,
  ): void {
    const { source, destination } = route;
    writeIpv6(
      bytes,
      at,
      options.trafficClass,
      0,
      payloadLength,
      nextHeader,
      hopLimit(route, options),
    );
    write32(bytes, at + 8, source.word0);
    write32(bytes, at + 12, source.word1);
    write32(bytes, at + 16, source.word2);
    write32(bytes, at + 20, source.word3);
    write32(bytes, at + 24, destination.word0);
    write32(bytes, at + 28, destination.word1);
    write32(bytes, at + 32, destination.word2);
    write32(bytes, at + 36, destination.word3);
  }

  /** Copies a packet into as many of the device's as it needs. Takes it. */
  #sendInPieces(route: IpRoute, packet: Packet, protocol: number, options: SendOptions): void {
    const length = packet.end - packet.start;
    const header = route.isV4 ? ipv4HeaderSize : ipv6HeaderSize;
    const fits = length + header <= route.mtu;
    // IPv6's payload length leaves its own header out.
    const largest = route.isV4 ? 0xffff - header : 0xffff;
    if ((!fits && options.dontFragment) || length > largest) {
      this.#count('dropTooBig');
      packet.release();
      return;
    }
    if (packet.checksum === checksumState.partial) this.#completeChecksum(packet, protocol);
    const extra = !fits && !route.isV4 ? fragmentHeaderSize : 0;
    const most = fits ? length : (route.mtu - header - extra) & ~7;
    if (!fits) this.#count('fragmented');
    const identification = route.isV4
      ? this.#nextIdentification(route, protocol)
      : this.#randomWord();
    for (let offset = 0; offset < length; offset += most) {
      const size = Math.min(most, length - offset);
      const piece = route.interface.device.allocate(size + extra);
      if (piece === null) {
        this.#count('dropNoBuffer');
        break;
      }
      this.#fillPiece(route, piece, packet, protocol, options, {
        offset,
        size,
        extra,
        identification,
        more: offset + size < length,
      });
      if (!fits) this.#count('fragmentsSent');
      this.transmit(route, piece);
    }
    packet.release();
  }

  #fillPiece(
    route: IpRoute,
    piece: Packet,
    packet: Packet,
    protocol: number,
    options: SendOptions,
    part: {
      readonly offset: number;
      readonly size: number;
      readonly extra: number;
      readonly identification: number;
      readonly more: boolean;
    },
  ): void {
    const { memory } = this.#environment;
    const { bytes } = memory;
    const { offset, size, extra, identification, more } = part;
    memory.copy(piece.start + extra, packet.start + offset, size);
    piece.end = piece.start + extra + size;
    if (route.isV4) {
      piece.start -= ipv4HeaderSize;
      writeIpv4(
        bytes,
        piece.start,
        options.trafficClass,
        size + ipv4HeaderSize,
        identification,
        (options.dontFragment ? ipv4Flag.dontFragment : 0) |
          (more ? ipv4Flag.moreFragments : 0) |
          (offset >>> 3),
        hopLimit(route, options),
        protocol,
        route.source.word3,
        route.destination.word3,
        route.addressSum,
      );
      return;
    }
    if (extra !== 0) {
      bytes[piece.start] = protocol;
      bytes[piece.start + 1] = 0;
      write16(bytes, piece.start + 2, offset | (more ? 1 : 0));
      write32(bytes, piece.start + 4, identification);
    }
    piece.start -= ipv6HeaderSize;
    const next = extra !== 0 ? extension.fragment : protocol;
    this.#writeHeader6(bytes, piece.start, route, options, size + extra, next);
  }

  #nextIdentification(route: IpRoute, protocol: number): number {
    const slot =
      hashWords(route.source.word3, route.destination.word3, protocol, 0, this.#seed) &
      (identificationSlots - 1);
    const value = this.#identifications[slot] as number;
    this.#identifications[slot] = value + 1;
    return value;
  }

  #randomWord(): number {
    this.#environment.random(this.#random);
    const [a = 0, b = 0, c = 0, d = 0] = this.#random;
    return a | (b << 8) | (c << 16) | (d << 24);
  }

  #count(name: string): void {
    this.counters[name] = (this.counters[name] as number) + 1;
  }
}

function hopLimit(route: IpRoute, options: SendOptions): number {
  if (options.hopLimit !== 0) return options.hopLimit;
  if (route.kind === 'multicast') return multicastHops;
  return route.isV4 ? defaultTimeToLive : route.interface.hopLimit6;
}
