import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createApp } from '../src/app.ts';

const app = createApp();
after(() => app.close());

test('the root says hello', async () => {
  const response = await app.inject('/');
  assert.equal(response.statusCode, 200);
  assert.equal(response.json().hello, 'world');
});

test('names come from the path', async () => {
  const response = await app.inject('/hello/you');
  assert.deepEqual(response.json(), { hello: 'you' });
});
