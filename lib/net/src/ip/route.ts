/** Routes as the IP layer hands them out. */
import type { IpAddress } from '../address.ts';
import type { Interface } from '../interface/interface.ts';
import type { Neighbour } from '../interface/neighbours.ts';
import type { Route } from '../network.ts';
import { fold } from '../wire/bytes.ts';
import type { PathMtus } from './path-mtu.ts';

/** `local`: to this machine itself, over loopback. */
export type RouteKind = 'unicast' | 'multicast' | 'broadcast' | 'local';

/** Counts changes of addresses, routes and interfaces. */
export interface RouteGeneration {
  current: number;
}

function wordsSum(address: IpAddress): number {
  const low = (address.word3 >>> 16) + (address.word3 & 0xffff);
  if (address.isV4) return low;
  return (
    low +
    (address.word0 >>> 16) +
    (address.word0 & 0xffff) +
    (address.word1 >>> 16) +
    (address.word1 & 0xffff) +
    (address.word2 >>> 16) +
    (address.word2 & 0xffff)
  );
}

/** A route: what a packet to one destination needs, found once. */
export class IpRoute implements Route {
  readonly destination: IpAddress;
  readonly source: IpAddress;
  readonly interface: Interface;
  readonly kind: RouteKind;
  readonly isV4: boolean;
  readonly isLocal: boolean;
  readonly isGroup: boolean;
  readonly segmentation: number;
  readonly checksumOffload: boolean;
  /** Sum of the 16-bit words of both addresses, folded. */
  readonly addressSum: number;
  /** The neighbour that packets go to; null for loopback and for groups, which have a fixed hardware address. */
  neighbour: Neighbour | null;
  readonly hardwareAddress: Uint8Array;
  /** What was asked for, to find it again. */
  readonly requestedSource: IpAddress | undefined;
  readonly requestedScope: number;
  readonly #generation: RouteGeneration;
  readonly #madeIn: number;
  readonly #pathMtus: PathMtus;
  #mtu: number;
  #mtuGeneration: number;

  constructor(
    kind: RouteKind,
    destination: IpAddress,
    source: IpAddress,
    over: Interface,
    neighbour: Neighbour | null,
    hardwareAddress: Uint8Array,
    requestedSource: IpAddress | undefined,
    requestedScope: number,
    generation: RouteGeneration,
    pathMtus: PathMtus,
  ) {
    const { offloads } = over.device;
    this.kind = kind;
    this.destination = destination;
    this.source = source;
    this.interface = over;
    this.isV4 = destination.isV4;
    this.isGroup = kind === 'multicast' || kind === 'broadcast';
    this.isLocal = kind === 'local';
    this.segmentation = this.isV4 ? offloads.segmentation4 : offloads.segmentation6;
    this.checksumOffload = over.isLoopback || offloads.transmitChecksum;
    this.addressSum = fold(wordsSum(source) + wordsSum(destination));
    this.neighbour = neighbour;
    this.hardwareAddress = hardwareAddress;
    this.requestedSource = requestedSource;
    this.requestedScope = requestedScope;
    this.#generation = generation;
    this.#madeIn = generation.current;
    this.#pathMtus = pathMtus;
    this.#mtuGeneration = pathMtus.generation;
    this.#mtu = pathMtus.lookup(destination, over.mtu);
  }

  get valid(): boolean {
    return this.#madeIn === this.#generation.current;
  }

  get mtu(): number {
    if (this.#mtuGeneration !== this.#pathMtus.generation) {
      this.#mtuGeneration = this.#pathMtus.generation;
      this.#mtu = this.#pathMtus.lookup(this.destination, this.interface.mtu);
    }
    return this.#mtu;
  }
}
