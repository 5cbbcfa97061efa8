/**
 * Neighbour Discovery between neighbours (RFC 4861, section 7): solicitations and advertisements of
 * one interface. Whether neighbours answer is in the neighbour cache.
 */
import { anyV6, type IpAddress } from '../address.ts';
import type { Counters } from '../environment.ts';
import type { Interface, InterfaceAddress } from '../interface/interface.ts';
import type { NeighbourResolver } from '../interface/neighbours.ts';
import { allNodesV6, isLinkLocal, solicitedNode } from '../ip/addresses.ts';
import { chooseSource } from '../ip/source.ts';
import { allRoutersV6 } from '../wire/mld.ts';
import type { NdpHeader, NeighbourAdvertisement, NeighbourSolicitation } from '../wire/ndp.ts';
import {
  emitNeighbourAdvertisement,
  emitNeighbourSolicitation,
  emitRouterSolicitation,
} from '../wire/ndp.ts';
import type { DuplicateAddressDetection } from './duplicate-address-detection.ts';
import type { LinkOutput } from './output.ts';

/** Proof that a message never crossed a router (RFC 4861, section 3.1). */
const linkHopLimit = 255;

/** What it needs besides its interface. */
export interface NeighbourDiscoveryHost {
  readonly on: Interface;
  readonly output: LinkOutput;
  readonly detection: DuplicateAddressDetection;
  readonly counters: Counters;
  /** An address on the link, as far as routes know. */
  isOnLink(address: IpAddress): boolean;
  /** A neighbour says that it is no router. */
  isNoRouter(address: IpAddress): void;
  /** Somebody advertises an address that we use and have checked. */
  conflict(address: IpAddress, hardwareAddress: Uint8Array | undefined): void;
}

/** Asks for neighbours, answers them, and passes what they say to the cache (RFC 4861, section 7.2). */
export class NeighbourDiscovery implements NeighbourResolver {
  readonly #host: NeighbourDiscoveryHost;

  constructor(host: NeighbourDiscoveryHost) {
    this.#host = host;
  }

  /** Asks for a neighbour, as its cache wants it (section 7.2.2). */
  solicit(target: IpAddress, source: IpAddress | null, hardwareAddress: Uint8Array | null): void {
    const { on, output, detection } = this.#host;
    const own = this.#sourceFor(target, source);
    if (own === undefined) {
      this.#count('dropNoSource');
      return;
    }
    // RFC 4429, section 2.2: nobody may learn our hardware address for an address not checked yet.
    const tell = detection.isChecking(own) ? null : on.hardwareAddress;
    const destination = hardwareAddress === null ? solicitedNode(target) : target;
    this.#count('solicitationsSent');
    output.send(on, own, destination, linkHopLimit, hardwareAddress, 32, (bytes, offset) =>
      emitNeighbourSolicitation(bytes, offset, target, tell, null),
    );
  }

  /** Asks whether anybody has an address that is to be ours (RFC 4862, section 5.4.2). */
  sendProbe(target: IpAddress, nonce: Uint8Array): void {
    const { on, output } = this.#host;
    this.#count('probesSent');
    output.send(on, anyV6, solicitedNode(target), linkHopLimit, null, 32, (bytes, offset) =>
      emitNeighbourSolicitation(bytes, offset, target, null, nonce),
    );
  }

  /** Asks for routers (RFC 4861, section 6.3.7). */
  sendRouterSolicitation(): void {
    const { on, output, detection } = this.#host;
    const own = on.addresses.find(
      (one) => !one.address.isV4 && isLinkLocal(one.address) && one.state !== 'tentative',
    );
    const source = own?.address ?? anyV6;
    const tell = source.isUnspecified || detection.isChecking(source) ? null : on.hardwareAddress;
    this.#count('routerSolicitationsSent');
    output.send(on, source, allRoutersV6, linkHopLimit, null, 16, (bytes, offset) =>
      emitRouterSolicitation(bytes, offset, tell),
    );
  }

