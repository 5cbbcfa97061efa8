/**
 * An app that sends a pattern to everybody who connects, and takes the same pattern from them: every byte is
 * compared. It ends a connection when its peer does, with a line that tells how much came. On another port it
 * sends back what it gets, after a dot.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createPattern } from './pattern.ts';

const blockBytes = 16 * 1024;

createServer({ allowHalfOpen: true }, (socket) => {
  const outgoing = createPattern(blockBytes);
  const incoming = createPattern(blockBytes);
  let isOver = false;
  const send = (): void => {
    if (isOver || socket.destroyed) return;
    // In a turn of its own: a ring that always has room must not keep the others waiting.
    const next = (): void => void setImmediate(send);
    if (socket.write(outgoing.next())) next();
    else socket.once('drain', next);
  };
  socket.on('data', (bytes) => {
    const problem = incoming.check(bytes as Buffer);
    if (problem !== undefined) {
      console.log(`streams: wrong ${problem}`);
      socket.destroy();
    }
  });
  socket.on('end', () => {
    isOver = true;
    console.log(`streams: received ${incoming.checked}`);
    socket.end();
  });
  socket.on('error', (error) => console.log(`streams: error ${error.message}`));
  send();
}).listen(8080);

createServer((socket) => {
  socket.write('.'); // its peer begins then
  socket.pipe(socket);
}).listen(8081, () => console.log('Listening on ports 8080 and 8081'));

setInterval(() => {
  const counters = JSON.parse(readFileSync('/proc/net/runtime', 'utf8')) as Record<string, unknown>;
  console.log(`streams: counters ${JSON.stringify(counters['device.eth0'])}`);
}, 5000).unref();
