/** ICMP echo over the kernel's sockets for it (icmp(7)): what `ping` does. */
import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';

/** Where a ping goes, and how. */
export interface PingOptions {
  /** How long to wait for an answer, in milliseconds; by default 1000. */
  readonly timeout?: number;
  /** Bytes of payload, 0 to 1024; by default 56. */
  readonly size?: number;
  /** 4 or 6; by default whatever the name has, 4 first. */
  readonly family?: 4 | 6;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
}

/** One answer. */
export interface PingReply {
  /** Who answered. */
  readonly address: string;
  readonly sequence: number;
  /** Bytes of the answer, its header of 8 included. */
  readonly size: number;
  /** From the request to the answer. */
  readonly milliseconds: number;
}

/** A host to ping; made by createPinger(). */
export interface Pinger {
  readonly address: string;
  readonly family: 4 | 6;
  /**
   * Sends one request and waits for its answer.
   * @returns undefined when none came in time
   * @throws what the network says, such as EHOSTUNREACH
   */
  ping(): Promise<PingReply | undefined>;
  close(): void;
}

/** Types of messages (RFC 792, RFC 4443). */
const request = { 4: 8, 6: 128 } as const;
const reply = { 4: 0, 6: 129 } as const;
const headerBytes = 8;
const largestPayload = 1024;

/**
 * Opens what is needed to ping a host.
 * @param host name or address
 * @param openSocket opens a descriptor for a version of IP
 */
export async function openPinger(
  host: string,
  options: PingOptions,
  openSocket: (version: 4 | 6) => number,
): Promise<Pinger> {
  const { timeout = 1000, size = 56, family = 0, signal } = options;
  if (!(Number.isInteger(size) && size >= 0 && size <= largestPayload)) {
    throw new RangeError(`size: ${size} is not from 0 to ${largestPayload}`);
  }
  const target = await lookup(host, { family, order: 'ipv4first' });
  const version = target.family === 6 ? 6 : 4;
  const socket = createSocket(version === 6 ? 'udp6' : 'udp4');
  // A descriptor is taken at once: the event comes within bind().
  const isOpen = once(socket, 'listening');
  socket.bind({ fd: openSocket(version) });
  await isOpen;
  let sequence = 0;
  return {
    address: target.address,
    family: version,
    ping: () => {
      sequence = (sequence + 1) & 0xffff;
      return exchange(socket, {
        address: target.address,
        version,
        sequence,
        size,
        timeout,
        signal,
      });
    },
    close: () => socket.close(),
  };
}

interface Exchange {
  readonly address: string;
  readonly version: 4 | 6;
  readonly sequence: number;
  readonly size: number;
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

function exchange(socket: Socket, options: Exchange): Promise<PingReply | undefined> {
  const { address, version, sequence, size, timeout, signal } = options;
  const message = Buffer.alloc(headerBytes + size, 'Runtime.JS ');
  message.fill(0, 0, headerBytes);
  message[0] = request[version];
  message.writeUInt16BE(sequence, 6);
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      socket.off('message', onMessage);
      socket.off('error', onError);
      signal?.removeEventListener('abort', onAbort);
      settle();
    };
    const onMessage = (bytes: Buffer, from: { readonly address: string }): void => {
      const isOurs =
        bytes.length >= headerBytes &&
        bytes[0] === reply[version] &&
        bytes.readUInt16BE(6) === sequence;
      if (!isOurs) return; // a late answer to an earlier request
      const milliseconds = performance.now() - start;
      end(() => resolve({ address: from.address, sequence, size: bytes.length, milliseconds }));
    };
    const onError = (error: Error): void => end(() => reject(error));
    const onAbort = (): void => end(() => resolve(undefined));
    const timer = setTimeout(() => end(() => resolve(undefined)), timeout);
    socket.on('message', onMessage);
    socket.on('error', onError);
    signal?.addEventListener('abort', onAbort);
    // A ping socket has no port; dgram insists on one.
    socket.send(message, 1, address, (error) => {
      if (error) onError(error);
    });
  });
}
