/** The endpoint `sockets`: UDP and TCP of the network stack, for services wherever they run. */
import type { Reference } from '@runtimejs/rpc/calls/types.ts';

/** An address with a port. */
export interface SocketAddress {
  /** Such as `192.168.1.5` or `2001:db8::5`. */
  readonly address: string;
  readonly port: number;
  /** Index of the interface, of a link-local address. */
  readonly scope?: number;
}

/** Where a socket is to be. */
export interface LocalAddress {
  /** By default every address of this machine, of both families. */
  readonly address?: string;
  /** By default one that is free. */
  readonly port?: number;
}

/**
 * What the endpoint `sockets` serves. Errors of the stack have codes as Node's have, such as `EADDRINUSE`. What a
 * service has opened is closed when it ends, in whichever way, and when it keeps no reference.
 */
export interface Sockets {
  /** Opens a UDP socket. */
  udp(local?: LocalAddress): Reference<UdpSocket>;
  /** Listens for TCP connections. @param local with its port */
  listen(local: LocalAddress): Reference<TcpListener>;
  /** Opens a TCP connection; waits for the network's configuration, and until the peer has answered. */
  connect(remote: SocketAddress): Reference<TcpConnection>;
}

/** A datagram that came. */
export interface Datagram {
  readonly bytes: Uint8Array;
  readonly from: SocketAddress;
}

/** A UDP socket. */
export interface UdpSocket {
  local(): SocketAddress;
  /** Sends a datagram of 65,507 bytes at most; waits while the stack has no room. */
  send(bytes: Uint8Array, to: SocketAddress): void;
  /** What comes, for one reader. What is not read waits, up to 256 KiB; further datagrams are dropped and counted. */
  datagrams(): AsyncIterable<Datagram>;
  /** How many were dropped. */
  dropped(): number;
  close(): void;
}

/** A connection that a listener has taken. */
export interface AcceptedConnection {
  readonly connection: Reference<TcpConnection>;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
}

/** A TCP listener. */
export interface TcpListener {
  local(): SocketAddress;
  /** What was connected, for one reader; up to 128 connections wait for it. */
  connections(): AsyncIterable<AcceptedConnection>;
  /** Listens no more. Connections stay that were taken; those that wait are reset. */
  close(): void;
}

/** A TCP connection. */
export interface TcpConnection {
  local(): SocketAddress;
  remote(): SocketAddress;
  /**
   * What the peer sends, for one reader, until it ends its side. Who reads slowly slows the peer. Fails with the error
   * of a connection that has failed.
   */
  data(): AsyncIterable<Uint8Array>;
  /** Sends bytes: done when all of them are in the ring, so that a slow peer slows who writes. */
  write(bytes: Uint8Array): void;
  /** Ends this side, after what was written. */
  end(): void;
  /** Ends both sides: what was written is sent; a peer that still sends is reset. */
  close(): void;
}
