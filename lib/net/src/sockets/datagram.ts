/** UDP sockets, and ICMP echo sockets, which work alike. */
import type { Endpoint, IpAddress } from '../address.ts';
import { errno, type SocketError } from '../errors.ts';
import {
  datagramRecord,
  directionReceive,
  directionSend,
  kernelFlagWantsSpace,
  serviceFlagConnected,
} from '../generated/shared-memory.ts';
import type { ReceivedHeader } from '../network.ts';
import type { Packet } from '../packet.ts';
import type { BindFlags } from '../tcp/types.ts';
import type { UdpApi, UdpEndpoint, UdpEvents, UdpSendOptions, UdpSettings } from '../udp/types.ts';
import {
  anyEndpoint,
  clearEndpoint,
  endpointFamily,
  field,
  readEndpoint,
  swapWord,
  writeEndpoint,
} from './block.ts';
import { RecordReader, RecordWriter } from './datagram-ring.ts';
import { bindFlags } from './flags.ts';
import { errorNumber, later, ServiceSocket, type SocketHost, tcpState } from './host.ts';
import { getDatagramOption, setDatagramOption } from './options/datagram.ts';

/** Linux's net.core.rmem_default and wmem_default, bytes. */
export const defaultDatagramBuffer = 212992;

/** Datagrams that a socket sends per turn, so that others get theirs. */
const sendBudget = 128;

/** Groups that a socket may be in before it is bound: Linux's igmp_max_memberships. */
const mostEarlyMemberships = 20;

/** Fields of a record, as words. */
const record = {
  flags: datagramRecord.flags >> 2,
  remote: datagramRecord.remoteFamily >> 2,
  localAddress: datagramRecord.localAddress >> 2,
  interfaceIndex: datagramRecord.interfaceIndex >> 2,
  hopLimit: datagramRecord.hopLimit >> 2,
  trafficClass: datagramRecord.trafficClass >> 2,
} as const;

interface Membership {
  readonly group: IpAddress;
  readonly interfaceIndex: number;
  readonly source: IpAddress | undefined;
}

/** What a socket's options are at first: ip(7), ipv6(7). */
export function defaultUdpSettings(): UdpSettings {
  return {
    broadcast: false,
    hopLimit: 0,
    trafficClass: 0,
    multicastHopLimit: 1,
    multicastLoop: true,
    multicastInterface: 0,
    dontFragment: false,
  };
}

