/** Packets of ours that come back: what transport sent them, and to whom. */
import { IpAddress } from '../address.ts';
import type { SocketError } from '../errors.ts';
import type { Memory } from '../memory.ts';
import type { Packet } from '../packet.ts';
import { read16 } from '../wire/bytes.ts';
import { extension, ipv6HeaderSize } from '../wire/ipv6.ts';
import type { Delivery } from './delivery.ts';

/** Tells transports that packets of theirs could not be sent. */
export class SentPackets {
  readonly #memory: Memory;
  readonly #delivery: Delivery;

  constructor(memory: Memory, delivery: Delivery) {
    this.#memory = memory;
    this.#delivery = delivery;
  }

  /** A packet that this stack made (packet.start is its IP header) could not be sent. Takes it. */
  failed(packet: Packet, error: SocketError): void {
    const { bytes } = this.#memory;
    const at = packet.start;
    const isV4 = (bytes[at] as number) >>> 4 === 4;
    let protocol = bytes[at + (isV4 ? 9 : 6)] as number;
    let quoted = at + (isV4 ? ((bytes[at] as number) & 15) << 2 : ipv6HeaderSize);
    // Of fragments only the first has the transport's header.
    let offset = isV4 ? read16(bytes, at + 6) & 0x1fff : 0;
    if (!isV4 && protocol === extension.fragment) {
      protocol = bytes[quoted] as number;
      offset = read16(bytes, quoted + 2) & 0xfff8;
      quoted += 8;
    }
    const transport = this.#delivery.transport(protocol);
    if (transport !== null && offset === 0 && packet.end - quoted >= 8) {
      transport.networkError({
        kind: 'unreachable',
        error,
        mtu: 0,
        source: isV4 ? IpAddress.readV4(bytes, at + 12) : IpAddress.readV6(bytes, at + 8),
        destination: isV4 ? IpAddress.readV4(bytes, at + 16) : IpAddress.readV6(bytes, at + 24),
        quoted,
        quotedLength: packet.end - quoted,
      });
    }
    packet.release();
  }
}
