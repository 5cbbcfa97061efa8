// Tasks of a peer that behaves badly, and of an app that is slow.
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where the server is, and how often or how long. */
export interface BadPeerTask {
  readonly host: string;
  readonly port: number;
  readonly count: number;
}

/** Opens a connection whose later errors nobody minds. */
async function open({ host, port }: BadPeerTask): Promise<net.Socket> {
  const socket = net.connect({ host, port, allowHalfOpen: true });
  await once(socket, 'connect');
  socket.on('error', () => {});
  return socket;
}

const openMany = async (task: BadPeerTask): Promise<net.Socket[]> =>
  Promise.all(Array.from({ length: task.count }, () => open(task)));

/** What a test can ask for. */
export const badPeerTasks = {
  /** Opens connections and sends a request's header byte by byte, for some seconds; then goes away. */
  async slowLoris({ seconds, ...task }: BadPeerTask & { readonly seconds: number }) {
    const sockets = await openMany(task);
    const header = `GET / HTTP/1.1\r\nHost: ${task.host}\r\nX-Slow: ${'s'.repeat(1000)}`;
    for (let at = 0; at < seconds * 4; at++) {
      for (const socket of sockets) socket.write(header.charAt(at % header.length));
      await sleep(250);
    }
    for (const socket of sockets) socket.destroy();
    return sockets.length;
  },

  /**
   * Asks sources for more than fits anywhere and reads nothing, for some seconds.
   * @returns how many bytes had come to this end's sockets
   */
  async neverRead({ seconds, length, ...task }: BadPeerTask & NeverReadTask) {
    const sockets = await openMany(task);
    for (const socket of sockets) {
      socket.pause();
      socket.write(`${length} 1\n`);
    }
    await sleep(seconds * 1000);
    const came = sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
    for (const socket of sockets) socket.resetAndDestroy();
    return came;
  },

  /** Resets connections in the middle of a transfer, `count` times one after the other. */
  async resets(task: BadPeerTask & { readonly length: number }) {
    for (let round = 0; round < task.count; round++) {
      const socket = await open(task);
      socket.write(`${task.length} 1\n`);
      await once(socket, 'data');
      socket.resetAndDestroy();
    }
    return task.count;
  },

  /**
   * Keeps echo connections busy until they end or the time is over.
   * @returns how many ended before that
   */
  async endings({ seconds, ...task }: BadPeerTask & { readonly seconds: number }) {
    const sockets = await openMany(task);
    let ended = 0;
    for (const socket of sockets) {
      socket.on('data', () => {});
      socket.on('close', () => ended++);
    }
    for (let waited = 0; waited < seconds * 10 && ended < sockets.length; waited++) {
      for (const socket of sockets) if (!socket.destroyed) socket.write('more');
      await sleep(100);
    }
    for (const socket of sockets) socket.destroy();
    return ended;
  },

  /** Sends a datagram. */
  async datagram({ host, port, text }: { host: string; port: number; text: string }) {
    const { createSocket } = await import('node:dgram');
    const socket = createSocket(net.isIPv6(host) ? 'udp6' : 'udp4');
    await new Promise<void>((resolve) => socket.send(text, port, host, () => resolve()));
    socket.close();
    return true;
  },

  /** Keeps this process from everything else for some seconds. */
  async block({ seconds }: { seconds: number }) {
    const end = performance.now() + seconds * 1000;
    let rounds = 0;
    while (performance.now() < end) rounds++;
    return rounds > 0;
  },
};

interface NeverReadTask {
  readonly seconds: number;
  /** What each connection asks for, in bytes. */
  readonly length: number;
}
