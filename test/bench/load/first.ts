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
  /** A new connection is tried this often, in ms, by default 10. */
  readonly tryEvery?: number;
  /** A try is given up after this time, in ms, by default 300: its SYN came before the guest could take it. */
  readonly patience?: number;
  /** Says nothing on standard error. */
  readonly quiet?: boolean;
}

/** Connects and asks once; true when the answer is 200. */
function ask(host: string, port: number, limit: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, host);
    const end = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(limit, () => end(false));
    socket.on('error', () => end(false));
    socket.on('end', () => end(false));
    socket.on('connect', () => socket.write('GET / HTTP/1.1\r\nHost: guest\r\n\r\n'));
    socket.on('data', (data) => end(data.toString('latin1').startsWith('HTTP/1.1 200')));
  });
}

/**
 * Waits for the first answer. Says `waiting` on standard error once it asks.
 * @returns its time, in ms since 1970
 * @throws Error when none came
 */
export async function firstAnswer(options: FirstOptions): Promise<number> {
  const { host, port = ports.http, limit = 120, tryEvery = 10, patience = 300 } = options;
  const start = performance.now();
  let answered: number | undefined;
  if (!options.quiet) console.error('waiting');
  while (answered === undefined && performance.now() - start < limit * 1000) {
    void ask(host, port, patience).then((good) => {
      if (good) answered ??= performance.timeOrigin + performance.now();
    });
    await sleep(tryEvery);
  }
  if (answered === undefined) throw new Error(`No answer came within ${limit} s.`);
  return answered;
}

/** How long one answer of a server with little memory may take, in ms. */
const answerLimit = 20_000;

/**
 * Asks again and again.
 * @returns how many answers were good, up to the first that was not
 */
export async function serve(options: FirstOptions & { readonly requests: number }) {
  const { host, port = ports.http, requests } = options;
  let good = 0;
  while (good < requests && (await ask(host, port, answerLimit))) good++;
  return good;
}
