/** TCP listeners of services. */
import type {
  PortBinding,
  TcpConnection as StackConnection,
  TcpListener as StackListener,
  TcpListenerEvents,
  TcpUser,
} from '@runtimejs/net/tcp/types.ts';
import { remote } from '@runtimejs/rpc/calls/reference.ts';
import type { Served } from '@runtimejs/rpc/calls/types.ts';
import { Arrivals } from './arrivals.ts';
import { type ClientSockets, fromEndpoint, type SocketsHost, socketError } from './host.ts';
import { ServiceTcpSocket, tcpMethods, tcpSettings } from './tcp-socket.ts';
import type { AcceptedConnection, SocketAddress, TcpListener } from './types.ts';

/** Handshakes that may be under way, and connections that wait for the service. */
const backlog = 128;

/** What is called from the other side. */
export const listenerMethods = ['local', 'connections', 'close'] as const;

/** One listener. */
export class ServiceTcpListener implements Served<TcpListener>, TcpListenerEvents {
  readonly #host: SocketsHost;
  readonly #owner: ClientSockets;
  readonly #listener: StackListener;
  readonly #arrivals = new Arrivals<ServiceTcpSocket>(
    backlog,
    () => 1,
    () => this.#closeUnwanted(),
  );
  #isClosed = false;
  #isUnwanted = false;

  /** Within a turn of the stack. @throws Error with the stack's code */
  constructor(host: SocketsHost, owner: ClientSockets, binding: PortBinding) {
    this.#host = host;
    this.#owner = owner;
    const listener = host.network.tcp.listen(binding, backlog, tcpSettings(), this);
    if (typeof listener === 'string') {
      const { local } = binding;
      binding.release();
      throw socketError('listen', listener, local);
    }
    this.#listener = listener;
    owner.add(this);
  }

  local(): SocketAddress {
    return fromEndpoint(this.#listener.local);
  }

  connections(): AsyncIterable<AcceptedConnection> {
    const arrivals = this.#arrivals.read();
    return {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          const { value } = await arrivals.next();
          if (value === undefined) return { done: true, value };
          const released = (): void => value.released();
          return {
            done: false,
            value: {
              connection: remote(value, tcpMethods, { released }),
              local: value.local(),
              remote: value.remote(),
            } as unknown as AcceptedConnection,
          };
        },
        return: async () => {
          await arrivals.return();
          return { done: true, value: undefined };
        },
      }),
    };
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#owner.delete(this);
    const waiting = this.#arrivals.end(undefined, true);
    void this.#host.inTurn(() => {
      this.#listener.close();
      for (const each of waiting) each.reset();
    });
  }

  /** The service has no reference any more: what it still reads goes on. */
  released(): void {
    this.#isUnwanted = true;
    this.#closeUnwanted();
  }

  #closeUnwanted(): void {
    if (this.#isUnwanted && !this.#arrivals.isRead) this.close();
  }

  // TcpListenerEvents

  waiting(): number {
    return this.#arrivals.length;
  }

  accept(connection: StackConnection): TcpUser | null {
    if (this.#isClosed || !this.#owner.hasRoom || this.#arrivals.length >= backlog) return null;
    const socket = ServiceTcpSocket.create(this.#host, this.#owner);
    if (socket === undefined) return null;
    socket.attach(connection);
    this.#arrivals.push(socket);
    return socket;
  }
}
