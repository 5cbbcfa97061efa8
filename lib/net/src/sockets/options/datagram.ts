/** Options of UDP and ICMP echo sockets. */
import { anyV4, type Endpoint, IpAddress } from '../../address.ts';
import { errno } from '../../errors.ts';
import type { UdpSettings } from '../../udp/types.ts';
import { field } from '../block.ts';
import {
  type GroupMember,
  membershipOfGroup,
  membershipV4,
  membershipV6,
  readInterfaceV4,
  sourceMembershipV4,
} from './memberships.ts';
import { groupOption, ipOption, ipv6Option, level, mtuDiscovery, socketOption } from './numbers.ts';
import { defaultHopLimit } from './stream.ts';
import { replyInteger, replyV4, setBoolean, setInteger, valueLength } from './values.ts';

/** A datagram socket, as its options see it. */
export interface DatagramOptionTarget extends GroupMember {
  readonly settings: UdpSettings;
  readonly peer: Endpoint | null;
}

/** Sets an option whose value came with the request. @returns 0 or an errno */
export function setDatagramOption(
  socket: DatagramOptionTarget,
  atLevel: number,
  name: number,
): number {
  switch (atLevel) {
    case level.socket:
      return setSocketLevel(socket, name);
    case level.ip:
      return setIpLevel(socket, name);
    case level.ipv6:
      return setIpv6Level(socket, name);
    default:
      return errno.ENOPROTOOPT;
  }
}

function setSocketLevel(socket: DatagramOptionTarget, name: number): number {
  const { words, block } = socket;
  switch (name) {
    case socketOption.broadcast:
      return setBoolean(socket, (value) => {
        socket.settings.broadcast = value;
      });
    case socketOption.sendBuffer:
    case socketOption.sendBufferForce:
      words[block + field.sendLimit] = words[block + field.sendBuffer] as number;
      return 0;
    case socketOption.receiveBuffer:
    case socketOption.receiveBufferForce:
      return 0; // the kernel has put it into the block, where it is looked at for each datagram
    case socketOption.reuseAddress:
    case socketOption.reusePort:
    case socketOption.linger:
    case socketOption.keepAlive:
      return 0; // the kernel keeps them: they come with BIND, or mean nothing to datagrams
    default:
      return errno.ENOPROTOOPT;
  }
}

function setIpLevel(socket: DatagramOptionTarget, name: number): number {
  const { settings } = socket;
  switch (name) {
    case ipOption.hopLimit:
      return setInteger(socket, -1, 255, (value) => {
        settings.hopLimit = Math.max(value, 0);
      });
    case ipOption.trafficClass:
      return setInteger(socket, 0, 255, (value) => {
        settings.trafficClass = value;
      });
    case ipOption.mtuDiscover:
      return setMtuDiscovery(socket);
    case ipOption.multicastHopLimit:
      return setMulticastHopLimit(socket);
    case ipOption.multicastLoop:
      return setBoolean(socket, (value) => {
        settings.multicastLoop = value;
      });
    case ipOption.multicastInterface:
      return setMulticastInterfaceV4(socket);
    case ipOption.join:
    case ipOption.leave:
      return membershipV4(socket, name === ipOption.join);
    case ipOption.joinSource:
    case ipOption.leaveSource:
      return sourceMembershipV4(socket, name === ipOption.joinSource);
    default:
      return setGroup(socket, name);
  }
}

function setIpv6Level(socket: DatagramOptionTarget, name: number): number {
  const { settings } = socket;
  switch (name) {
    case ipv6Option.hopLimit:
      return setInteger(socket, -1, 255, (value) => {
        settings.hopLimit = Math.max(value, 0);
      });
    case ipv6Option.trafficClass:
      return setInteger(socket, -1, 255, (value) => {
        settings.trafficClass = Math.max(value, 0);
      });
    case ipv6Option.mtuDiscover:
      return setMtuDiscovery(socket);
    case ipv6Option.multicastHopLimit:
      return setMulticastHopLimit(socket);
    case ipv6Option.multicastLoop:
      return setBoolean(socket, (value) => {
        settings.multicastLoop = value;
      });
    case ipv6Option.multicastInterface:
      return setInteger(socket, 0, 0x7fffffff, (value) => {
        settings.multicastInterface = value;
      });
    case ipv6Option.join:
    case ipv6Option.leave:
      return membershipV6(socket, name === ipv6Option.join);
    case ipv6Option.v6Only:
      return 0; // comes with BIND
    default:
      return setGroup(socket, name);
  }
}

