/** What the IP layer asks of ICMP when a received packet deserves an error. */
import type { ReceivedHeader } from '../network.ts';
import type { Packet } from '../packet.ts';

/** Why a packet could not be delivered, as both versions of ICMP can say it. */
export type UndeliverableReason =
  | 'portUnreachable'
  | 'protocolUnreachable'
  /** Not all fragments came in time. */
  | 'reassemblyTimeExceeded'
  /** A field of the header has no meaning: the offset of that field goes with it. */
  | 'parameterProblem'
  /** IPv6: a next header, or an option that must be understood, is not known. */
  | 'unknownNextHeader'
  | 'unknownOption';

/**
 * Sends ICMP errors; one for each IP version. Whoever implements it refuses what must not be answered
 * (errors about errors, multicast, unspecified sources: RFC 1122, section 3.2.2; RFC 4443, section 2.4)
 * and limits the rate.
 */
export interface IcmpErrorSender {
  /**
   * Sends an error about a packet. Does not take the packet.
   * @param quoted offset in memory of the packet's IP header
   * @param quotedLength bytes from there in the first buffer
   * @param pointer for parameterProblem, unknownNextHeader and unknownOption: offset of the field
   *   from the IP header's start
   */
  sendError(
    reason: UndeliverableReason,
    packet: Packet,
    header: ReceivedHeader,
    quoted: number,
    quotedLength: number,
    pointer: number,
  ): void;
}
