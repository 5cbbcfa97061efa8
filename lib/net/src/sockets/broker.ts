/** What the socket service asks of the kernel's broker (native/abi/broker.abi.ts says how they share sockets). */

/** Rings of a socket, as Broker.resize() names them. */
export { directionReceive, directionSend } from '../generated/shared-memory.ts';

/** The broker. In the guest the kernel's bindings stand behind it, in tests a model of the kernel. */
export interface Broker {
  /**
   * Makes a socket for a connection that a listener got. It can be accepted once the service has
   * pushed it to the kernel's attention with RUNTIME_SERVICE_FLAG_CONNECTED set.
   * @param listener id of the listening socket
   * @returns the new socket's id, or a negative errno: ENOMEM, EINVAL (not a listener any more)
   */
  accept(listener: number): number;
  /**
   * Gives a ring another size, with its content kept.
   * @param direction directionSend or directionReceive
   * @param capacity bytes, a power of two; 0 frees the ring, which fails while it holds bytes
   * @returns 0 or a negative errno
   */
  resize(socket: number, direction: number, capacity: number): number;
  /** Has the kernel look at its attention list now. */
  notify(): void;
  /** The service is done with a closed socket: its block and rings are free. */
  release(socket: number): void;
  /** Publishes interfaces and addresses: RuntimePublishedInterface, each followed by its addresses. */
  publishInterfaces(bytes: Uint8Array): void;
  /** Publishes the content of a file that the kernel shows: `resolv.conf`, `net/tcp`... */
  publishFile(name: string, text: string): void;
}
