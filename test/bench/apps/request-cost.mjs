// What a request costs, within one machine: a hello over HTTP, and 16 connections over loopback that ask for
// it again and again. Prints what the requests after the warm-up took in system calls.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';

const [warmUp, measured] = process.argv.slice(2).map(Number);
const connections = 16;
const question = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';

const server = http.createServer((_request, response) => {
  response.setHeader('content-type', 'text/plain');
  response.end('hello\n');
});

function systemCalls() {
  const counts = new Map();
  for (const line of readFileSync('/proc/system_calls', 'utf8').trim().split('\n')) {
    const [name, count] = line.split(' ');
    counts.set(name, Number(count));
  }
  return counts;
}

let left = 0;
let finished = () => {};
const sockets = [];

// Answers are short and come in one piece.
function onAnswer() {
  if (left > 0) {
    left--;
    this.write(question);
  } else if (--this.constructor.waiting === 0) {
    finished();
  }
}

function run(requests) {
  return new Promise((resolve) => {
    finished = resolve;
    left = requests - connections;
    net.Socket.waiting = connections;
    for (const socket of sockets) socket.write(question);
  });
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 1000));

server.listen(8080, async () => {
  for (let count = 0; count < connections; count++) {
    const socket = net.connect(8080);
    await new Promise((resolve) => socket.once('connect', resolve));
    sockets.push(socket.on('data', onAnswer));
  }
  await run(warmUp);
  // The host reads its counter in the pauses.
  console.log('begin');
  await pause();
  const before = systemCalls();
  await run(measured);
  const after = systemCalls();
  const took = [...after]
    .map(([name, count]) => [name, (count - (before.get(name) ?? 0)) / measured])
    .filter(([, count]) => count >= 0.005);
  console.log(`end ${JSON.stringify(Object.fromEntries(took))}`);
  await pause();
  process.exit();
});
