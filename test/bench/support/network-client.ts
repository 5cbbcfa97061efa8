// The host's end of the network benchmark. It runs inside the namespace, as a program of its own:
//   first HOST            waits for the first HTTP answer and prints the time, ms since 1970, as JSON
//   send HOST BYTES       sends to the sink; prints megabytes (10^6) per second
//   receive HOST BYTES    reads from the source; prints megabytes per second
import { once } from 'node:events';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

/** A new connection is tried this often, in ms, while the guest boots. */
const tryEvery = 10;
/** A try is given up after this time, in ms: its SYN came before the guest could take it. */
const patience = 300;
const limit = 120_000;

/** Connects and asks once; true when the answer is 200. */
function ask(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(8080, host);
    const end = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(patience, () => end(false));
    socket.on('error', () => end(false));
    socket.on('connect', () => socket.write('GET / HTTP/1.1\r\nHost: guest\r\n\r\n'));
    socket.on('data', (data) => end(data.toString('latin1').startsWith('HTTP/1.1 200')));
  });
}

/** Waits for the first answer. */
async function first(host: string): Promise<number> {
  const start = performance.now();
  let answered: number | undefined;
  console.error('waiting');
  while (answered === undefined && performance.now() - start < limit) {
    void ask(host).then((good) => {
      if (good) answered ??= performance.timeOrigin + performance.now();
    });
    await sleep(tryEvery);
  }
  if (answered === undefined) throw new Error('No answer came.');
  return answered;
}

const megabytesPerSecond = (bytes: number, start: number) =>
  bytes / 1000 / (performance.now() - start);

async function send(host: string, bytes: number): Promise<number> {
  const socket = net.connect({ host, port: 8081, allowHalfOpen: true });
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

async function receive(host: string, bytes: number): Promise<number> {
  const socket = net.connect({ host, port: 8082 });
  await once(socket, 'connect');
  const start = performance.now();
  socket.write(`${bytes}\n`);
  let received = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) received += chunk.length;
  if (received !== bytes) throw new Error(`${received} of ${bytes} bytes arrived.`);
  return megabytesPerSecond(bytes, start);
}

const [command, host = '', bytes = '0'] = process.argv.slice(2);
const work = { first, send, receive }[command ?? ''];
if (!work) throw new Error(`There is no command ${command}.`);
console.log(JSON.stringify(await work(host, Number(bytes))));
process.exit(0);
