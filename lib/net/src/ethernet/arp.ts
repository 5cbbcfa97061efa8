/** ARP (RFC 826) with address conflict detection as far as a host owes it (RFC 5227). */
import { IpAddress } from '../address.ts';
import { formatAddress, formatHardwareAddress } from '../address-text.ts';
import type { Counters, Environment } from '../environment.ts';
import type { Interface, InterfaceAddress } from '../interface/interface.ts';
import type { NeighbourResolver } from '../interface/neighbours.ts';
import type { Observers } from '../interface/observer.ts';
import { matchesPrefix } from '../ip/addresses.ts';
import { chooseSource } from '../ip/source.ts';
import type { Packet } from '../packet.ts';
import { type Instant, Timer } from '../storage/timers.ts';
import { ArpHeader, arpOperation, arpSize, parseArp, writeArp } from '../wire/arp.ts';
import { etherType, isUnicastHardware } from '../wire/ethernet.ts';
import { broadcastHardware, type EthernetLink } from './link.ts';

/** RFC 5227, section 1.1: time between announcements, and between defences. */
const announceInterval = 2_000_000;
const defendInterval = 10_000_000;
/** Whoever repeats a conflict must not fill the log. */
const reportInterval = 60_000_000;

/** ARP on one interface. */
export class Arp implements NeighbourResolver {
  readonly counters: Counters = {
    received: 0,
    requestsSent: 0,
    repliesSent: 0,
    announced: 0,
    conflicts: 0,
    dropShort: 0,
    dropHardware: 0,
    dropProtocol: 0,
    dropOperation: 0,
    dropSender: 0,
    dropNotForUs: 0,
    dropNoBuffer: 0,
  };
  /** Set by the stack: the link needs ARP, and ARP the link. */
  link!: EthernetLink;
  readonly #environment: Environment;
  readonly #interface: Interface;
  readonly #observers: Observers;
  readonly #parsed = new ArpHeader();
  readonly #hardware = new Uint8Array(6);
  readonly #announceAgain: Timer;
  #toAnnounce: IpAddress[] = [];
  #defended: Instant = Number.NEGATIVE_INFINITY;
  #reported: Instant = Number.NEGATIVE_INFINITY;

