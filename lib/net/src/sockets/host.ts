/** What the sockets of the service share, and what each kind of socket has in common. */
import type { IpAddress } from '../address.ts';
import type { Counters, Environment } from '../environment.ts';
import { errno, type SocketError } from '../errors.ts';
import {
  kernelFlagClosed,
  requestAutobind,
  requestBind,
  requestConnect,
  requestGetOption,
  requestListen,
  requestSetOption,
  serviceFlagConnecting,
} from '../generated/shared-memory.ts';
import type { NetworkLayer } from '../network.ts';
import type { TcpApi } from '../tcp/types.ts';
import type { UdpApi } from '../udp/types.ts';
import { blockWord, field } from './block.ts';
import type { Broker } from './broker.ts';
import type { EndpointCache } from './endpoint-cache.ts';
import type { PingApi } from './ping.ts';

/** What a socket service is made of. */
export interface SocketParts {
  readonly environment: Environment;
  readonly network: NetworkLayer;
  readonly tcp: TcpApi;
  readonly udp: UdpApi;
  /** ICMP echo; left out: such sockets get EPROTONOSUPPORT. */
  readonly ping?: PingApi;
  readonly broker: Broker;
  /** The index of the interface that has a local address, 0: none; for multicast options by address. */
  interfaceOf(address: IpAddress): number;
}

/** The service, as its sockets see it. */
export interface SocketHost {
  readonly parts: SocketParts;
  readonly endpoints: EndpointCache;
  readonly counters: Counters;
  /** Has the kernel look at a socket when the turn ends. */
  push(socket: number): void;
  /** Has `settle()` of a socket called when the turn ends. */
  touch(socket: ServiceSocket): void;
  /** Has `attend()` of a socket called again in the next turn, or in this one if that is still to come. */
  attendAgain(socket: ServiceSocket): void;
  /** Has `configured()` of a socket called once NetworkLayer.configuring may have changed. */
  awaitConfiguration(socket: ServiceSocket): void;
  /** Puts another object in the place of a socket. */
  replace(socket: ServiceSocket): void;
  /** Gives the socket's block back to the kernel when the turn ends, and forgets the socket. */
  release(socket: ServiceSocket): void;
  /** Looks after a socket that has rings: they are freed while it idles. */
  watchRings(socket: ServiceSocket): void;
}

/** States of sockets as Linux numbers them (include/net/tcp_states.h); datagram sockets use two of them. */
export const tcpState = { established: 1, synSent: 2, close: 7, listen: 10 } as const;

/** Outcome of a request that is answered later. */
export const later = -1;

/** The number of an error, 0 for none. */
export function errorNumber(error: SocketError | null): number {
  return error === null ? 0 : errno[error];
}

/** A socket of the kernel, served by the stack. */
export abstract class ServiceSocket {
  readonly host: SocketHost;
  readonly id: number;
  readonly words: Int32Array;
  /** Number of the block's first word. */
  readonly block: number;
  readonly family: number;
  /** In the list of the turn's touched sockets. */
  touched = false;
  /** In the list of those that are attended to again. */
  again = false;
  /** In the list of those that wait for configuration. */
  awaiting = false;
  /** In the list of sockets with rings, and whether data moved since it was last looked at. */
  watched = false;
  active = false;
  /** The request that is kept for later, 0: none. */
  #kept = 0;

  constructor(host: SocketHost, id: number) {
    this.host = host;
    this.id = id;
    this.words = host.parts.environment.memory.words;
    this.block = blockWord(id);
    this.family = this.words[this.block + field.family] as number;
  }

  /** Its state in /proc/net/tcp and its like. */
  abstract readonly state: number;
  /** Looks at what the kernel changed. */
  abstract attend(): void;
  protected abstract bind(): number;
  protected abstract connect(): number;
  protected abstract listen(backlog: number): number;
  protected abstract autobind(): number;
  /** Sets an option whose value lies in request_data. */
  protected abstract setOption(level: number, name: number): number;
  /** Writes an option's value to request_data, and its length to reply_length. */
  protected abstract getOption(level: number, name: number): number;
  /** End of the turn: says to the kernel what happened during it. */
  settle(): void {}
  /** Frees rings that are empty. Returns true when there are none left to look after. */
  freeRings(): boolean {
    return true;
  }

  get kernelFlags(): number {
    return Atomics.load(this.words, this.block + field.kernelFlags);
  }

  get isClosed(): boolean {
    return (this.kernelFlags & kernelFlagClosed) !== 0;
  }

  get serviceFlags(): number {
    return this.words[this.block + field.serviceFlags] as number;
  }

  get isConnecting(): boolean {
    return (this.serviceFlags & serviceFlagConnecting) !== 0;
  }

  /** Sets and clears RUNTIME_SERVICE_FLAG_*. */
  protected changeFlags(set: number, clear: number): void {
    const value = (this.serviceFlags & ~clear) | set;
    Atomics.store(this.words, this.block + field.serviceFlags, value);
  }

  /** Leaves an error for the app (SO_ERROR). */
  protected setError(error: SocketError): void {
    Atomics.store(this.words, this.block + field.error, errno[error]);
  }

  /** Has `settle()` called when the turn ends. */
  protected touch(): void {
    if (!this.touched) this.host.touch(this);
  }

  /** Handles a request, if there is a new one. */
  protected handleRequest(): void {
    const sequence = Atomics.load(this.words, this.block + field.requestSequence);
    if (sequence === this.words[this.block + field.replySequence] || sequence === this.#kept) {
      return;
    }
    this.#perform(sequence);
  }

  /** Configuration changed: tries a request again that was kept. */
  configured(): void {
    if (this.#kept === 0) return;
    const sequence = this.#kept;
    this.#kept = 0;
    this.#perform(sequence);
  }

  #perform(sequence: number): void {
    const { words, block } = this;
    words[block + field.replyLength] = 0;
    words[block + field.replyValue] = 0;
    const outcome = this.#dispatch();
    if (outcome === later) {
      this.#kept = sequence;
      this.host.awaitConfiguration(this);
      return;
    }
    words[block + field.replyError] = outcome;
    Atomics.store(words, block + field.replySequence, sequence);
    this.host.push(this.id);
  }

  #dispatch(): number {
    const { words, block } = this;
    const value0 = words[block + field.requestValue0] as number;
    const value1 = words[block + field.requestValue1] as number;
    switch (words[block + field.requestOperation]) {
      case requestBind:
        return this.bind();
      case requestConnect:
        return this.connect();
      case requestListen:
        return this.listen(value0);
      case requestSetOption:
        return this.setOption(value0, value1);
      case requestGetOption:
        return this.getOption(value0, value1);
      case requestAutobind:
        return this.autobind();
      default:
        return errno.EOPNOTSUPP;
    }
  }
}
