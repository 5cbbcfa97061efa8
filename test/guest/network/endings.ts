// An app that listens late, computes without a pause beside its server, and ends in the middle of connections.
import { once } from 'node:events';
import http from 'node:http';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

const port = 8080;
/** More than the first window of a connection; the kernel takes it whole. */
const lastWords = Buffer.alloc(30_000, 'the last words. ');

console.log('before listening');
await sleep(3000);

const busy = new Worker('for (;;);', { eval: true });
await once(busy, 'online');

const endings: Readonly<Record<string, () => void>> = {
  '/exit': () => process.exit(0),
  '/signal': () => process.kill(process.pid, 'SIGTERM'),
  '/abort': () => process.abort(),
};

const server = http.createServer((request, response) => {
  const end = endings[request.url ?? ''];
  if (end === undefined) {
    response.end(`${request.url}\n`);
    return;
  }
  response.setHeader('content-length', lastWords.length);
  response.end(lastWords);
  // The kernel has what it took by now; the machine ends with it.
  end();
});
server.listen(port);
await once(server, 'listening');
console.log('listening');
