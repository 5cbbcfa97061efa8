// What both systems run for the network benchmark: a hello over HTTP, and a sink and a source of bytes.
import http from 'node:http';
import net from 'node:net';

http
  .createServer((request, response) => {
    response.setHeader('content-type', 'text/plain');
    response.end('hello\n');
    if (request.url === '/exit') setTimeout(() => process.exit(0), 50);
  })
  .listen(8080);

// Reads to the end and answers with the number of bytes.
net
  .createServer({ allowHalfOpen: true }, (socket) => {
    let length = 0;
    socket.on('data', (chunk) => {
      length += chunk.length;
    });
    socket.on('end', () => socket.end(String(length)));
    socket.on('error', () => {});
  })
  .listen(8081);

// Takes a number of bytes on the first line, and sends as many.
const chunk = Buffer.alloc(64 * 1024, 'x');
net
  .createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (line) => {
      let left = Number(String(line));
      const send = () => {
        while (left > 0) {
          const size = Math.min(left, chunk.length);
          left -= size;
          if (!socket.write(size === chunk.length ? chunk : chunk.subarray(0, size)) && left > 0) {
            socket.once('drain', send);
            return;
          }
        }
        socket.end();
      };
      send();
    });
  })
  .listen(8082, () => console.log('the servers listen'));
