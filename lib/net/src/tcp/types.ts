/** What TCP and its users, the sockets, ask of each other. */
import type { Endpoint } from '../address.ts';
import type { SocketError } from '../errors.ts';
import type { ReceiveRing, SendRing } from '../storage/ring.ts';

/** What a connection tells its user. Called from within the stack; must not throw. */
export interface TcpEvents {
  /** An active open is established (passive ones are when they are offered). */
  established(): void;
  /** Bytes were added to the receive ring. */
  receivable(): void;
  /** Acknowledged bytes were taken from the send ring. */
  sendable(): void;
  /** The peer's FIN: nothing follows what is in the receive ring. */
  receiveEnded(): void;
  /** The connection is gone: reset, timed out, refused. Nothing follows. */
  failed(error: SocketError): void;
  /** All was sent and acknowledged, FIN included, and the peer's FIN came (or the connection was
   * aborted): the rings are not used any more. TIME_WAIT may go on without them. */
  closed(): void;
}

/** Buffers and listener of a connection. */
export interface TcpUser {
  readonly send: SendRing;
  readonly receive: ReceiveRing;
  readonly events: TcpEvents;
}

/** Options that an app sets; defaults as Linux has them. */
export interface TcpSettings {
  noDelay: boolean;
  keepAlive: boolean;
  /** Seconds: TCP_KEEPIDLE 7200, TCP_KEEPINTVL 75; TCP_KEEPCNT 9. */
  keepAliveIdle: number;
  keepAliveInterval: number;
  keepAliveCount: number;
  /** TCP_USER_TIMEOUT in ms, 0: the default. */
  userTimeout: number;
  /** TCP_MAXSEG, 0: from the MTU. */
  maximumSegment: number;
  /** TCP_CONGESTION. */
  congestion: 'cubic' | 'reno';
  /** IP_TTL or IPV6_UNICAST_HOPS, 0: 64. IP_TOS or IPV6_TCLASS. */
  hopLimit: number;
  trafficClass: number;
  /** Most bytes that the receive ring may hold: bounds the window; 0: tuned by itself. */
  receiveBuffer: number;
  /** The same for the send ring; 0: tuned by itself. */
  sendBuffer: number;
  quickAck: boolean;
  cork: boolean;
}

/** A connection from the side of its user. */
export interface TcpConnection {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly settings: TcpSettings;
  /** The user added bytes to the send ring. */
  sendMore(): void;
  /** The user took bytes from the receive ring: a window update may be due. */
  received(): void;
  /** FIN after what is in the send ring. */
  shutdownSend(): void;
  /** The user is gone: send what is left, then FIN; data that arrives is answered by RST (RFC 9293, 3.6.1). */
  close(): void;
  /** RST, and gone. closed() is not called. */
  abort(): void;
  /** Settings were changed. */
  settingsChanged(): void;
  /** How many bytes the send ring should be allowed to hold now (autotuning; twice the congestion window or so). */
  readonly sendTarget: number;
  /** Bytes after which a reader should be heard of (receive_notify): Infinity when no window update is
   * waited for. */
  readonly windowUpdateAfter: number;
  /** Nothing is in flight, and no bytes ahead of a gap lie in the receive ring: rings that are empty may be
   * freed. */
  readonly isQuiescent: boolean;
  /** Linux's struct tcp_info in its first 232 bytes; returns how many were written. */
  info(into: Uint8Array): number;
}

/** A passive open. */
export interface TcpListener {
  readonly local: Endpoint;
  /** Changes the backlog. */
  setBacklog(backlog: number): void;
  close(): void;
}

/** What a listener asks of its user. */
export interface TcpListenerEvents {
  /** How many offered connections wait to be accepted: against the backlog. */
  waiting(): number;
  /**
   * A handshake is complete.
   * @returns the user of the connection, or null when it cannot be had (no memory): it is dropped, and the
   * peer sends its acknowledgement again
   */
  accept(connection: TcpConnection): TcpUser | null;
}

/** How a local address and port may be shared (socket(7)). */
export interface BindFlags {
  readonly reuseAddress: boolean;
  readonly reusePort: boolean;
  /** IPV6_V6ONLY: :: does not take IPv4 too. */
  readonly v6Only: boolean;
}

/** A local address and port that are taken; release() exactly once. */
export interface PortBinding {
  readonly local: Endpoint;
  readonly flags: BindFlags;
  release(): void;
}

/** TCP. */
export interface TcpApi {
  /**
   * Takes a local address and port.
   * @param local port 0 has a random ephemeral one chosen
   * @returns the binding, or EADDRINUSE, EADDRNOTAVAIL
   */
  bind(local: Endpoint, flags: BindFlags): PortBinding | SocketError;
  /**
   * Begins an active open.
   * @param binding a binding made before, or null; it belongs to the connection from now on
   * @returns the connection, or why none can begin: ENETUNREACH, EADDRNOTAVAIL, EADDRINUSE...
   */
  connect(
    remote: Endpoint,
    binding: PortBinding | null,
    user: TcpUser,
    settings: TcpSettings,
  ): TcpConnection | SocketError;
  /** Listens on a binding, which belongs to the listener from now on. */
  listen(
    binding: PortBinding,
    backlog: number,
    settings: TcpSettings,
    events: TcpListenerEvents,
  ): TcpListener | SocketError;
}
