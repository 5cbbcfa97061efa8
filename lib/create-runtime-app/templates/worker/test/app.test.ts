import assert from 'node:assert/strict';
import { test } from 'node:test';
import app from '../src/main.ts';

test('the root says hello', async () => {
  const response = await app.fetch(new Request('http://localhost/'), { NAME: 'you' });
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { hello: 'you' });
});

test('what is not there is not found', async () => {
  const response = await app.fetch(new Request('http://localhost/nothing'), {});
  assert.equal(response.status, 404);
});
