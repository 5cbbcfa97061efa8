// An app on a machine without a network card.
import dns from 'node:dns/promises';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import { runTask } from './tasks.ts';

const server = http.createServer((_request, response) => response.end('a page'));
server.listen(8080);
await once(server, 'listening');
console.log(`page: ${await (await fetch('http://localhost:8080/')).text()}`);
server.close();
console.log(String(await runTask('loopback', {})));
console.log(`interfaces: ${Object.keys(os.networkInterfaces())}`);

const outside = net.connect(80, '192.0.2.1');
const [error] = (await once(outside, 'error').catch((error: unknown) => [error])) as [
  NodeJS.ErrnoException,
];
console.log(`outside: ${error.code}`);
const name = await dns.lookup('name.example').then(
  () => 'found',
  (error: NodeJS.ErrnoException) => error.code,
);
console.log(`name: ${name}`);
console.log('alone: done');
