// UDP: a number of short datagrams is under way, and each comes back. What does not is given up and counted.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { ports } from './ports.ts';
import { Window, type WindowOptions, type WindowResult } from './window.ts';

const length = 64;
/** A datagram that is not back after this time is lost, in ms. */
const patience = 500;
const checkEvery = 50;

/** Sends datagrams to the server that sends them back. */
export async function echoDatagrams(
  options: WindowOptions,
): Promise<WindowResult & { readonly lost: number }> {
  const { host, connections: inFlight, seconds } = options;
  const socket = createSocket('udp4');
  socket.connect(ports.datagrams, host);
  await once(socket, 'connect');
  const underWay = new Map<number, number>();
  let next = 0;
  let lost = 0;
  const window = new Window(seconds);
  const send = () => {
    const datagram = Buffer.alloc(length);
    datagram.writeUInt32LE(next);
    underWay.set(next++, performance.now());
    socket.send(datagram);
  };
  socket.on('error', () => {}); // what is refused is lost
  socket.on('message', (datagram) => {
    const number = datagram.readUInt32LE();
    const sent = underWay.get(number);
    if (sent === undefined) return; // given up before
    underWay.delete(number);
    window.count(sent);
    if (window.isOpen) send();
  });
  for (let count = 0; count < inFlight; count++) send();
  while (window.isOpen) {
    await sleep(Math.min(checkEvery, window.left));
    for (const [number, sent] of underWay) {
      if (performance.now() - sent < patience) break; // in the order they were sent
      underWay.delete(number);
      lost++;
      if (window.isOpen) send();
    }
  }
  socket.close();
  return { ...window.result(), lost };
}
