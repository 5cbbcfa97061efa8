// Tasks with very many connections.
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Connections to an echo server. */
export interface ConnectionsTask {
  readonly host: string;
  readonly port: number;
  readonly count: number;
}

/** How many connections are being opened at a time: more fill the other end's backlog. */
const atOnce = 50;
const attempts = 5;

async function open(host: string, port: number): Promise<net.Socket> {
  for (let attempt = 1; ; attempt++) {
    const socket = net.connect({ host, port });
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if (attempt === attempts) throw error;
      await sleep(100 * attempt);
    }
  }
}

/** Runs `work` `count` times, some at a time. */
async function repeat(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
}

/** Closes in both directions. */
async function close(socket: net.Socket): Promise<void> {
  const closed = once(socket, 'close');
  socket.end();
  await closed;
}

/** Sends a line and waits for it to come back. */
async function useOnce(socket: net.Socket, index: number): Promise<void> {
  const line = `connection ${index}\n`;
  let received = '';
  socket.setEncoding('latin1');
  const answered = new Promise<void>((resolve, reject) => {
    socket.on('data', (text) => {
      received += text;
      if (received.length >= line.length) resolve();
    });
    socket.once('close', () => reject(new Error(`Connection ${index} was closed early.`)));
  });
  socket.write(line);
  await answered;
  if (received !== line) throw new Error(`Connection ${index} gave ${JSON.stringify(received)}.`);
}

/** What a test can ask for. */
export const connectionTasks = {
  /** Opens connections, leaves them idle for a while, uses every one, and closes them. */
  async hold({ host, port, count, idle }: ConnectionsTask & { readonly idle: number }) {
    const sockets: net.Socket[] = [];
    await repeat(count, async () => {
      sockets.push(await open(host, port));
    });
    await sleep(idle);
    await repeat(count, (index) => useOnce(sockets[index]!, index));
    await repeat(count, (index) => close(sockets[index]!));
    return sockets.length;
  },

  /** Connects, uses and closes, again and again. */
  async churn({ host, port, count }: ConnectionsTask) {
    let done = 0;
    await repeat(count, async (index) => {
      const socket = await open(host, port);
      await useOnce(socket, index);
      await close(socket);
      done++;
    });
    return done;
  },
};
