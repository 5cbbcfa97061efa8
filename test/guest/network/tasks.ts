// What the guest, or the peer on the host, does as a client when a test asks for it. Each task takes and
// gives JSON.
import { createHash } from 'node:crypto';
import dgram from 'node:dgram';
import dns from 'node:dns';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http2 from 'node:http2';
import net from 'node:net';
import os from 'node:os';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import * as undici from 'undici';
import { WebSocket } from 'ws';
import { badPeerTasks } from './bad-peers.ts';
import { authority } from './certificate.ts';
import { connectionTasks } from './connections.ts';
import { type Digest, pattern } from './pattern.ts';

/** Where a server is. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** A stream of the pattern. */
export interface StreamTask extends Endpoint {
  readonly length: number;
  readonly seed: number;
}

/** How a stream went. */
export interface StreamResult extends Digest {
  /** Megabytes (10^6) per second, from the first byte to the last. */
  readonly rate: number;
}

/** A request over HTTP. */
export interface RequestTask {
  readonly url: string;
  readonly body?: string;
}

/** Names to look up, and the errors that some of them have to give. */
export interface DnsTask {
  readonly domain: string;
}

/** The tasks by name. */
const tasks = {
  /** The global fetch. */
  async fetch({ url, body }: RequestTask) {
    tls.setDefaultCACertificates([authority]);
    const response = await fetch(url, body === undefined ? {} : { method: 'POST', body });
    return { status: response.status, body: await response.text() };
  },

  /** The npm package undici, with several requests on one connection. */
  async undici({ url, body = '' }: RequestTask) {
    const client = new undici.Client(new URL(url).origin, { connect: { ca: authority } });
    const answers: string[] = [];
    for (let index = 0; index < 5; index++) {
      const { pathname } = new URL(url);
      const response = await client.request({
        path: pathname,
        method: 'PUT',
        body: `${body}${index}`,
      });
      answers.push(await response.body.text());
    }
    await client.close();
    return answers;
  },

  /** 20 requests at once over one HTTP/2 connection. */
  async http2({ url }: RequestTask) {
    const session = http2.connect(url, { ca: authority });
    try {
      return await Promise.all(
        Array.from({ length: 20 }, (_, index) => text(session.request({ ':path': `/${index}` }))),
      );
    } finally {
      session.close();
    }
  },

  /** The npm package ws as a client: messages of many sizes, and a close with a code. */
  async webSocket({ url }: RequestTask) {
    const socket = new WebSocket(url);
    await once(socket, 'open');
    const lengths: number[] = [];
    for (const length of [0, 1, 125, 126, 65_535, 65_536, 1_000_000]) {
      const message = Buffer.alloc(length, length & 0xff);
      socket.send(message);
      const [echo] = (await once(socket, 'message')) as [Buffer];
      if (!message.equals(echo)) throw new Error(`A message of ${length} bytes came back changed.`);
      lengths.push(echo.length);
    }
    socket.send('close');
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    return { lengths, code, reason: String(reason) };
  },

  /** Sends the pattern to a sink and gives what the sink found. */
  async send({ host, port, length, seed }: StreamTask): Promise<StreamResult> {
    const socket = net.connect({ host, port, allowHalfOpen: true });
    await once(socket, 'connect');
    const start = performance.now();
    const [digest] = await Promise.all([text(socket), pipeline(pattern(length, seed), socket)]);
    return { ...(JSON.parse(digest) as Digest), rate: rate(length, start) };
  },

  /** Asks a source for the pattern and gives what came. */
  async receive({ host, port, length, seed }: StreamTask): Promise<StreamResult> {
    const socket = net.connect({ host, port });
    const hash = createHash('sha256');
    let received = 0;
    const start = performance.now();
    socket.write(`${length} ${seed}\n`);
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      hash.update(chunk);
      received += chunk.length;
    }
    return { length: received, sha256: hash.digest('hex'), rate: rate(length, start) };
  },

  /** Sends datagrams to an echo and counts what comes back unchanged; each is repeated once if lost. */
  async datagrams({ host, port }: Endpoint) {
    const socket = dgram.createSocket(net.isIPv6(host) ? 'udp6' : 'udp4');
    const back = new Set<number>();
    const sizes = [0, 1, 512, 1472, 1473, 4000, 20_000, 60_000];
    socket.on('message', (message) => {
      if (message.every((byte) => byte === (message.length & 0xff))) back.add(message.length);
    });
    try {
      for (let attempt = 0; attempt < 3 && back.size < sizes.length; attempt++) {
        for (const size of sizes.filter((size) => !back.has(size))) {
          socket.send(Buffer.alloc(size, size & 0xff), port, host);
        }
        for (let waited = 0; waited < 3000 && back.size < sizes.length; waited += 50)
          await sleep(50);
      }
      return [...back].sort((left, right) => left - right);
    } finally {
      socket.close();
    }
  },

  /** Everything that a resolver is asked, by getaddrinfo() and by c-ares. */
  async dns({ domain }: DnsTask) {
    const { promises } = dns;
    const code = async (work: Promise<unknown>) =>
      work.then(
        () => 'no error',
        (error: NodeJS.ErrnoException) => error.code,
      );
    return {
      servers: dns.getServers(),
      lookup4: await promises.lookup(`host.${domain}`, { family: 4 }),
      lookup6: await promises.lookup(`host.${domain}`, { family: 6 }),
      all: (await promises.lookup(`host.${domain}`, { all: true })).length,
      a: await promises.resolve4(`host.${domain}`),
      aaaa: await promises.resolve6(`host.${domain}`),
      mx: await promises.resolveMx(domain),
      txt: await promises.resolveTxt(domain),
      srv: await promises.resolveSrv(`_http._tcp.${domain}`),
      cname: await promises.resolveCname(`alias.${domain}`),
      reverse: await promises.reverse('10.0.9.1'),
      missingLookup: await code(promises.lookup(`missing.${domain}`)),
      missingResolve: await code(promises.resolve4(`missing.${domain}`)),
      localhost: (await promises.lookup('localhost', { family: 4 })).address,
    };
  },

  async interfaces() {
    return os.networkInterfaces();
  },

  /** The codes of errors that an app handles. */
  async errors({ host, port }: Endpoint) {
    const connectCode = async (options: net.NetConnectOpts) => {
      const socket = net.connect(options);
      const [error] = (await once(socket, 'error').catch((error: unknown) => [error])) as [
        NodeJS.ErrnoException,
      ];
      socket.destroy();
      return error.code;
    };
    const inUse = net.createServer();
    inUse.listen(port);
    const [error] = (await once(inUse, 'error')) as [NodeJS.ErrnoException];
    return {
      refused: await connectCode({ host, port: 1 }),
      refusedLocally: await connectCode({ host: '127.0.0.1', port: 1 }),
      inUse: error.code,
    };
  },

  /** A server and a client over the loopback addresses. */
  async loopback() {
    const server = net.createServer((socket) => socket.pipe(socket));
    server.listen(0);
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const answers: string[] = [];
    for (const host of ['127.0.0.1', '::1', 'localhost', '127.1.2.3']) {
      const socket = net.connect(port, host);
      socket.end(`by ${host}`);
      answers.push(await text(socket));
    }
    server.close();
    return answers;
  },

  async memory() {
    globalThis.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rss, heapUsed, external, free: os.freemem() };
  },

  async file({ path }: { path: string }) {
    return readFile(path, 'utf8');
  },

  ...connectionTasks,
  ...badPeerTasks,
};

/** Names of the tasks. */
export type TaskName = keyof typeof tasks;
/** What a task takes. */
export type TaskParameters<Name extends TaskName> = Parameters<(typeof tasks)[Name]>[0];
/** What a task gives. */
export type TaskResult<Name extends TaskName> = Awaited<ReturnType<(typeof tasks)[Name]>>;

function rate(length: number, start: number): number {
  return Math.round(length / (performance.now() - start)) / 1000;
}

/**
 * Runs a task.
 * @param name of one of the tasks above
 * @param parameters what it takes
 * @throws when there is no such task, or it fails
 */
export async function runTask(name: string, parameters: unknown): Promise<unknown> {
  if (!Object.hasOwn(tasks, name)) throw new Error(`There is no task ${name}.`);
  return (tasks[name as TaskName] as (parameters: unknown) => Promise<unknown>)(parameters);
}
