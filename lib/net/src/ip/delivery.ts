/** Hands received packets to transports; what both IP versions share on the way in. */
import type { Counters } from '../environment.ts';
import type { IcmpErrorSender, UndeliverableReason } from '../icmp/errors.ts';
import type { Memory } from '../memory.ts';
import { protocol as protocols, type Transport } from '../network.ts';
import type { Packet } from '../packet.ts';
import type { IncomingHeader } from './header.ts';
import type { LocalAddresses } from './local.ts';
import type { Reassembly } from './reassembly.ts';

/** The end of the way in. */
export class Delivery {
  readonly counters: Counters = {
    delivered: 0,
    dropUnknownProtocol: 0,
    dropHeaderSplit: 0,
    errorsSuppressed: 0,
  };
  readonly memory: Memory;
  readonly local: LocalAddresses;
  /** The one header object, filled in for each packet. */
  readonly header: IncomingHeader;
  /** Set by the stack as it puts its parts together. */
  reassembly!: Reassembly;
  errors4: IcmpErrorSender | null = null;
  errors6: IcmpErrorSender | null = null;
  readonly #transports: (Transport | null)[] = new Array<null>(256).fill(null);

  constructor(memory: Memory, local: LocalAddresses, header: IncomingHeader) {
    this.memory = memory;
    this.local = local;
    this.header = header;
  }

  /** Names who takes packets of a protocol. Throws when somebody does already. */
  register(protocol: number, transport: Transport): void {
    if (this.#transports[protocol] !== null) {
      throw new Error(`protocol ${protocol} has a transport already: register it once`);
    }
    this.#transports[protocol] = transport;
  }

  transport(protocol: number): Transport | null {
    return this.#transports[protocol] ?? null;
  }

  /** Bytes of a transport's fixed header. */
  leastTransport(protocol: number): number {
    return protocol === protocols.tcp ? 20 : 8;
  }

  /** Gives a packet to its transport: packet.start is the transport's header, this.header what came before. */
  deliver(packet: Packet): void {
    const { header, counters } = this;
    const transport = this.#transports[header.protocol] as Transport | null;
    if (transport === null) {
      counters.dropUnknownProtocol = (counters.dropUnknownProtocol as number) + 1;
      // Fields behind the IPv6 header are named by place, IPv4 has a code of its own.
      if (header.isV4) this.sendError('protocolUnreachable', packet, 9);
      else this.sendError('unknownNextHeader', packet, header.nextHeaderAt);
      packet.release();
      return;
    }
    if (packet.next !== null && packet.end - packet.start < this.leastTransport(header.protocol)) {
      counters.dropHeaderSplit = (counters.dropHeaderSplit as number) + 1;
      packet.release();
      return;
    }
    counters.delivered = (counters.delivered as number) + 1;
    transport.receive(packet, header);
  }

  /** Answers the packet that this.header describes with an ICMP error. Does not take the packet. */
  sendError(reason: UndeliverableReason, packet: Packet, pointer: number): void {
    const { header } = this;
    const sender = header.isV4 ? this.errors4 : this.errors6;
    if (sender === null) {
      this.counters.errorsSuppressed = (this.counters.errorsSuppressed as number) + 1;
      return;
    }
    const quoted = header.headerStart;
    sender.sendError(reason, packet, header, quoted, packet.end - quoted, pointer);
  }
}
