/** What ICMP echo and its sockets ask of each other: as UDP, with the identifier in the place of the port. */
import type { UdpApi } from '../udp/types.ts';

/**
 * ICMP echo: ports are identifiers, and payloads are whole ICMP messages from the type on; identifier and
 * checksum are filled in by the stack (icmp(7), ping sockets).
 */
export type PingApi = UdpApi;
