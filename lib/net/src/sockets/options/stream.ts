/** Options of TCP sockets. */
import { errno } from '../../errors.ts';
import type { TcpConnection, TcpSettings } from '../../tcp/types.ts';
import { field } from '../block.ts';
import type { ServiceSocket } from '../host.ts';
import {
  ipOption,
  ipv6Option,
  keepAliveMost,
  level,
  mtuDiscovery,
  socketOption,
  tcpOption,
} from './numbers.ts';
import { readText, replyBytes, replyInteger, replyText, setBoolean, setInteger } from './values.ts';

/** ENOENT, which setsockopt(2) gives for a congestion control that there is not. */
const noEntry = 2;

/** Linux's TCP_CA_NAME_MAX. */
const congestionNameSize = 16;

/** TCP_MAXSEG: Linux's TCP_MIN_MSS and MAX_TCP_WINDOW. */
const leastSegment = 88;
const mostSegment = 32767;

/** Default hop limit (IP_DEFAULT_TTL). */
export const defaultHopLimit = 64;

/** Sets an option whose value came with the request. @returns 0 or an errno */
export function setStreamOption(
  socket: ServiceSocket,
  settings: TcpSettings,
  atLevel: number,
  name: number,
): number {
  switch (atLevel) {
    case level.socket:
      return setSocketLevel(socket, settings, name);
    case level.tcp:
      return setTcpLevel(socket, settings, name);
    case level.ip:
      return setIpLevel(socket, settings, name);
    case level.ipv6:
      return setIpv6Level(socket, settings, name);
    default:
      return errno.ENOPROTOOPT;
  }
}

function setSocketLevel(socket: ServiceSocket, settings: TcpSettings, name: number): number {
  const { words, block } = socket;
  switch (name) {
    case socketOption.keepAlive:
      return setBoolean(socket, (value) => {
        settings.keepAlive = value;
      });
    case socketOption.sendBuffer:
    case socketOption.sendBufferForce:
      // The kernel has put the size, doubled and bounded, into the block.
      settings.sendBuffer = words[block + field.sendBuffer] as number;
      if (settings.sendBuffer > 0) words[block + field.sendLimit] = settings.sendBuffer;
      return 0;
    case socketOption.receiveBuffer:
    case socketOption.receiveBufferForce:
      settings.receiveBuffer = words[block + field.receiveBuffer] as number;
      return 0;
    case socketOption.reuseAddress:
    case socketOption.reusePort:
    case socketOption.linger:
    case socketOption.broadcast:
      return 0; // the kernel keeps them: they come with BIND and with the close
    default:
      return errno.ENOPROTOOPT;
  }
}

function setTcpLevel(socket: ServiceSocket, settings: TcpSettings, name: number): number {
  switch (name) {
    case tcpOption.noDelay:
      return setBoolean(socket, (value) => {
        settings.noDelay = value;
      });
    case tcpOption.cork:
      return setBoolean(socket, (value) => {
        settings.cork = value;
      });
    case tcpOption.quickAck:
      return setBoolean(socket, (value) => {
        settings.quickAck = value;
      });
    case tcpOption.maximumSegment:
      return setInteger(socket, 0, mostSegment, (value) => {
        settings.maximumSegment = value === 0 ? 0 : Math.max(value, leastSegment);
      });
    case tcpOption.keepIdle:
      return setInteger(socket, 1, keepAliveMost.seconds, (value) => {
        settings.keepAliveIdle = value;
      });
    case tcpOption.keepInterval:
      return setInteger(socket, 1, keepAliveMost.seconds, (value) => {
        settings.keepAliveInterval = value;
      });
    case tcpOption.keepCount:
      return setInteger(socket, 1, keepAliveMost.count, (value) => {
        settings.keepAliveCount = value;
      });
    case tcpOption.userTimeout:
      return setInteger(socket, 0, 0x7fffffff, (value) => {
        settings.userTimeout = value;
      });
    case tcpOption.congestion: {
      const wanted = readText(socket);
      if (wanted !== 'cubic' && wanted !== 'reno') return noEntry;
      settings.congestion = wanted;
      return 0;
    }
    default:
      return errno.ENOPROTOOPT;
  }
}

function setIpLevel(socket: ServiceSocket, settings: TcpSettings, name: number): number {
  switch (name) {
    case ipOption.hopLimit:
      return setInteger(socket, -1, 255, (value) => {
        settings.hopLimit = Math.max(value, 0);
      });
    case ipOption.trafficClass:
      return setInteger(socket, 0, 255, (value) => {
        // The ECN bits are TCP's (RFC 3168, section 6.1).
        settings.trafficClass = value & ~3;
      });
    case ipOption.mtuDiscover:
      // TCP always discovers the path's MTU.
      return setInteger(socket, mtuDiscovery.want, mtuDiscovery.always, () => {});
    default:
      return errno.ENOPROTOOPT;
  }
}

