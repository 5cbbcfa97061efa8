/** UDP sockets of services. */
import type { IpAddress } from '@runtimejs/net/address.ts';
import type { ReceivedHeader } from '@runtimejs/net/network.ts';
import type { Packet } from '@runtimejs/net/packet.ts';
import type { PortBinding } from '@runtimejs/net/tcp/types.ts';
import type { UdpEndpoint, UdpEvents, UdpSendOptions } from '@runtimejs/net/udp/types.ts';
import type { Served } from '@runtimejs/rpc/calls/types.ts';
import { Arrivals, News } from './arrivals.ts';
import {
  type ClientSockets,
  checkBytes,
  fromEndpoint,
  type SocketsHost,
  socketError,
  toEndpoint,
} from './host.ts';
import type { Datagram, SocketAddress, UdpSocket } from './types.ts';

/** Bytes that wait for the service, with what each datagram takes beside them. */
const mostWaiting = 256 * 1024;
const overhead = 128;
/** UDP over IPv4. */
const longestDatagram = 65_507;
/** The endpoint's defaults. */
const sendOptions: UdpSendOptions = {
  hopLimit: 0,
  trafficClass: 0xffffffff,
  interfaceIndex: 0,
  source: undefined,
};

/** What is called from the other side. */
export const udpMethods = ['local', 'send', 'datagrams', 'dropped', 'close'] as const;

/** One socket. */
export class ServiceUdpSocket implements Served<UdpSocket>, UdpEvents {
  readonly #host: SocketsHost;
  readonly #owner: ClientSockets;
  readonly #endpoint: UdpEndpoint;
  readonly #arrivals = new Arrivals<Datagram>(
    mostWaiting,
    ({ bytes }) => bytes.length + overhead,
    () => this.#closeUnwanted(),
  );
  readonly #room = new News();
  #dropped = 0;
  #isClosed = false;
  #isUnwanted = false;

  constructor(host: SocketsHost, owner: ClientSockets, binding: PortBinding) {
    this.#host = host;
    this.#owner = owner;
    this.#endpoint = host.network.udp.open(binding, this);
    owner.add(this);
  }

  local(): SocketAddress {
    return fromEndpoint(this.#endpoint.local);
  }

  async send(bytes: Uint8Array, to: SocketAddress): Promise<void> {
    checkBytes(bytes);
    const target = toEndpoint(to);
    if (bytes.length > longestDatagram) throw socketError('send', 'EMSGSIZE', target);
    for (;;) {
      const { count } = this.#room;
      const failure = await this.#host.inTurn(() => this.#sendNow(bytes, target));
      if (failure === null) return;
      if (failure !== 'EAGAIN') throw socketError('send', failure, target);
      await this.#room.after(count);
    }
  }

  #sendNow(bytes: Uint8Array, to: ReturnType<typeof toEndpoint>): ReturnType<UdpEndpoint['send']> {
    if (this.#isClosed) throw closedError();
    const { rings } = this.#host;
    const size = 2 ** Math.max(12, Math.ceil(Math.log2(bytes.length || 1)));
    const block = rings.take(size);
    if (block === undefined) return 'ENOBUFS';
    try {
      rings.memory.bytes.set(bytes, block);
      return this.#endpoint.send(to, block, bytes.length, sendOptions);
    } finally {
      rings.give(block, size);
    }
  }

  datagrams(): AsyncIterable<Datagram> {
    if (this.#isClosed) throw closedError();
    return this.#arrivals.read();
  }

  dropped(): number {
    return this.#dropped;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#owner.delete(this);
    this.#endpoint.close();
    this.#arrivals.end(undefined, true);
    this.sendable();
  }

  /** The service has no reference any more: what it still reads goes on. */
  released(): void {
    this.#isUnwanted = true;
    this.#closeUnwanted();
  }

  #closeUnwanted(): void {
    if (this.#isUnwanted && !this.#arrivals.isRead) this.close();
  }

  // UdpEvents

  receive(packet: Packet, length: number, header: ReceivedHeader, sourcePort: number): boolean {
    const bytes = new Uint8Array(length);
    const memory = this.#host.rings.memory.bytes;
    let at = 0;
    for (let each: Packet | null = packet; each !== null && at < length; each = each.next) {
      const piece = Math.min(each.length, length - at);
      bytes.set(memory.subarray(each.start, each.start + piece), at);
      at += piece;
    }
    const address = header.sourceAddress();
    const scope = isLinkLocal(address) ? header.interface.index : 0;
    const from = fromEndpoint({ address, port: sourcePort, scope });
    if (this.#arrivals.push({ bytes, from })) return true;
    this.#dropped += 1;
    return false;
  }

  /** A peer is not there: a service that waits for an answer has a timeout of its own. */
  failed(): void {}

  sendable(): void {
    this.#room.tell();
  }
}

/** RFC 4291, 2.5.6. */
function isLinkLocal({ word0 }: IpAddress): boolean {
  return word0 >>> 22 === 0x3fa;
}

function closedError(): Error {
  return Object.assign(new Error('The socket is closed.'), { code: 'EBADF' });
}
