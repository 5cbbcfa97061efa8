/** Listening TCP sockets. */
import { errno } from '../errors.ts';
import { serviceFlagListening } from '../generated/shared-memory.ts';
import type {
  PortBinding,
  TcpConnection,
  TcpListener,
  TcpListenerEvents,
  TcpSettings,
  TcpUser,
} from '../tcp/types.ts';
import { field } from './block.ts';
import { ServiceSocket, type SocketHost, tcpState } from './host.ts';
import { getStreamOption, setStreamOption } from './options/stream.ts';
import { StreamSocket } from './stream.ts';

/** A TCP socket after listen(2). */
export class ListenerSocket extends ServiceSocket implements TcpListenerEvents {
  readonly #settings: TcpSettings;
  #listener: TcpListener | null = null;

  /** @param settings what accepted sockets begin with */
  constructor(host: SocketHost, id: number, settings: TcpSettings) {
    super(host, id);
    this.#settings = settings;
  }

  /**
   * Begins to listen.
   * @param binding taken over when this succeeds
   * @returns 0 or an errno
   */
  start(binding: PortBinding, backlog: number): number {
    const listener = this.host.parts.tcp.listen(binding, backlog, this.#settings, this);
    if (typeof listener === 'string') return errno[listener];
    this.#listener = listener;
    this.changeFlags(serviceFlagListening, 0);
    return 0;
  }

  get state(): number {
    return tcpState.listen;
  }

  attend(): void {
    this.handleRequest();
    if (!this.isClosed) return;
    this.#listener?.close();
    this.#listener = null;
    this.host.release(this);
  }

  // TcpListenerEvents

  waiting(): number {
    const { words, block } = this;
    const offered = words[block + field.acceptOffered] as number;
    return (offered - Atomics.load(words, block + field.acceptTaken)) >>> 0;
  }

  accept(connection: TcpConnection): TcpUser | null {
    if (this.isClosed) return null;
    const id = this.host.parts.broker.accept(this.id);
    if (id <= 0) {
      this.host.counters.acceptFailed = (this.host.counters.acceptFailed ?? 0) + 1;
      return null;
    }
    const socket = new StreamSocket(this.host, id);
    this.host.replace(socket);
    Atomics.add(this.words, this.block + field.acceptOffered, 1);
    socket.adopt(connection);
    return socket;
  }

  // Requests

  protected override bind(): number {
    return errno.EINVAL;
  }

  protected override connect(): number {
    return errno.EISCONN;
  }

  protected override listen(backlog: number): number {
    this.#listener?.setBacklog(backlog);
    return 0;
  }

  protected override autobind(): number {
    return 0;
  }

  protected override setOption(level: number, name: number): number {
    return setStreamOption(this, this.#settings, level, name);
  }

  protected override getOption(level: number, name: number): number {
    return getStreamOption(this, this.#settings, null, level, name);
  }
}
