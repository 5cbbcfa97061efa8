/** Multicast groups: the five ways in which Linux lets an app join one (ip(7), ipv6(7), RFC 3678). */
import type { IpAddress } from '../../address.ts';
import { errno } from '../../errors.ts';
import type { ServiceSocket } from '../host.ts';
import { readIntegerAt, readSocketAddress, readV4At, readV6At, valueLength } from './values.ts';

/** A socket that can be in groups. */
export interface GroupMember extends ServiceSocket {
  setMembership(
    group: IpAddress,
    interfaceIndex: number,
    join: boolean,
    source: IpAddress | undefined,
  ): number;
}

/** sizeof struct ip_mreq, ip_mreqn, ip_mreq_source, ipv6_mreq. */
const size = { mreq: 8, mreqn: 12, mreqSource: 12, mreq6: 20 } as const;

/** Where group_req and group_source_req have their addresses (struct sockaddr_storage, 128 bytes each). */
const groupAt = 8;
const sourceAt = 136;

/** True for 224.0.0.0/4 and ff00::/8. */
export function isMulticast(address: IpAddress): boolean {
  return address.isV4 ? address.word3 >>> 28 === 0xe : address.word0 >>> 24 === 0xff;
}

/** The interface with an address; 0 for the wildcard. undefined: there is none. */
function interfaceWith(socket: ServiceSocket, address: IpAddress): number | undefined {
  if (address.isUnspecified) return 0;
  return socket.host.parts.interfaceOf(address) || undefined;
}

/** The interface that a struct ip_mreq or ip_mreqn at an offset names; undefined: there is none. */
export function readInterfaceV4(socket: ServiceSocket, offset: number): number | undefined {
  if (valueLength(socket) >= offset + 8) {
    const index = readIntegerAt(socket, offset + 4);
    if (index !== 0) return index;
  }
  return interfaceWith(socket, readV4At(socket, offset));
}

/** IP_ADD_MEMBERSHIP and IP_DROP_MEMBERSHIP: struct ip_mreq or ip_mreqn. */
export function membershipV4(socket: GroupMember, join: boolean): number {
  if (valueLength(socket) < size.mreq) return errno.EINVAL;
  const group = readV4At(socket, 0);
  if (!isMulticast(group)) return errno.EINVAL;
  const index = readInterfaceV4(socket, 4);
  if (index === undefined) return errno.ENODEV;
  return socket.setMembership(group, index, join, undefined);
}

/** IP_ADD_SOURCE_MEMBERSHIP and IP_DROP_SOURCE_MEMBERSHIP: struct ip_mreq_source. */
export function sourceMembershipV4(socket: GroupMember, join: boolean): number {
  if (valueLength(socket) < size.mreqSource) return errno.EINVAL;
  const group = readV4At(socket, 0);
  if (!isMulticast(group)) return errno.EINVAL;
  const index = interfaceWith(socket, readV4At(socket, 4));
  if (index === undefined) return errno.ENODEV;
  return socket.setMembership(group, index, join, readV4At(socket, 8));
}

/** IPV6_JOIN_GROUP and IPV6_LEAVE_GROUP: struct ipv6_mreq. */
export function membershipV6(socket: GroupMember, join: boolean): number {
  if (valueLength(socket) < size.mreq6) return errno.EINVAL;
  const group = readV6At(socket, 0);
  if (!isMulticast(group)) return errno.EINVAL;
  return socket.setMembership(group, readIntegerAt(socket, 16), join, undefined);
}

/** MCAST_JOIN_GROUP and the like: struct group_req, or group_source_req with `withSource`. */
export function membershipOfGroup(socket: GroupMember, join: boolean, withSource: boolean): number {
  const group = readSocketAddress(socket, groupAt);
  if (group === undefined || !isMulticast(group)) return errno.EINVAL;
  const source = withSource ? readSocketAddress(socket, sourceAt) : undefined;
  if (withSource && (source === undefined || source.isV4 !== group.isV4)) return errno.EINVAL;
  return socket.setMembership(group, readIntegerAt(socket, 0), join, source);
}
