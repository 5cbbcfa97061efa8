// The client that waits for a server to come up.
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { firstAnswer, serve } from './load/first.ts';

async function listen(server: http.Server, port = 0): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

test('a server that is slow at first is asked once, and not by a crowd', async (t) => {
  let asked = 0;
  const server = http.createServer(async (_, response) => {
    asked++;
    await sleep(700);
    response.end('hello');
  });
  const port = await listen(server);
  const options = { host: '127.0.0.1', port, limit: 30, tryEvery: 5, quiet: true };
  const answered = await firstAnswer(options);
  t.true(answered <= performance.timeOrigin + performance.now());
  // Tries that began before the first connection stood may have got theirs.
  t.true(asked < 20, `${asked} requests`);
  server.closeAllConnections();
  server.close();
});

test('answers other than 200, and silence, are no answers', async (t) => {
  let status = 503;
  const server = http.createServer((_, response) => {
    response.statusCode = status;
    response.end();
  });
  const port = await listen(server);
  const options = { host: '127.0.0.1', port, limit: 0.2, tryEvery: 5, quiet: true };
  await t.throwsAsync(firstAnswer(options), { message: /No answer came within 0.2 s/ });
  t.is(await serve({ ...options, requests: 3 }), 0);
  status = 200;
  t.is(await serve({ ...options, requests: 3 }), 3);
  server.closeAllConnections();
  server.close();
  await t.throwsAsync(firstAnswer(options), { message: /No answer/ });
});
