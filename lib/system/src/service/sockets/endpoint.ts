/**
 * The network stack as an endpoint of services: `sockets`. For the configuration of a composition's network:
 *
 * ```ts
 * network({ drivers: [virtioNet], configuration: [automatic(), sockets()] })
 * ```
 */
import { largestBlock, RingMemory } from '@runtimejs/http/server/ring-memory.ts';
import { remote } from '@runtimejs/rpc/calls/reference.ts';
import type { Reference, Served } from '@runtimejs/rpc/calls/types.ts';
import type { SystemContext } from '../../compose.ts';
import { nearPair, serveClient } from '../serve.ts';
import { ClientSockets, type SocketNetwork, SocketsHost, socketError, toEndpoint } from './host.ts';
import { listenerMethods, ServiceTcpListener } from './tcp-listener.ts';
import { ServiceTcpSocket, tcpMethods, tcpSettings } from './tcp-socket.ts';
import type { SocketAddress, Sockets, TcpConnection, TcpListener, UdpSocket } from './types.ts';
import { ServiceUdpSocket, udpMethods } from './udp-socket.ts';

/** Most bytes of rings of all connections of services together. */
const ringMemory = 32 * 1024 * 1024;

/** Offers it: a Configuration of network(), and of a bare app's network. */
export function sockets(): (network: SocketNetwork, context: SystemContext) => void {
  return (network, { bindings, memory, switchboard }) => {
    const rings = new RingMemory(memory, ringMemory, () => {
      try {
        return bindings.arena.allocate(largestBlock, 0, { offset: 0, size: 0, physical: 0 }).offset;
      } catch {
        return undefined;
      }
    });
    const host = new SocketsHost(network, rings, () => bindings.loop.again());
    switchboard.offer({
      name: 'sockets',
      isFar: false,
      pair: nearPair,
      serve: (channel, name) =>
        serveClient(channel, name, (client) => {
          const owner = new ClientSockets();
          client.onGone(() => owner.end());
          return serveSockets(host, owner);
        }),
    });
  };
}

/** The endpoint for one life of a service. */
export function serveSockets(host: SocketsHost, owner: ClientSockets): Served<Sockets> {
  const { tcp, udp } = host.network;
  return {
    async udp(local = {}) {
      owner.checkRoom('udp');
      const binding = await host.bind(udp, 'bind', local, false);
      const socket = new ServiceUdpSocket(host, owner, binding);
      return refer<UdpSocket>(socket, udpMethods);
    },
    async listen(local) {
      owner.checkRoom('listen');
      const binding = await host.bind(tcp, 'listen', local, true);
      const listener = await host.inTurn(() => new ServiceTcpListener(host, owner, binding));
      return refer<TcpListener>(listener, listenerMethods);
    },
    async connect(to) {
      owner.checkRoom('connect');
      return refer<TcpConnection>(await connect(host, owner, to), tcpMethods);
    },
  };
}

async function connect(
  host: SocketsHost,
  owner: ClientSockets,
  to: SocketAddress,
): Promise<ServiceTcpSocket> {
  const target = toEndpoint(to);
  const socket = ServiceTcpSocket.create(host, owner);
  if (socket === undefined) throw socketError('connect', 'ENOBUFS', target);
  const connection = await host.configured(() =>
    socket.isClosed
      ? 'ECONNABORTED'
      : host.network.tcp.connect(target, null, socket, tcpSettings()),
  );
  if (typeof connection === 'string') {
    socket.discard();
    throw socketError('connect', connection, target);
  }
  await socket.establish(connection);
  return socket;
}

function refer<Interface>(
  socket: Served<Interface> & { released(): void },
  methods: readonly string[],
): Reference<Interface> {
  return remote(socket, methods as never, {
    released: () => socket.released(),
  }) as unknown as Reference<Interface>;
}