function setGroup(socket: DatagramOptionTarget, name: number): number {
  switch (name) {
    case groupOption.join:
    case groupOption.leave:
      return membershipOfGroup(socket, name === groupOption.join, false);
    case groupOption.joinSource:
    case groupOption.leaveSource:
      return membershipOfGroup(socket, name === groupOption.joinSource, true);
    default:
      return errno.ENOPROTOOPT;
  }
}

function setMulticastHopLimit(socket: DatagramOptionTarget): number {
  return setInteger(socket, -1, 255, (value) => {
    socket.settings.multicastHopLimit = value < 0 ? 1 : value;
  });
}

function setMtuDiscovery(socket: DatagramOptionTarget): number {
  return setInteger(socket, mtuDiscovery.never, mtuDiscovery.probe, (value) => {
    socket.settings.dontFragment = value >= mtuDiscovery.always;
  });
}

/** IP_MULTICAST_IF: struct in_addr, ip_mreq or ip_mreqn. */
function setMulticastInterfaceV4(socket: DatagramOptionTarget): number {
  const length = valueLength(socket);
  if (length < 4) return errno.EINVAL;
  const index = readInterfaceV4(socket, length < 8 ? 0 : 4);
  if (index === undefined) return errno.EADDRNOTAVAIL;
  socket.settings.multicastInterface = index;
  return 0;
}

/** Answers with an option's value. @returns 0 or an errno */
export function getDatagramOption(
  socket: DatagramOptionTarget,
  atLevel: number,
  name: number,
): number {
  switch (atLevel) {
    case level.socket:
      return name === socketOption.broadcast
        ? replyInteger(socket, Number(socket.settings.broadcast))
        : errno.ENOPROTOOPT;
    case level.ip:
      return getIpLevel(socket, name);
    case level.ipv6:
      return getIpv6Level(socket, name);
    default:
      return errno.ENOPROTOOPT;
  }
}

function getIpLevel(socket: DatagramOptionTarget, name: number): number {
  const { settings } = socket;
  switch (name) {
    case ipOption.hopLimit:
      return replyInteger(socket, settings.hopLimit || defaultHopLimit);
    case ipOption.trafficClass:
      return replyInteger(socket, settings.trafficClass);
    case ipOption.multicastHopLimit:
      return replyInteger(socket, settings.multicastHopLimit);
    case ipOption.multicastLoop:
      return replyInteger(socket, Number(settings.multicastLoop));
    case ipOption.multicastInterface:
      return replyV4(socket, multicastSource(socket));
    case ipOption.mtuDiscover:
      return replyInteger(socket, discovery(settings));
    case ipOption.mtu:
      return replyMtu(socket);
    default:
      return errno.ENOPROTOOPT;
  }
}

function getIpv6Level(socket: DatagramOptionTarget, name: number): number {
  const { settings } = socket;
  switch (name) {
    case ipv6Option.hopLimit:
      return replyInteger(socket, settings.hopLimit || defaultHopLimit);
    case ipv6Option.trafficClass:
      return replyInteger(socket, settings.trafficClass);
    case ipv6Option.multicastHopLimit:
      return replyInteger(socket, settings.multicastHopLimit);
    case ipv6Option.multicastLoop:
      return replyInteger(socket, Number(settings.multicastLoop));
    case ipv6Option.multicastInterface:
      return replyInteger(socket, settings.multicastInterface);
    case ipv6Option.mtuDiscover:
      return replyInteger(socket, discovery(settings));
    case ipv6Option.mtu:
      return replyMtu(socket);
    default:
      return errno.ENOPROTOOPT;
  }
}

function discovery(settings: UdpSettings): number {
  return settings.dontFragment ? mtuDiscovery.always : mtuDiscovery.want;
}

/** The address that multicast is sent from: of the chosen interface, else the wildcard. */
function multicastSource(socket: DatagramOptionTarget): IpAddress {
  const { multicastInterface } = socket.settings;
  if (multicastInterface === 0) return anyV4;
  const allHosts = IpAddress.v4(0xe0000001);
  const route = socket.host.parts.network.route(allHosts, undefined, multicastInterface);
  return typeof route === 'string' ? anyV4 : route.source;
}

function replyMtu(socket: DatagramOptionTarget): number {
  const { peer } = socket;
  if (peer === null) return errno.ENOTCONN;
  const route = socket.host.parts.network.route(peer.address, undefined, peer.scope);
  return typeof route === 'string' ? errno[route] : replyInteger(socket, route.mtu);
}
