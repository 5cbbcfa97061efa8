// An app that is told to end. The first argument says what it does about SIGTERM.
import { createServer, type ServerResponse } from 'node:http';

const what = process.argv[2];
const waiting: ServerResponse[] = [];

/** Requests to /slow are answered when the machine is to end: they are in flight till then. */
const server = createServer((request, response) => {
  if (request.url !== '/slow') {
    response.end('fast\n');
    return;
  }
  waiting.push(response);
  console.log(`waiting: ${waiting.length}`);
});

if (what === 'close') {
  process.on('SIGTERM', (signal) => {
    console.log(`told to end: ${signal}`);
    server.close(() => {
      console.log('all answered');
      process.exitCode = 5;
    });
    setTimeout(() => {
      for (const response of waiting) response.end('answered at the end\n');
    }, 100);
  });
} else if (what === 'ignore') {
  process.on('SIGTERM', () => console.log('told to end: not yet'));
} else if (what === 'busy') {
  console.log('ready');
  // Not empty: a bundler removes a loop that does nothing.
  for (;;) process.hrtime();
} else if (what === 'fail') {
  console.log('ready');
  process.exit(9);
}
server.listen(8080, () => console.log('ready'));
