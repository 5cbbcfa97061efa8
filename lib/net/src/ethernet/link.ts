/** Ethernet: tells frames apart on the way in, and adds the header on the way out. */
import type { IpAddress } from '../address.ts';
import type { Environment } from '../environment.ts';
import type { Interface, Link } from '../interface/interface.ts';
import { isMulticast } from '../ip/addresses.ts';
import { chainLength } from '../ip/chain.ts';
import type { InternetLayer } from '../ip/layer.ts';
import type { Packet } from '../packet.ts';
import {
  ethernetHeaderSize,
  etherType,
  frameTarget,
  frameType,
  isUnicastHardware,
  writeEthernet,
} from '../wire/ethernet.ts';
import type { Arp } from './arp.ts';

/** ff:ff:ff:ff:ff:ff */
export const broadcastHardware: Uint8Array = new Uint8Array(6).fill(0xff);

/** The Ethernet address of a group (RFC 1112, section 6.4; RFC 2464, section 7) or of broadcast. */
export function groupHardware(group: IpAddress): Uint8Array {
  const low = group.word3;
  if (!isMulticast(group)) return broadcastHardware;
  return group.isV4
    ? Uint8Array.of(0x01, 0x00, 0x5e, (low >>> 16) & 0x7f, low >>> 8, low)
    : Uint8Array.of(0x33, 0x33, low >>> 24, low >>> 16, low >>> 8, low);
}

/** The Ethernet of one interface. */
export class EthernetLink implements Link {
  readonly #environment: Environment;
  readonly #interface: Interface;
  readonly #layer: InternetLayer;
  readonly #arp: Arp;

  constructor(environment: Environment, on: Interface, layer: InternetLayer, arp: Arp) {
    this.#environment = environment;
    this.#interface = on;
    this.#layer = layer;
    this.#arp = arp;
  }

  receive(packet: Packet): void {
    const { bytes } = this.#environment.memory;
    const on = this.#interface;
    const { counters } = on;
    const { start } = packet;
    const length = packet.end - start;
    counters.receivedPackets = (counters.receivedPackets as number) + 1;
    counters.receivedBytes =
      (counters.receivedBytes as number) + (packet.next === null ? length : chainLength(packet));
    if (length < ethernetHeaderSize) {
      this.#drop(packet, 'dropShort');
      return;
    }
    const target = frameTarget(bytes, start, on.hardwareAddress);
    if (target === 'other') {
      this.#drop(packet, 'dropOtherHost');
      return;
    }
    if (!isUnicastHardware(bytes, start + 6)) {
      this.#drop(packet, 'dropSource');
      return;
    }
    const toGroup = target !== 'us';
    if (toGroup) counters.receivedMulticast = (counters.receivedMulticast as number) + 1;
    packet.start = start + ethernetHeaderSize;
    switch (frameType(bytes, start)) {
      case etherType.ipv4:
        this.#layer.input4.receive(packet, on, toGroup, false);
        return;
      case etherType.ipv6:
        this.#layer.input6.receive(packet, on, toGroup, false);
        return;
      case etherType.arp:
        this.#arp.receive(packet, toGroup);
        return;
      default:
        this.#drop(packet, 'dropEtherType');
    }
  }

  transmit(packet: Packet, hardwareAddress: Uint8Array): void {
    const isV4 = (this.#environment.memory.bytes[packet.start] as number) >>> 4 === 4;
    this.transmitType(packet, hardwareAddress, isV4 ? etherType.ipv4 : etherType.ipv6);
  }

  /** As transmit(), for a packet of any type. */
  transmitType(packet: Packet, hardwareAddress: Uint8Array, type: number): void {
    const on = this.#interface;
    const { counters } = on;
    packet.start -= ethernetHeaderSize;
    const { bytes } = this.#environment.memory;
    writeEthernet(bytes, packet.start, hardwareAddress, on.hardwareAddress, type);
    counters.sentPackets = (counters.sentPackets as number) + 1;
    counters.sentBytes = (counters.sentBytes as number) + (packet.end - packet.start);
    on.device.transmit(packet);
  }

  multicastHardware(group: IpAddress): Uint8Array {
    return groupHardware(group);
  }

  #drop(packet: Packet, reason: string): void {
    const { counters } = this.#interface;
    counters[reason] = (counters[reason] as number) + 1;
    packet.release();
  }
}