function setIpv6Level(socket: ServiceSocket, settings: TcpSettings, name: number): number {
  switch (name) {
    case ipv6Option.hopLimit:
      return setInteger(socket, -1, 255, (value) => {
        settings.hopLimit = Math.max(value, 0);
      });
    case ipv6Option.trafficClass:
      return setInteger(socket, -1, 255, (value) => {
        settings.trafficClass = Math.max(value, 0) & ~3;
      });
    case ipv6Option.mtuDiscover:
      return setInteger(socket, mtuDiscovery.want, mtuDiscovery.always, () => {});
    case ipv6Option.v6Only:
      return 0; // comes with BIND
    default:
      return errno.ENOPROTOOPT;
  }
}

/** Answers with an option's value. @returns 0 or an errno */
export function getStreamOption(
  socket: ServiceSocket,
  settings: TcpSettings,
  connection: TcpConnection | null,
  atLevel: number,
  name: number,
): number {
  switch (atLevel) {
    case level.socket:
      return getSocketLevel(socket, settings, name);
    case level.tcp:
      return getTcpLevel(socket, settings, connection, name);
    case level.ip:
      return getIpLevel(socket, settings, connection, name);
    case level.ipv6:
      return getIpv6Level(socket, settings, connection, name);
    default:
      return errno.ENOPROTOOPT;
  }
}

function getSocketLevel(socket: ServiceSocket, settings: TcpSettings, name: number): number {
  switch (name) {
    case socketOption.keepAlive:
      return replyInteger(socket, Number(settings.keepAlive));
    case socketOption.sendBuffer:
      return replyInteger(socket, socket.words[socket.block + field.sendLimit] as number);
    case socketOption.receiveBuffer:
      return replyInteger(socket, settings.receiveBuffer || defaultReceiveBuffer);
    default:
      return errno.ENOPROTOOPT;
  }
}

/** What SO_RCVBUF says while it tunes itself: Linux's net.ipv4.tcp_rmem, middle value. */
const defaultReceiveBuffer = 131072;

function getTcpLevel(
  socket: ServiceSocket,
  settings: TcpSettings,
  connection: TcpConnection | null,
  name: number,
): number {
  switch (name) {
    case tcpOption.noDelay:
      return replyInteger(socket, Number(settings.noDelay));
    case tcpOption.cork:
      return replyInteger(socket, Number(settings.cork));
    case tcpOption.quickAck:
      return replyInteger(socket, Number(settings.quickAck));
    case tcpOption.maximumSegment:
      return replyInteger(socket, settings.maximumSegment || 536);
    case tcpOption.keepIdle:
      return replyInteger(socket, settings.keepAliveIdle);
    case tcpOption.keepInterval:
      return replyInteger(socket, settings.keepAliveInterval);
    case tcpOption.keepCount:
      return replyInteger(socket, settings.keepAliveCount);
    case tcpOption.userTimeout:
      return replyInteger(socket, settings.userTimeout);
    case tcpOption.congestion:
      return replyText(socket, settings.congestion, congestionNameSize);
    case tcpOption.info:
      return replyBytes(socket, (into) =>
        connection === null ? closedInfo(into) : connection.info(into),
      );
    default:
      return errno.ENOPROTOOPT;
  }
}

/** struct tcp_info of a socket without a connection: all zero but the state, TCP_CLOSE. */
function closedInfo(into: Uint8Array): number {
  const size = 232;
  const closeState = 7;
  into.fill(0, 0, size);
  into[0] = closeState;
  return size;
}

function getIpLevel(
  socket: ServiceSocket,
  settings: TcpSettings,
  connection: TcpConnection | null,
  name: number,
): number {
  switch (name) {
    case ipOption.hopLimit:
      return replyInteger(socket, settings.hopLimit || defaultHopLimit);
    case ipOption.trafficClass:
      return replyInteger(socket, settings.trafficClass);
    case ipOption.mtuDiscover:
      return replyInteger(socket, mtuDiscovery.want);
    case ipOption.mtu:
      return replyMtu(socket, connection);
    default:
      return errno.ENOPROTOOPT;
  }
}

function getIpv6Level(
  socket: ServiceSocket,
  settings: TcpSettings,
  connection: TcpConnection | null,
  name: number,
): number {
  switch (name) {
    case ipv6Option.hopLimit:
      return replyInteger(socket, settings.hopLimit || defaultHopLimit);
    case ipv6Option.trafficClass:
      return replyInteger(socket, settings.trafficClass);
    case ipv6Option.mtuDiscover:
      return replyInteger(socket, mtuDiscovery.want);
    case ipv6Option.mtu:
      return replyMtu(socket, connection);
    default:
      return errno.ENOPROTOOPT;
  }
}

function replyMtu(socket: ServiceSocket, connection: TcpConnection | null): number {
  if (connection === null) return errno.ENOTCONN;
  const { local, remote } = connection;
  const route = socket.host.parts.network.route(remote.address, local.address, remote.scope);
  return typeof route === 'string' ? errno[route] : replyInteger(socket, route.mtu);
}
