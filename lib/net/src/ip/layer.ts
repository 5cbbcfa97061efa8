/** The IP layer of both versions, as transports see it. */
import type { IpAddress } from '../address.ts';
import type { Environment } from '../environment.ts';
import type { SocketError } from '../errors.ts';
import type { Interface } from '../interface/interface.ts';
import type { NetworkError, NetworkLayer, Route, SendOptions } from '../network.ts';
import { checksumState, type Packet } from '../packet.ts';
import { fold } from '../wire/bytes.ts';
import type { Delivery } from './delivery.ts';
import { Input4 } from './input4.ts';
import { Input6 } from './input6.ts';
import type { LocalAddresses } from './local.ts';
import { Output, sendFlag } from './output.ts';
import type { PathMtus } from './path-mtu.ts';
import type { PacketPool } from './pool.ts';
import type { IpRoute } from './route.ts';
import type { Router } from './router.ts';
import { SentPackets } from './sent-packets.ts';

/** Packets that wait to be looped back, and those whose neighbour failed, at most. */
const deferredMaximum = 256;

interface Looped {
  readonly packet: Packet;
  readonly on: Interface;
}

/** What the layer is put together from. */
export interface LayerParts {
  readonly environment: Environment;
  readonly interfaces: readonly Interface[];
  readonly local: LocalAddresses;
  readonly router: Router;
  readonly pathMtus: PathMtus;
  readonly pool: PacketPool;
  readonly delivery: Delivery;
  readonly seed: number;
}

/** The IP layer. */
export class InternetLayer implements NetworkLayer {
  readonly input4: Input4;
  readonly input6: Input6;
  readonly output: Output;
  readonly delivery: Delivery;
  readonly local: LocalAddresses;
  readonly pathMtus: PathMtus;
  readonly #parts: LayerParts;
  readonly #sent: SentPackets;
  readonly #configured: (() => void)[] = [];
  readonly #looped: Looped[] = [];
  readonly #unreachable: Packet[] = [];
  #configurationChanged = false;

  constructor(parts: LayerParts) {
    this.#parts = parts;
    this.local = parts.local;
    this.pathMtus = parts.pathMtus;
    this.delivery = parts.delivery;
    this.input4 = new Input4(parts.delivery);
    this.input6 = new Input6(parts.delivery);
    this.output = new Output(parts.environment, parts.pool, parts.seed);
    this.#sent = new SentPackets(parts.environment.memory, parts.delivery);
  }

  route(
    destination: IpAddress,
    source: IpAddress | undefined,
    scope: number,
  ): IpRoute | SocketError {
    return this.#parts.router.route(destination, source, scope);
  }

  get configuring(): boolean {
    return this.#parts.interfaces.some((one) => one.isConfiguring);
  }

  onConfigured(then: () => void): void {
    this.#configured.push(then);
  }

  isLocal(address: IpAddress): boolean {
    return this.local.has(address);
  }

  allocate(route: Route, size: number): Packet | null {
    return this.output.allocate(route as IpRoute, size);
  }

  send(route: Route, packet: Packet, protocol: number, options: SendOptions): void {
    this.output.send(route as IpRoute, packet, protocol, options, sendFlag.none);
  }

  /** As send(), with a router alert option in an IPv4 header (RFC 2113), as IGMP needs it. */
  sendRouterAlert(route: Route, packet: Packet, protocol: number, options: SendOptions): void {
    this.output.send(route as IpRoute, packet, protocol, options, sendFlag.routerAlert);
  }

  /**
   * Has a copy of a packet that is about to be sent to a group received by this machine, too, as from
   * the interface that it leaves over. `packet.start` is the transport's header.
   */
  loopBack(route: IpRoute, packet: Packet, protocol: number, options: SendOptions): void {
    const { environment, interfaces, pool } = this.#parts;
    const length = packet.end - packet.start;
    const loopback = interfaces[0] as Interface;
    const copy = this.#looped.length < deferredMaximum ? pool.allocate(length) : null;
    if (copy === null) {
      const { counters } = this.output;
      counters.dropNoBuffer = (counters.dropNoBuffer as number) + 1;
      return;
    }
    environment.memory.copy(copy.start, packet.start, length);
    copy.end = copy.start + length;
    // It never leaves this machine: no checksum is needed.
    copy.checksum = checksumState.partial;
    this.output.writeHeader(route, copy, protocol, options);
    this.#looped.push({ packet: copy, on: route.kind === 'local' ? loopback : route.interface });
  }

  pseudoHeaderSum(route: Route, protocol: number, length: number): number {
    return fold((route as IpRoute).addressSum + protocol + (length & 0xffff) + (length >>> 16));
  }

  confirmReachable(route: Route): void {
    const { neighbour } = route as IpRoute;
    if (neighbour !== null) neighbour.cache.confirm(neighbour);
  }

  learnMtu(destination: IpAddress, mtu: number): void {
    if (this.local.has(destination)) return;
    this.pathMtus.learn(destination, mtu);
  }

  /**
   * Tells a transport of an ICMP error about a packet that it sent. For ICMP of either version, which
   * has checked that the quoted packet can be ours.
   * @param protocol of the quoted packet
   * @returns false when nobody has such a protocol
   */
  deliverError(protocol: number, error: NetworkError): boolean {
    const transport = this.delivery.transport(protocol);
    if (transport === null) return false;
    transport.networkError(error);
    return true;
  }

  /** A packet of ours whose neighbour does not answer; its sender is told in the next turn. Takes it. */
  unreachable(packet: Packet): void {
    if (this.#unreachable.length < deferredMaximum) this.#unreachable.push(packet);
    else packet.release();
  }

  /** Something is left to do at once. */
  get hasDeferred(): boolean {
    return this.#looped.length > 0 || this.#unreachable.length > 0 || this.#configurationChanged;
  }

  /** Does what had to wait until no transport was at work. */
  runDeferred(): void {
    if (this.#looped.length > 0) {
      for (const { packet, on } of this.#looped.splice(0)) {
        const isV4 = (this.#parts.environment.memory.bytes[packet.start] as number) >>> 4 === 4;
        if (isV4) this.input4.receive(packet, on, true, true);
        else this.input6.receive(packet, on, true, true);
      }
    }
    if (this.#unreachable.length > 0) {
      for (const packet of this.#unreachable.splice(0)) this.#sent.failed(packet, 'EHOSTUNREACH');
    }
    if (this.#configurationChanged) {
      this.#configurationChanged = false;
      for (const then of this.#configured.splice(0)) then();
    }
  }

  /** Routes may have come up, or configuration ended: who waits for that is called later in this turn. */
  configurationChanged(): void {
    this.#configurationChanged ||= this.#configured.length > 0;
  }
}
