/**
 * Sends ICMPv6 messages that concern one link only (Neighbour Discovery, MLD): source, hop limit and
 * hardware address are chosen by the protocol, not by routes.
 */
import type { IpAddress } from '../address.ts';
import type { Counters, Environment } from '../environment.ts';
import type { Interface } from '../interface/interface.ts';
import { isMulticast } from '../ip/addresses.ts';
import { protocol } from '../network.ts';
import type { Packet } from '../packet.ts';
import { fillIcmpv6Checksum } from '../wire/icmpv6.ts';
import { extension, ipv6HeaderSize, writeIpv6 } from '../wire/ipv6.ts';

/** A hop-by-hop header with a router alert for MLD (RFC 2711, section 2.1) and two bytes of padding. */
const routerAlertHeader = Uint8Array.of(protocol.icmpv6, 0, 5, 2, 0, 0, 1, 0);

/** Sends messages about the link, past routes and neighbour cache. */
export class LinkOutput {
  readonly counters: Counters;
  readonly #environment: Environment;

  /** @param counters get `sent`, `dropNoBuffer` and `dropInterfaceDown` */
  constructor(environment: Environment, counters: Counters) {
    this.#environment = environment;
    this.counters = counters;
    for (const name of ['sent', 'dropNoBuffer', 'dropInterfaceDown']) counters[name] ??= 0;
  }

  /**
   * Sends a message to a group, or to a neighbour whose hardware address is given or looked up.
   * @param size room that `write` needs at most, in bytes
   * @param write puts the message, with a zero checksum, at an offset and returns its length
   * @param hardwareAddress of the destination; null: the group's, or what the neighbour cache finds
   * @param routerAlert for MLD: routers must look at the message
   */
  send(
    on: Interface,
    source: IpAddress,
    destination: IpAddress,
    hopLimit: number,
    hardwareAddress: Uint8Array | null,
    size: number,
    write: (bytes: Uint8Array, offset: number) => number,
    routerAlert = false,
  ): void {
    if (!on.isUp) {
      this.#count('dropInterfaceDown');
      return;
    }
    const alert = routerAlert ? routerAlertHeader.length : 0;
    const packet = on.device.allocate(alert + size);
    if (packet === null) {
      this.#count('dropNoBuffer');
      return;
    }
    const { bytes } = this.#environment.memory;
    if (routerAlert) bytes.set(routerAlertHeader, packet.start);
    const message = packet.start + alert;
    const length = write(bytes, message);
    packet.end = message + length;
    fillIcmpv6Checksum(bytes, message, length, source, destination);
    packet.start -= ipv6HeaderSize;
    const next = routerAlert ? extension.hopByHop : protocol.icmpv6;
    writeIpv6(bytes, packet.start, 0, 0, alert + length, next, hopLimit);
    source.writeV6(bytes, packet.start + 8);
    destination.writeV6(bytes, packet.start + 24);
    this.#count('sent');
    this.#transmit(on, packet, source, destination, hardwareAddress);
  }

  #transmit(
    on: Interface,
    packet: Packet,
    source: IpAddress,
    destination: IpAddress,
    hardwareAddress: Uint8Array | null,
  ): void {
    if (hardwareAddress !== null) {
      on.link.transmit(packet, hardwareAddress);
    } else if (isMulticast(destination)) {
      on.link.transmit(packet, on.link.multicastHardware(destination));
    } else {
      on.neighbours6.send(on.neighbours6.resolve(destination), packet, source);
    }
  }

  #count(name: string): void {
    this.counters[name] = (this.counters[name] as number) + 1;
  }
}
