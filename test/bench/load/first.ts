// Waits for a server that is being started.
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ports } from './ports.ts';

/** Where to ask. */
export interface FirstOptions {
  readonly host: string;
  /** By default the app's. */
  readonly port?: number;
  /** Seconds until it gives up, by default 120. */
  readonly limit?: number;
  /** A new connection is tried this often, in ms, by default 20. */
  readonly tryEvery?: number;
  /** Tries under way that have a connection, at most: by default 1. */
  readonly atOnce?: number;
  /** Says nothing on standard error. */
  readonly quiet?: boolean;
}

/** A try without a connection is given up after this time, in ms: its SYN came before the guest could take it. */
const connectPatience = 300;
/** How long one answer may take, in ms: a busy host, or a server with little memory. */
const answerPatience = 20_000;

/** Connects and asks once; true when the answer is 200. */
function ask(host: string, port: number, onConnected?: () => void): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, host);
    const end = (answered: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answered);
    };
    let timer = setTimeout(() => end(false), connectPatience);
    socket.on('error', () => end(false));
    socket.on('end', () => end(false));
    socket.on('connect', () => {
      clearTimeout(timer);
      timer = setTimeout(() => end(false), answerPatience);
      onConnected?.();
      socket.write('GET / HTTP/1.1\r\nHost: guest\r\n\r\n');
    });
    socket.on('data', (data) => end(data.toString('latin1').startsWith('HTTP/1.1 200')));
  });
}

/**
 * Waits for the first answer. Says `waiting` on standard error once it asks. While it has a connection it asks on no
 * other: a server that has just started would have to answer them all, and fall behind.
 * @returns its time, in ms since 1970
 * @throws Error when none came
 */
export async function firstAnswer(options: FirstOptions): Promise<number> {
  const { host, port = ports.http, limit = 120, tryEvery = 20, atOnce = 1 } = options;
  const start = performance.now();
  let answered: number | undefined;
  let connected = 0;
  const attempt = async () => {
    let isConnected = false;
    const good = await ask(host, port, () => {
      isConnected = true;
      connected++;
    });
    if (isConnected) connected--;
    if (good) answered ??= performance.timeOrigin + performance.now();
  };
  if (!options.quiet) console.error('waiting');
  while (answered === undefined && performance.now() - start < limit * 1000) {
    if (connected < atOnce) void attempt();
    await sleep(tryEvery);
  }
  if (answered === undefined) throw new Error(`No answer came within ${limit} s.`);
  return answered;
}

/**
 * Asks again and again.
 * @returns how many answers were good, up to the first that was not
 */
export async function serve(options: FirstOptions & { readonly requests: number }) {
  const { host, port = ports.http, requests } = options;
  let good = 0;
  while (good < requests && (await ask(host, port))) good++;
  return good;
}
