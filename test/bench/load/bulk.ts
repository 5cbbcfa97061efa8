// One TCP connection that moves bytes.
import { once } from 'node:events';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { ports } from './ports.ts';

/** How much to move. */
export interface BulkOptions {
  readonly host: string;
  readonly bytes: number;
}

const megabytesPerSecond = (bytes: number, start: number) =>
  bytes / 1000 / (performance.now() - start);

/**
 * Sends to the sink.
 * @returns megabytes (10^6) per second
 * @throws Error when other than all bytes arrived
 */
export async function bulkSend({ host, bytes }: BulkOptions): Promise<number> {
  const socket = net.connect({ host, port: ports.sink, allowHalfOpen: true });
  await once(socket, 'connect');
  const start = performance.now();
  const chunk = Buffer.alloc(64 * 1024, 'x');
  for (let left = bytes; left > 0; left -= chunk.length) {
    const piece = left >= chunk.length ? chunk : chunk.subarray(0, left);
    if (!socket.write(piece)) await once(socket, 'drain');
  }
  socket.end();
  const received = Number(await text(socket));
  if (received !== bytes) throw new Error(`${received} of ${bytes} bytes arrived.`);
  return megabytesPerSecond(bytes, start);
}

/**
 * Reads from the source.
 * @returns megabytes (10^6) per second
 * @throws Error when other than all bytes arrived
 */
export async function bulkReceive({ host, bytes }: BulkOptions): Promise<number> {
  const socket = net.connect({ host, port: ports.source });
  await once(socket, 'connect');
  const start = performance.now();
  socket.write(`${bytes}\n`);
  let received = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) received += chunk.length;
  if (received !== bytes) throw new Error(`${received} of ${bytes} bytes arrived.`);
  return megabytesPerSecond(bytes, start);
}