  /** Section 7.2.3, and RFC 4862, section 5.4.3. */
  solicited(message: NeighbourSolicitation, header: NdpHeader): void {
    const { on, detection } = this.#host;
    const { target, options } = message;
    const own = on.findAddress(target);
    if (own === undefined) {
      this.#count('dropNotOurs');
      return;
    }
    if (header.source.isUnspecified) {
      // Another node wants the address. Who has it already says so to all.
      if (detection.isChecking(target)) detection.solicited(target, options.nonce);
      else if (own.state !== 'tentative') this.#advertise(target, allNodesV6, null, false);
      return;
    }
    if (own.state === 'tentative') {
      this.#count('dropTentative');
      return;
    }
    const hardwareAddress = options.sourceLinkLayer;
    if (hardwareAddress !== undefined && isUnicastHardware(hardwareAddress)) {
      // What claims to be far away must not fill the cache.
      if (isLinkLocal(header.source) || this.#host.isOnLink(header.source)) {
        on.neighbours6.learn(header.source, hardwareAddress);
      }
      this.#advertise(target, header.source, hardwareAddress, true);
    } else {
      this.#advertise(target, header.source, null, true);
    }
  }

  /** Section 7.2.5, and RFC 4862, section 5.4.4. */
  advertised(message: NeighbourAdvertisement): void {
    const { on, detection } = this.#host;
    const { target, options } = message;
    const hardwareAddress = options.targetLinkLayer;
    const own = on.findAddress(target);
    if (own !== undefined) {
      if (detection.isChecking(target)) detection.advertised(target);
      else this.#host.conflict(target, hardwareAddress);
      return;
    }
    if (hardwareAddress !== undefined && !isUnicastHardware(hardwareAddress)) {
      this.#count('dropHardware');
      return;
    }
    const wasRouter = on.neighbours6.lookup(target)?.isRouter === true;
    on.neighbours6.advertised(
      target,
      hardwareAddress ?? null,
      message.solicited,
      message.override,
      message.isRouter,
    );
    if (wasRouter && !message.isRouter) this.#host.isNoRouter(target);
  }

  /** Tells all neighbours of an address that became ours, after they may have cached another's. */
  announce(address: IpAddress): void {
    this.#advertise(address, allNodesV6, null, false);
  }

  #advertise(
    target: IpAddress,
    destination: IpAddress,
    hardwareAddress: Uint8Array | null,
    solicited: boolean,
  ): void {
    const { on, output, detection } = this.#host;
    this.#count('advertisementsSent');
    const override = !detection.isChecking(target);
    output.send(on, target, destination, linkHopLimit, hardwareAddress, 32, (bytes, offset) =>
      emitNeighbourAdvertisement(bytes, offset, target, solicited, override, on.hardwareAddress),
    );
  }

  /** The address to ask with: that of the packet which waits, one that is checked if possible. */
  #sourceFor(target: IpAddress, wanted: IpAddress | null): IpAddress | undefined {
    const { on, detection } = this.#host;
    const usable = (one: InterfaceAddress | undefined): one is InterfaceAddress =>
      one !== undefined && !one.address.isV4 && one.state !== 'tentative';
    const own = wanted === null ? undefined : on.findAddress(wanted);
    if (usable(own) && !detection.isChecking(own.address)) return own.address;
    const checked = on.addresses.find(
      (one) => usable(one) && isLinkLocal(one.address) && !detection.isChecking(one.address),
    );
    if (checked !== undefined) return checked.address;
    return usable(own) ? own.address : chooseSource(on.addresses, target)?.address;
  }

  #count(name: string): void {
    this.#host.counters[name] = (this.#host.counters[name] ?? 0) + 1;
  }
}

function isUnicastHardware(address: Uint8Array): boolean {
  return ((address[0] as number) & 1) === 0 && address.some((byte) => byte !== 0);
}
