// Services that an app in Node and its Workers call, in the system isolate and in isolates of their own: they fail, and
// come back.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { inRepository } from '../../lib/cli/src/paths.ts';
import { bundleSystem } from '../../lib/system/bundle.ts';
import { bootApp, expectEnd } from './support/endings.ts';
import { guestFolder } from './support/guest.ts';

test('an app in Node and its Workers call services, which fail and come back', async (t) => {
  t.timeout(600_000);
  const folder = path.join(guestFolder, 'services-node');
  await mkdir(folder, { recursive: true });
  const system = path.join(folder, 'system.js');
  await bundleSystem(system, inRepository('test/guest/services/node-composition.ts'));
  const app = { name: 'services-node', entry: 'services/node-app.ts', system };
  const result = await bootApp(app, { append: 'log=info', memoryMegabytes: 384 });
  expectEnd(t, result, 0, [/services: nothing left to do/]);
  const said = (name: string): unknown =>
    JSON.parse(new RegExp(`services: ${name} (\\[.*\\])`).exec(result.output)?.[1] ?? 'null');
  const counted = ['version 0', 5050, 'number'];
  const refused =
    'RangeError: The composition gives the app no endpoint sockets (it gives shared, own): ' +
    'add it to "endpoints" of runtime.config.ts.';
  for (const thread of ['app', 'Worker']) t.deepEqual(said(thread), [counted, counted, refused]);
  for (const name of ['own', 'shared']) {
    const text = `peer-gone: ${name} has ended while hang() was under way`;
    t.deepEqual(said(name), [text.slice(0, 40), 1], 'the next life counts anew');
  }
});
