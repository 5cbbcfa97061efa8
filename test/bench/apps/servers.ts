// What all systems run for most benchmarks: servers of each kind, and tasks that the app does by itself.
// Prints a line once all of them listen.
import dgram from 'node:dgram';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { WebSocketServer } from 'ws';
import { certificate, privateKey } from '../../guest/network/certificate.ts';
import { ports } from '../load/ports.ts';
import { runTask } from './tasks.ts';

const large = Buffer.alloc(100_000, 'x');

async function readBody(request: http.IncomingMessage): Promise<string> {
  request.setEncoding('utf8');
  let body = '';
  for await (const piece of request) body += piece;
  return body;
}

async function answerJson(request: http.IncomingMessage, response: http.ServerResponse) {
  const order = JSON.parse(await readBody(request)) as {
    items: { price: number; count: number }[];
  };
  const total = order.items.reduce((sum, { price, count }) => sum + price * count, 0);
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ ...order, total }));
}

async function answerTask(url: URL, response: http.ServerResponse): Promise<void> {
  const seconds = Number(url.searchParams.get('seconds'));
  try {
    response.end(JSON.stringify(await runTask(url.pathname.slice('/task/'.length), seconds)));
  } catch (error) {
    response.statusCode = 500;
    response.end(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

const web = http.createServer((request, response) => {
  const { url = '/' } = request;
  if (url === '/') {
    response.setHeader('content-type', 'text/plain');
    response.end('hello\n');
  } else if (url === '/large') {
    response.end(large);
  } else if (url === '/json') {
    void answerJson(request, response);
  } else if (url === '/exit') {
    response.end();
    setTimeout(() => process.exit(0), 50);
  } else {
    void answerTask(new URL(url, 'http://guest'), response);
  }
});

const secure = https.createServer({ key: privateKey, cert: certificate }, (_, response) => {
  response.end('hello\n');
});

// Reads to the end and answers with the number of bytes.
const sink = net.createServer({ allowHalfOpen: true }, (socket) => {
  let length = 0;
  socket.on('data', (chunk) => {
    length += chunk.length;
  });
  socket.on('end', () => socket.end(String(length)));
  socket.on('error', () => {});
});

// Takes a number of bytes on the first line, and sends as many.
const piece = large.subarray(0, 65_536);
const source = net.createServer((socket) => {
  socket.on('error', () => {});
  socket.once('data', (line) => {
    let left = Number(String(line));
    const send = () => {
      while (left > 0) {
        const part = left >= piece.length ? piece : piece.subarray(0, left);
        left -= part.length;
        if (!socket.write(part) && left > 0) {
          socket.once('drain', send);
          return;
        }
      }
      socket.end();
    };
    send();
  });
});

const sockets = new WebSocketServer({ port: ports.webSocket, perMessageDeflate: false });
sockets.on('connection', (socket) => {
  socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }));
  socket.on('error', () => {});
});

const datagrams = dgram.createSocket('udp4');
datagrams.on('message', (message, { port, address }) => datagrams.send(message, port, address));

const listen = (server: net.Server, port: number) =>
  new Promise<void>((resolve) => server.listen(port, resolve));
await Promise.all([
  listen(web, ports.http),
  listen(secure, ports.https),
  listen(sink, ports.sink),
  listen(source, ports.source),
  new Promise<void>((resolve) => datagrams.bind(ports.datagrams, resolve)),
]);
console.log('the servers listen');