/** A datagram socket. */
export class DatagramSocket extends ServiceSocket implements UdpEvents {
  readonly #api: UdpApi;
  readonly #sending: RecordReader;
  readonly #receiving: RecordWriter;
  readonly #options: UdpSendOptions = {
    hopLimit: 0,
    trafficClass: 0xffffffff,
    interfaceIndex: 0,
    source: undefined,
  };
  #settings: UdpSettings = defaultUdpSettings();
  #endpoint: UdpEndpoint | null = null;
  #early: Membership[] = [];
  #news = false;
  /** sendable() or configured() must come before more is taken from the ring. */
  #stalled = false;

  /** @param api UDP, or ICMP echo */
  constructor(host: SocketHost, id: number, api: UdpApi) {
    super(host, id);
    this.#api = api;
    const { memory } = host.parts.environment;
    const { block, words } = this;
    this.#sending = new RecordReader(memory, {
      offset: block + field.sendOffset,
      capacity: block + field.sendCapacity,
      head: block + field.sendHead,
      tail: block + field.sendTail,
    });
    this.#receiving = new RecordWriter(
      memory,
      {
        offset: block + field.receiveOffset,
        capacity: block + field.receiveCapacity,
        head: block + field.receiveHead,
        tail: block + field.receiveTail,
      },
      (capacity) => this.#grow(capacity),
    );
    words[block + field.sendLimit] =
      (words[block + field.sendBuffer] as number) || defaultDatagramBuffer;
  }

  get state(): number {
    return this.peer === null ? tcpState.close : tcpState.established;
  }

  get settings(): UdpSettings {
    return this.#settings;
  }

  get peer(): Endpoint | null {
    return this.#endpoint?.peer ?? null;
  }

  attend(): void {
    this.handleRequest();
    this.#drain();
    if (!this.isClosed || (this.#stalled && !this.#sending.isEmpty)) {
      if ((this.kernelFlags & kernelFlagWantsSpace) !== 0) this.touch();
      return;
    }
    this.#endpoint?.close();
    this.#endpoint = null;
    this.host.release(this);
  }

  // Requests

  protected override bind(): number {
    if (this.#endpoint !== null) return errno.EINVAL;
    const { memory } = this.host.parts.environment;
    const local = readEndpoint(memory, this.block + field.requestEndpoint);
    return this.#bind(local, bindFlags(this.words[this.block + field.requestValue0] as number));
  }

  #bind(local: Endpoint, flags: BindFlags): number {
    const binding = this.#api.bind(local, flags);
    if (typeof binding === 'string') {
      const waits = binding === 'EADDRNOTAVAIL' && this.host.parts.network.configuring;
      return waits ? later : errno[binding];
    }
    const endpoint = this.#api.open(binding, this);
    Object.assign(endpoint.settings, this.#settings);
    this.#settings = endpoint.settings;
    this.#endpoint = endpoint;
    for (const { group, interfaceIndex, source } of this.#early) {
      const error = endpoint.setMembership(group, interfaceIndex, true, source);
      if (error !== null) this.setError(error);
    }
    this.#early = [];
    this.#showLocal(endpoint);
    return 0;
  }

  #bound(): number {
    return this.#endpoint === null ? this.#bind(anyEndpoint(this.family), bindFlags(0)) : 0;
  }

  protected override connect(): number {
    const outcome = this.#bound();
    const endpoint = this.#endpoint;
    if (endpoint === null) return outcome;
    const { memory } = this.host.parts.environment;
    if (endpointFamily(memory, this.block + field.requestEndpoint) === 0) {
      endpoint.connect(null);
      clearEndpoint(memory, this.block + field.peerEndpoint);
      this.changeFlags(0, serviceFlagConnected);
      this.#showLocal(endpoint);
      return 0;
    }
    const peer = readEndpoint(memory, this.block + field.requestEndpoint);
    const error = endpoint.connect(peer);
    if (error !== null) return this.#waitsForRoute(error) ? later : errno[error];
    this.#showLocal(endpoint);
    writeEndpoint(memory, this.block + field.peerEndpoint, this.family, peer);
    this.changeFlags(serviceFlagConnected, 0);
    return 0;
  }

  protected override listen(): number {
    return errno.EOPNOTSUPP;
  }

  protected override autobind(): number {
    const outcome = this.#bound();
    if (outcome !== 0) return outcome;
    const { environment, network } = this.host.parts;
    const at = this.block + field.requestEndpoint;
    if (endpointFamily(environment.memory, at) === 0) return 0;
    const { address, scope } = readEndpoint(environment.memory, at);
    const route = network.route(address, undefined, scope);
    // While there is no configuration yet the datagram waits in the ring.
    return typeof route === 'string' && !this.#waitsForRoute(route) ? errno[route] : 0;
  }

  protected override setOption(level: number, name: number): number {
    return setDatagramOption(this, level, name);
  }

  protected override getOption(level: number, name: number): number {
    return getDatagramOption(this, level, name);
  }

  /** Joins or leaves a group; before the socket is bound, joins are remembered. Returns 0 or an errno. */
  setMembership(
    group: IpAddress,
    interfaceIndex: number,
    join: boolean,
    source: IpAddress | undefined,
  ): number {
    if (this.#endpoint !== null) {
      return errorNumber(this.#endpoint.setMembership(group, interfaceIndex, join, source));
    }
    const index = this.#early.findIndex(
      (each) =>
        each.group.equals(group) &&
        each.interfaceIndex === interfaceIndex &&
        (source === undefined ? each.source === undefined : each.source?.equals(source)),
    );
    if (join) {
      if (index >= 0) return errno.EADDRINUSE;
      if (this.#early.length === mostEarlyMemberships) return errno.ENOBUFS;
      this.#early.push({ group, interfaceIndex, source });
    } else {
      if (index < 0) return errno.EADDRNOTAVAIL;
      this.#early.splice(index, 1);
    }
    return 0;
  }

  // Sending

  #drain(): void {
    const endpoint = this.#endpoint;
    if (endpoint === null || this.#stalled) return;
    for (let budget = sendBudget; ; budget--) {
      const at = this.#sending.peek();
      if (at === 0) return;
      if (budget === 0) {
        this.host.attendAgain(this);
        return;
      }
      this.active = true;
      const error = this.#send(endpoint, at);
      if (error === 'EAGAIN' || (error !== null && this.#waitsForRoute(error))) {
        this.#stalled = true;
        if (error !== 'EAGAIN') this.host.awaitConfiguration(this);
        return;
      }
      if (error !== null) this.#sendFailed(error);
      this.#sending.consume(at);
      if (!this.watched) this.host.watchRings(this);
    }
  }

  #send(endpoint: UdpEndpoint, at: number): SocketError | null {
    const { words } = this;
    const word = at >> 2;
    const options = this.#options;
    options.hopLimit = words[word + record.hopLimit] as number;
    options.trafficClass = (words[word + record.trafficClass] as number) >>> 0;
    options.interfaceIndex = words[word + record.interfaceIndex] as number;
    const local = word + record.localAddress;
    options.source =
      (words[local] as number) === 0 &&
      (words[local + 1] as number) === 0 &&
      (words[local + 2] as number) === 0 &&
      (words[local + 3] as number) === 0
        ? undefined
        : readEndpoint(this.host.parts.environment.memory, local - 2).address;
    const remote = word + record.remote;
    const to =
      ((words[remote] as number) & 0xffff) === 0 ? null : this.host.endpoints.read(words, remote);
    return endpoint.send(to, at + datagramRecord.size, words[word] as number, options);
  }

  /**
   * The app's call is over by now. Its next one tells of the error where the socket has a single peer,
   * as an ICMP error would; else only of errors that the app makes itself.
   */
  #sendFailed(error: SocketError): void {
    const { counters } = this.host;
    const name = `datagramSendFailed${error}`;
    counters[name] = (counters[name] ?? 0) + 1;
    if (this.peer === null && error !== 'EMSGSIZE' && error !== 'EACCES') return;
    this.setError(error);
    this.#news = true;
    this.touch();
  }

  #waitsForRoute(error: SocketError): boolean {
    const noRoute =
      error === 'ENETUNREACH' || error === 'EADDRNOTAVAIL' || error === 'EHOSTUNREACH';
    return noRoute && this.host.parts.network.configuring;
  }

  sendable(): void {
    this.#stalled = false;
    this.host.attendAgain(this);
  }

  override configured(): void {
    super.configured();
    this.sendable();
  }

  // Receiving

  receive(packet: Packet, length: number, header: ReceivedHeader, sourcePort: number): boolean {
    const { words, block } = this;
    const limit = (words[block + field.receiveBuffer] as number) || defaultDatagramBuffer;
    const at = this.#receiving.reserve(length, limit);
    if (at === 0) {
      this.host.counters.datagramReceiveBufferFull =
        (this.host.counters.datagramReceiveBufferFull ?? 0) + 1;
      return false;
    }
    this.#writeHeader(at >> 2, length, header, sourcePort);
    this.#copyPayload(packet, length, at + datagramRecord.size);
    this.#receiving.produce(length);
    this.active = true;
    if (!this.watched) this.host.watchRings(this);
    this.#news = true;
    this.touch();
    return true;
  }

  #writeHeader(word: number, length: number, header: ReceivedHeader, sourcePort: number): void {
    const { words } = this;
    const linkLocal = !header.isV4 && header.source0 >>> 22 === 0xfe80 >>> 6;
    words[word] = length;
    words[word + record.flags] = 0;
    const remote = word + record.remote;
    words[remote] = this.family | (sourcePort << 16);
    words[remote + 1] = linkLocal ? header.interface.index : 0;
    words[remote + 2] = swapWord(header.source0);
    words[remote + 3] = swapWord(header.source1);
    words[remote + 4] = swapWord(header.source2);
    words[remote + 5] = swapWord(header.source3);
    const local = word + record.localAddress;
    words[local] = swapWord(header.destination0);
    words[local + 1] = swapWord(header.destination1);
    words[local + 2] = swapWord(header.destination2);
    words[local + 3] = swapWord(header.destination3);
    words[word + record.interfaceIndex] = header.interface.index;
    words[word + record.hopLimit] = header.hopLimit;
    words[word + record.trafficClass] = header.trafficClass;
  }

  #copyPayload(packet: Packet, length: number, to: number): void {
    const { memory } = this.host.parts.environment;
    let part: Packet | null = packet;
    let left = length;
    let at = to;
    while (part !== null && left > 0) {
      const count = Math.min(left, part.end - part.start);
      memory.copy(at, part.start, count);
      at += count;
      left -= count;
      part = part.next;
    }
  }

  failed(error: SocketError): void {
    this.setError(error);
    this.#news = true;
    this.touch();
  }

  #grow(capacity: number): boolean {
    return this.host.parts.broker.resize(this.id, directionReceive, capacity) === 0;
  }

  // End of a turn

  override settle(): void {
    const wantsSpace = (this.kernelFlags & kernelFlagWantsSpace) !== 0;
    if (this.#news || (wantsSpace && this.#makeSpace())) this.host.push(this.id);
    this.#news = false;
  }

  /** True when a third of what the send ring may hold is free. An empty ring that is too small grows. */
  #makeSpace(): boolean {
    const { words, block } = this;
    const limit = (words[block + field.sendBuffer] as number) || defaultDatagramBuffer;
    words[block + field.sendLimit] = limit;
    const capacity = words[block + field.sendCapacity] as number;
    if (this.#sending.isEmpty) {
      let wanted = Math.max(capacity, 4096);
      while (wanted < limit) wanted *= 2;
      if (wanted > capacity && capacity > 0) {
        this.host.parts.broker.resize(this.id, directionSend, wanted);
      }
      return true;
    }
    const head = Atomics.load(words, block + field.sendHead);
    const used = (head - (words[block + field.sendTail] as number)) >>> 0;
    const most = Math.min(limit, capacity);
    return (most - used) * 3 >= most;
  }

  override freeRings(): boolean {
    const { words, block } = this;
    const { broker } = this.host.parts;
    if (!this.#sending.isEmpty || this.#receiving.length > 0) return false;
    if ((words[block + field.sendCapacity] as number) > 0) {
      broker.resize(this.id, directionSend, 0);
    }
    if ((words[block + field.receiveCapacity] as number) > 0) {
      broker.resize(this.id, directionReceive, 0);
    }
    return words[block + field.sendCapacity] === 0 && words[block + field.receiveCapacity] === 0;
  }

  #showLocal(endpoint: UdpEndpoint): void {
    const { memory } = this.host.parts.environment;
    writeEndpoint(memory, this.block + field.localEndpoint, this.family, endpoint.local);
  }
}
