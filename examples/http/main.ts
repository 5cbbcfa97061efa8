// A web server with nothing but node:http. On Runtime.JS it is the whole system; on Linux,
// `node main.ts` runs the same program.
import { createServer } from 'node:http';
import process from 'node:process';
import { reachableAt } from './src/addresses.ts';
import { createHandler } from './src/handler.ts';

const port = Number(process.env.PORT ?? 8080);

const server = createServer(createHandler());
server.on('error', (error) => {
  console.error(`The server cannot listen on port ${port}: ${error.message}`);
  process.exitCode = 1;
});
server.listen(port, () => {
  console.log(`Listening on port ${port}:`);
  for (const address of reachableAt(port)) console.log(`  ${address}`);
});

// Requests that are being answered are finished; idle connections are closed at once.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    console.log(`${signal}: closing.`);
    server.close(() => console.log('Closed.'));
    server.closeIdleConnections();
  });
}
