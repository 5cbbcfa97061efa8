/** The header of a received packet, filled in again for every packet. */
import { IpAddress } from '../address.ts';
import type { Interface } from '../interface/interface.ts';
import type { ReceivedHeader } from '../network.ts';
import { fold } from '../wire/bytes.ts';

/** What transports see of a packet's IP header. */
export class IncomingHeader implements ReceivedHeader {
  interface: Interface;
  isV4 = true;
  source0 = 0;
  source1 = 0;
  source2 = 0;
  source3 = 0;
  destination0 = 0;
  destination1 = 0;
  destination2 = 0;
  destination3 = 0;
  protocol = 0;
  payloadLength = 0;
  hopLimit = 0;
  trafficClass = 0;
  isMulticast = false;
  /** The destination is an IPv4 broadcast address. */
  isBroadcast = false;
  /** Offset in memory of the IP header, in the packet's first buffer. */
  headerStart = 0;
  /** IPv6: offset from there of the field that named `protocol`. */
  nextHeaderAt = 6;

  /** @param first any interface, until a packet comes */
  constructor(first: Interface) {
    this.interface = first;
  }

  /** A copy for keeping. */
  clone(): IncomingHeader {
    return Object.assign(new IncomingHeader(this.interface), this);
  }

  pseudoHeaderSum(): number {
    let sum =
      (this.source3 >>> 16) +
      (this.source3 & 0xffff) +
      (this.destination3 >>> 16) +
      (this.destination3 & 0xffff) +
      this.protocol +
      (this.payloadLength & 0xffff) +
      (this.payloadLength >>> 16);
    if (!this.isV4) {
      sum +=
        (this.source0 >>> 16) +
        (this.source0 & 0xffff) +
        (this.source1 >>> 16) +
        (this.source1 & 0xffff) +
        (this.source2 >>> 16) +
        (this.source2 & 0xffff) +
        (this.destination0 >>> 16) +
        (this.destination0 & 0xffff) +
        (this.destination1 >>> 16) +
        (this.destination1 & 0xffff) +
        (this.destination2 >>> 16) +
        (this.destination2 & 0xffff);
    }
    return fold(sum);
  }

  sourceAddress(): IpAddress {
    return new IpAddress(this.source0, this.source1, this.source2, this.source3);
  }

  destinationAddress(): IpAddress {
    return new IpAddress(
      this.destination0,
      this.destination1,
      this.destination2,
      this.destination3,
    );
  }
}
