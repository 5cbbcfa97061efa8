// TLS 1.3 handshakes, each a full one on a connection of its own: no session is resumed.
import { connect } from 'node:tls';
import { authority } from '../../guest/network/certificate.ts';
import { ports } from './ports.ts';
import { Window, type WindowOptions, type WindowResult } from './window.ts';

/** @throws Error of the first handshake that fails */
function shakeHands(host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: ports.https,
      ca: authority,
      servername: 'localhost', // the certificate names it, and not every address of a server here
      minVersion: 'TLSv1.3',
    });
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      socket.destroy();
      resolve();
    });
  });
}

/** Shakes hands again and again, on some connections at a time. */
export async function handshakes(options: WindowOptions): Promise<WindowResult> {
  const window = new Window(options.seconds);
  const lane = async () => {
    while (window.isOpen) {
      const start = performance.now();
      await shakeHands(options.host);
      window.count(start);
    }
  };
  await Promise.all(Array.from({ length: options.connections }, lane));
  return window.result();
}
