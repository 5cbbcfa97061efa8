/** An app that sends back what it gets: over TCP after a dot, and over UDP. It also answers requests. */
import { createSocket } from 'node:dgram';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';

createServer((socket) => {
  socket.on('error', (error: NodeJS.ErrnoException) => console.log(`echo: error ${error.code}`));
  socket.write('.'); // its peer begins then
  socket.pipe(socket);
}).listen(8080);

createHttpServer((_request, response) => {
  response.setHeader('connection', 'close');
  response.end('still here');
}).listen(8081);

const socket = createSocket('udp4');
socket.on('message', (message, { port, address }) => socket.send(message, port, address));
socket.bind(8082, () => console.log('echo: listening'));
