import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { app } from '../src/app.ts';

const server = createServer(app);
let url = '';

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

after(() => server.close());

test('the root says hello', async () => {
  const response = await fetch(url);
  assert.equal(response.status, 200);
  const { hello } = (await response.json()) as { hello: string };
  assert.equal(hello, 'world');
});

test('what is not there is not found', async () => {
  const response = await fetch(`${url}/nothing`);
  assert.equal(response.status, 404);
});
