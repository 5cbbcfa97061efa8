// WebSocket: each connection sends a short text, and the next when it is back.
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { ports } from './ports.ts';
import { Window, type WindowOptions, type WindowResult } from './window.ts';

const message = 'x'.repeat(64);

/**
 * Exchanges messages.
 * @throws Error when a connection breaks
 */
export async function echoMessages(options: WindowOptions): Promise<WindowResult> {
  const { host, connections, seconds } = options;
  const sockets = Array.from(
    { length: connections },
    () => new WebSocket(`ws://${host}:${ports.webSocket}`, { perMessageDeflate: false }),
  );
  await Promise.all(sockets.map((socket) => once(socket, 'open')));
  const window = new Window(seconds);
  const lane = (socket: WebSocket) =>
    new Promise<void>((resolve, reject) => {
      let sent = performance.now();
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('A connection was closed.')));
      socket.on('message', () => {
        window.count(sent);
        if (!window.isOpen) return resolve();
        sent = performance.now();
        socket.send(message);
      });
      socket.send(message);
    });
  await Promise.all(sockets.map(lane));
  return window.result();
}
