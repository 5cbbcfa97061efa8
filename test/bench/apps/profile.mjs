// The hello of the network benchmark, which also hands out what names the samples of a profile.
import { readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';

const read = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};
const threads = () =>
  readdirSync('/proc/self/task').map((id) => [
    Number(id),
    read(`/proc/self/task/${id}/comm`).trim(),
  ]);
const compiled = () =>
  read(`/tmp/${readdirSync('/tmp').find((name) => /^perf-.*\.map$/.test(name)) ?? ''}`);

http
  .createServer((request, response) => {
    if (request.url === '/maps') return response.end(read('/proc/self/maps'));
    if (request.url === '/threads') return response.end(JSON.stringify(threads()));
    if (request.url === '/compiled') return response.end(compiled());
    response.setHeader('content-type', 'text/plain');
    response.end('hello\n');
  })
  .listen(8080, () => console.log('the servers listen'));
