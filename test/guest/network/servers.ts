// Servers of every kind that an app may bring, for tests. The guest runs them, and so does a peer on the
// host: each end can then be a client of the other.
import { createHash } from 'node:crypto';
import dgram from 'node:dgram';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import express from 'express';
import fastify from 'fastify';
import { WebSocketServer } from 'ws';
import { certificate, privateKey } from './certificate.ts';
import { pattern } from './pattern.ts';
import { ports } from './ports.ts';

const credentials = { cert: certificate, key: privateKey };

/** Answers `GET /task/NAME?PARAMETERS`: how tests make this end a client. */
export type TaskRunner = (name: string, parameters: unknown) => Promise<unknown>;

/** Where servers listen. */
export interface ServerOptions {
  /** First of the ports; see ports.ts. */
  readonly base: number;
  /** Runs tasks that come by HTTP. */
  readonly runTask: TaskRunner;
  /** What to do when asked to end. */
  readonly onExit: () => void;
}

/**
 * Starts all servers.
 * @returns a function that closes them: no new connections, and the open ones are ended
 */
export async function startServers(options: ServerOptions): Promise<() => Promise<void>> {
  const { base } = options;
  const closers: (() => Promise<void>)[] = [];

  const listen = async (server: net.Server, port: number) => {
    const connections = new Set<net.Socket>();
    server.on('connection', (connection: net.Socket) => {
      connections.add(connection);
      connection.on('error', () => {}); // The other end may go away at any time: 'close' follows.
      connection.on('close', () => connections.delete(connection));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(base + port, resolve);
    });
    closers.push(async () => {
      server.close();
      for (const connection of connections) connection.destroy();
    });
  };

  await listen(controlServer(options), ports.http);
  await listen(http.createServer(expressApp()), ports.express);
  closers.push(await startFastify(base + ports.fastify));
  const webSockets = http.createServer();
  echoWebSockets(webSockets);
  await listen(webSockets, ports.webSocket);
  await listen(https.createServer(credentials, answer), ports.https);
  await listen(
    http2.createSecureServer({ ...credentials, allowHTTP1: true }, answer2),
    ports.http2,
  );
  await listen(http2.createServer(answer2), ports.http2Clear);
  await listen(
    net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)),
    ports.echo,
  );
  await listen(net.createServer({ allowHalfOpen: true }, sendPattern), ports.source);
  await listen(net.createServer({ allowHalfOpen: true }, digestAll), ports.sink);

  const datagrams = dgram.createSocket('udp6');
  datagrams.on('message', (message, from) => datagrams.send(message, from.port, from.address));
  await new Promise<void>((resolve) => datagrams.bind(base + ports.datagram, resolve));
  closers.push(async () => {
    datagrams.close();
  });

  return async () => {
    await Promise.all(closers.map((close) => close()));
  };
}

/** A number of bytes on the first line that comes: the pattern of that length is the answer. */
function sendPattern(socket: net.Socket): void {
  socket.once('data', (line) => {
    const [length = 0, seed = 0] = String(line).trim().split(' ').map(Number);
    pattern(length, seed).pipe(socket);
  });
}

/** Reads to the end and answers with length and SHA-256. */
function digestAll(socket: net.Socket): void {
  const hash = createHash('sha256');
  let length = 0;
  socket.on('data', (chunk) => {
    hash.update(chunk);
    length += chunk.length;
  });
  socket.on('end', () => socket.end(JSON.stringify({ length, sha256: hash.digest('hex') })));
}

const answer: http.RequestListener = (request, response) => {
  const body: Buffer[] = [];
  request.on('data', (chunk: Buffer) => body.push(chunk));
  request.on('end', () => {
    response.setHeader('content-type', 'text/plain');
    response.end(
      `${request.method} ${request.url} over HTTP/${request.httpVersion}: ${Buffer.concat(body)}\n`,
    );
  });
};

/** The same over HTTP/2, by its interface that is compatible with HTTP/1. */
const answer2 = (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse): void => {
  answer(
    request as unknown as http.IncomingMessage,
    response as unknown as http.ServerResponse & { req: http.IncomingMessage },
  );
};

function controlServer({ runTask, onExit }: ServerOptions): http.Server {
  return http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
    const path = request.url ?? '/';
    if (!path.startsWith('/task/') && path !== '/exit') return answer(request, response);
    const body: Buffer[] = [];
    request.on('data', (chunk: Buffer) => body.push(chunk));
    request.on('end', async () => {
      response.setHeader('content-type', 'application/json');
      response.setHeader('connection', 'close');
      if (path === '/exit') {
        response.end('{}\n', onExit);
        return;
      }
      try {
        const parameters: unknown = body.length > 0 ? JSON.parse(String(Buffer.concat(body))) : {};
        const result = await runTask(path.slice('/task/'.length), parameters);
        response.end(`${JSON.stringify(result ?? null)}\n`);
      } catch (error) {
        response.statusCode = 500;
        response.end(`${JSON.stringify({ error: describeError(error) })}\n`);
      }
    });
  });
}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `; because of ${describeError(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}

function expressApp(): express.Express {
  const app = express();
  app.use(express.json());
  app.get('/hello/:name', (request, response) => {
    response.json({ framework: 'express', hello: request.params.name });
  });
  app.post('/sum', (request, response) => {
    const numbers = request.body as number[];
    response.json({ sum: numbers.reduce((sum, number) => sum + number, 0) });
  });
  return app;
}

async function startFastify(port: number): Promise<() => Promise<void>> {
  const app = fastify({ forceCloseConnections: true });
  app.get<{ Params: { name: string } }>('/hello/:name', async ({ params }) => ({
    framework: 'fastify',
    hello: params.name,
  }));
  app.post<{ Body: number[] }>('/sum', async ({ body }) => ({
    sum: body.reduce((sum, number) => sum + number, 0),
  }));
  await app.listen({ port, host: '::' });
  return async () => {
    await app.close();
  };
}

/** Echoes messages; one that says "close" is answered with a close frame. */
function echoWebSockets(server: http.Server): void {
  new WebSocketServer({ server }).on('connection', (socket) => {
    socket.on('message', (data, isBinary) => {
      if (!isBinary && String(data) === 'close') socket.close(4000, 'as you wish');
      else socket.send(data, { binary: isBinary });
    });
  });
}
