/** States of a connection (RFC 9293, section 3.3.2), numbered as Linux numbers them in tcp_info. */

export const tcpState = {
  established: 1,
  synSent: 2,
  synReceived: 3,
  finWait1: 4,
  finWait2: 5,
  timeWait: 6,
  closed: 7,
  closeWait: 8,
  lastAck: 9,
  listen: 10,
  closing: 11,
} as const;

export type TcpState = (typeof tcpState)[keyof typeof tcpState];
