import assert from 'node:assert/strict';
import { test } from 'node:test';
import { app } from '../src/app.ts';

test('the root says hello', async () => {
  const response = await app.request('/');
  assert.equal(response.status, 200);
  const { hello } = (await response.json()) as { hello: string };
  assert.equal(hello, 'world');
});

test('names come from the path', async () => {
  const response = await app.request('/hello/you');
  assert.deepEqual(await response.json(), { hello: 'you' });
});
