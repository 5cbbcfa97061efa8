// What boots when little else shall be measured: a hello over HTTP.
import http from 'node:http';

http
  .createServer((_, response) => {
    response.setHeader('content-type', 'text/plain');
    response.end('hello\n');
  })
  .listen(8080);