  constructor(environment: Environment, on: Interface, observers: Observers) {
    this.#environment = environment;
    this.#interface = on;
    this.#observers = observers;
    this.#announceAgain = new Timer(() => {
      for (const address of this.#toAnnounce.splice(0)) this.#announceOnce(address);
    });
  }

  /** Asks for a neighbour, as its cache wants it. */
  solicit(target: IpAddress, source: IpAddress | null, hardwareAddress: Uint8Array | null): void {
    const on = this.#interface;
    const own = source !== null && on.findAddress(source) !== undefined ? source : undefined;
    const sender = own ?? chooseSource(on.addresses, target)?.address;
    this.#send(
      arpOperation.request,
      hardwareAddress ?? broadcastHardware,
      sender?.word3 ?? 0,
      null,
      target.word3,
    );
    this.#count('requestsSent');
  }

  /** Asks whether anybody uses an address (RFC 5227, section 2.1.1). Answers come as addressConflict(). */
  probe(address: IpAddress): void {
    this.#send(arpOperation.request, broadcastHardware, 0, null, address.word3);
    this.#count('requestsSent');
  }

  /** Says twice that we use an address (RFC 5227, section 2.3). */
  announce(address: IpAddress): void {
    const { clock, timers } = this.#environment;
    this.#announceOnce(address);
    this.#toAnnounce.push(address);
    timers.set(this.#announceAgain, clock.now + announceInterval);
  }

  /** Announces every address again: the link came back. */
  announceAll(): void {
    for (const one of this.#interface.addresses) {
      if (one.address.isV4 && one.state !== 'tentative') this.announce(one.address);
    }
  }

  /** Takes a packet: packet.start is behind the Ethernet header. */
  receive(packet: Packet, toGroup: boolean): void {
    const { bytes } = this.#environment.memory;
    this.#count('received');
    const parsed = this.#parsed;
    switch (parseArp(bytes, packet.start, packet.end - packet.start, parsed)) {
      case 'short':
        this.#count('dropShort');
        break;
      case 'hardware':
        this.#count('dropHardware');
        break;
      case 'protocol':
        this.#count('dropProtocol');
        break;
      case 'operation':
        this.#count('dropOperation');
        break;
      default:
        this.#accept(bytes, parsed, toGroup);
    }
    packet.release();
  }

  #accept(bytes: Uint8Array, parsed: ArpHeader, toGroup: boolean): void {
    const on = this.#interface;
    const { sender, target } = parsed;
    const top = sender >>> 24;
    if (
      !isUnicastHardware(bytes, parsed.senderHardware) ||
      top === 127 ||
      top >= 224 ||
      (top === 0 && sender !== 0)
    ) {
      this.#count('dropSender');
      return;
    }
    for (let n = 0; n < 6; n += 1) this.#hardware[n] = bytes[parsed.senderHardware + n] as number;
    const fromUs = this.#hardware.every((byte, n) => byte === on.hardwareAddress[n]);
    if (fromUs) {
      this.#count('dropSender');
      return;
    }
    const own = this.#find(target);
    if (this.#isConflict(sender, own, parsed.operation)) return;
    const isRequest = parsed.operation === arpOperation.request;
    const usable = own !== undefined && own.state !== 'tentative';
    this.#learn(sender, usable, isRequest, toGroup);
    if (isRequest && usable) {
      this.#send(arpOperation.reply, this.#hardware, target, this.#hardware, sender);
      this.#count('repliesSent');
    } else if (!usable) {
      this.#count('dropNotForUs');
    }
  }

  /** RFC 826's merge, as the states of the neighbour cache want it. */
  #learn(sender: number, toUs: boolean, isRequest: boolean, toGroup: boolean): void {
    const on = this.#interface;
    if (sender === 0) return;
    const address = IpAddress.v4(sender);
    const known = on.neighbours4.lookup(address);
    if (!isRequest) {
      // A reply nobody asked for changes at most what is known already.
      const asked = known?.state === 'incomplete' || known?.state === 'probe';
      on.neighbours4.advertised(address, this.#hardware, asked && !toGroup, true);
      return;
    }
    if (known !== undefined && known.state !== 'none')
      on.neighbours4.learn(address, this.#hardware);
    else if (toUs && this.#isOnLink(address)) on.neighbours4.learn(address, this.#hardware);
  }

  /** RFC 5227: somebody uses an address of ours, or probes one that we probe. */
  #isConflict(sender: number, target: InterfaceAddress | undefined, operation: number): boolean {
    const claimed = sender === 0 ? undefined : this.#find(sender);
    const probed =
      sender === 0 && operation === arpOperation.request && target?.state === 'tentative'
        ? target
        : undefined;
    const conflict = claimed ?? probed;
    if (conflict === undefined) return false;
    const { address } = conflict;
    this.#count('conflicts');
    const { now } = this.#environment.clock;
    if (now - this.#reported >= reportInterval) {
      this.#reported = now;
      const other = formatHardwareAddress(this.#hardware);
      const text = `${formatAddress(address)} is also used by ${other}`;
      this.#environment.log('warn', `${this.#interface.name}: ${text}`);
    }
    // Section 2.4(b): defend it, but do not fight over it.
    if (conflict.state !== 'tentative' && now - this.#defended >= defendInterval) {
      this.#defended = now;
      this.#announceOnce(address);
    }
    this.#observers.addressConflict(this.#interface, address, this.#hardware.slice());
    return true;
  }

  #find(bits: number): InterfaceAddress | undefined {
    for (const one of this.#interface.addresses) {
      if (one.address.isV4 && one.address.word3 === bits) return one;
    }
    return undefined;
  }

  #isOnLink(address: IpAddress): boolean {
    return this.#interface.addresses.some(
      (one) => one.address.isV4 && matchesPrefix(address, one.address, one.prefixLength),
    );
  }

  #announceOnce(address: IpAddress): void {
    if (this.#find(address.word3) === undefined) return;
    const bits = address.word3;
    this.#send(arpOperation.request, broadcastHardware, bits, null, bits);
    this.#count('announced');
  }

  #send(
    operation: number,
    to: Uint8Array,
    sender: number,
    targetHardware: Uint8Array | null,
    target: number,
  ): void {
    const on = this.#interface;
    if (!on.isUp) return;
    const packet = on.device.allocate(arpSize);
    if (packet === null) {
      this.#count('dropNoBuffer');
      return;
    }
    const { bytes } = this.#environment.memory;
    packet.end = packet.start + arpSize;
    const { hardwareAddress } = on;
    writeArp(bytes, packet.start, operation, hardwareAddress, sender, targetHardware, target);
    this.link.transmitType(packet, to, etherType.arp);
  }

  #count(name: string): void {
    this.counters[name] = (this.counters[name] as number) + 1;
  }
}
