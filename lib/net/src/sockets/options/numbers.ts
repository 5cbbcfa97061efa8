/** Levels and names of socket options, as Linux numbers them: socket(7), tcp(7), ip(7), ipv6(7). */

export const level = { socket: 1, ip: 0, tcp: 6, ipv6: 41 } as const;

/** SOL_SOCKET. */
export const socketOption = {
  reuseAddress: 2,
  broadcast: 6,
  sendBuffer: 7,
  receiveBuffer: 8,
  keepAlive: 9,
  linger: 13,
  reusePort: 15,
  sendBufferForce: 32,
  receiveBufferForce: 33,
} as const;

/** IPPROTO_TCP. */
export const tcpOption = {
  noDelay: 1,
  maximumSegment: 2,
  cork: 3,
  keepIdle: 4,
  keepInterval: 5,
  keepCount: 6,
  info: 11,
  quickAck: 12,
  congestion: 13,
  userTimeout: 18,
} as const;

/** IPPROTO_IP. */
export const ipOption = {
  trafficClass: 1,
  hopLimit: 2,
  mtuDiscover: 10,
  mtu: 14,
  multicastInterface: 32,
  multicastHopLimit: 33,
  multicastLoop: 34,
  join: 35,
  leave: 36,
  joinSource: 39,
  leaveSource: 40,
} as const;

/** Of IPPROTO_IP and IPPROTO_IPV6 alike (RFC 3678, section 5). */
export const groupOption = { join: 42, leave: 45, joinSource: 46, leaveSource: 47 } as const;

/** IPPROTO_IPV6. */
export const ipv6Option = {
  hopLimit: 16,
  multicastInterface: 17,
  multicastHopLimit: 18,
  multicastLoop: 19,
  join: 20,
  leave: 21,
  mtuDiscover: 23,
  mtu: 24,
  v6Only: 26,
  trafficClass: 67,
} as const;

/** IP_MTU_DISCOVER and IPV6_MTU_DISCOVER. */
export const mtuDiscovery = { never: 0, want: 1, always: 2, probe: 3 } as const;

/** The largest numbers that Linux takes for the keep-alive options. */
export const keepAliveMost = { seconds: 32767, count: 127 } as const;
