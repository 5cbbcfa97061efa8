// How a bare app is replaced by way of a network that loses bytes.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { ReloadOutcome } from '@runtimejs/system/reload/types.ts';
import { Request as WebRequest } from '@runtimejs/web/request.ts';
import createControl from '@runtimejs/worker/reload/control.ts';
import type { ReloadResult } from '@runtimejs/worker/reload/reloader.ts';
import test, { type ExecutionContext } from 'ava';
import { ReloadLink } from '../../lib/cli/src/reload/link.ts';
import { provideNodeAsHost } from './support/web-host.ts';
import { archive, temporaryFolder } from './tools-fixtures.ts';

provideNodeAsHost();

const reloaded: ReloadResult = {
  outcome: 'reloaded',
  milliseconds: 1,
  underWay: 0,
  hasHandedOver: false,
};

/** What the machine's server does with an attempt. */
type Answer = (request: IncomingMessage, response: ServerResponse) => unknown;

/** A link to a machine whose server answers so; the last way is that of all further attempts. */
async function stage(t: ExecutionContext, answers: readonly Answer[]) {
  const link = await ReloadLink.create({ network: {} } as never, true);
  if (link === undefined) throw new Error('there is no link');
  const seen: { readonly target: string; readonly authorization: string | undefined }[] = [];
  const server = createServer((request, response) => {
    seen.push({
      target: request.url ?? '',
      authorization: request.headers.authorization,
    });
    const answer = answers[Math.min(seen.length, answers.length) - 1] as Answer;
    answer(request, response);
  });
  server.listen(link.forward.host, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  t.is((server.address() as AddressInfo).port, link.forward.host);
  const folder = await temporaryFolder(t);
  await link.booted(await archive(folder, 'before', { '/worker/app.js': 'version 0' }));
  link.isUp = true;
  const next = await archive(folder, 'after', { '/worker/app.js': 'version 1' });
  return { seen, reload: () => link.reload(next) };
}

const lose: Answer = (request) => request.socket.destroy();
const refuse: Answer = (_request, response) => response.writeHead(400).end();

test('a request whose bytes got lost is sent again, as the same one', async (t) => {
  const scripts: string[] = [];
  const { seen, reload } = await stage(t, [
    lose,
    refuse,
    async (request, response) => {
      scripts.push(await text(request));
      response.end(JSON.stringify(reloaded));
    },
  ]);
  t.is((await reload())?.outcome, 'reloaded');
  t.deepEqual(scripts, ['version 1']);
  t.is(seen.length, 3);
  t.is(new Set(seen.map(({ target }) => target)).size, 1);
  t.regex(seen[0]?.target ?? '', /^\/reload\/[\w-]+$/);
  t.is(new Set(seen.map(({ authorization }) => authorization)).size, 1);
});

test('another reload is another request', async (t) => {
  const { seen, reload } = await stage(t, [
    (_request, response) => response.end(JSON.stringify({ outcome: 'failed', reason: 'no' })),
  ]);
  t.is((await reload())?.outcome, 'failed');
  t.is((await reload())?.outcome, 'failed');
  t.is(new Set(seen.map(({ target }) => target)).size, 2);
});

test('a machine that never answers is booted anew', async (t) => {
  const { seen, reload } = await stage(t, [lose]);
  t.deepEqual(await reload(), { outcome: 'impossible', reason: 'The machine did not answer.' });
  t.true(seen.length > 1 && seen.length < 20, `${seen.length} attempts`);
});

/** Asks the control server of a bare app. */
function controlled(replacers: Parameters<typeof createControl>[1]) {
  const control = createControl('secret', replacers);
  return async (id: string, token = 'secret', body = `version ${id}`, method = 'POST') => {
    const target = method === 'POST' ? `/reload${id}` : id;
    const response = await control.fetch(
      new WebRequest(`http://machine${target}`, {
        method,
        headers: { authorization: `Bearer ${token}` },
        body,
      }) as never,
      {} as never,
      {} as never,
    );
    return response.status === 200 ? await response.json() : response.status;
  };
}

test('services of a bare app are replaced before the app, and alone when that has not changed', async (t) => {
  const events: string[] = [];
  let outcome: ReloadOutcome = {
    outcome: 'reloaded',
    parts: ['counter'],
    milliseconds: 7,
    hasHandedOver: true,
  };
  const ask = controlled({
    app: async (script) => {
      events.push(script);
      return { ...reloaded };
    },
    services: async (scripts) => {
      const texts = [...scripts].map(([path, bytes]) => `${path} ${Buffer.from(bytes)}`);
      events.push(...texts);
      return outcome;
    },
  });
  const take = (): string[] => events.splice(0);
  t.is(await ask('/isolates/a.js', 'guess', 'script', 'PUT'), 403);
  t.is(await ask('/isolates/a.js', 'secret', 'first', 'PUT'), 204);
  t.deepEqual(await ask('/a'), { ...reloaded, parts: ['counter'] });
  t.deepEqual(take(), ['/isolates/a.js first', 'version /a']);
  t.deepEqual(await ask('/b'), { ...reloaded });
  t.deepEqual(take(), ['version /b'], 'what was replaced is not replaced again');
  await ask('/isolates/a.js', 'secret', 'second', 'PUT');
  t.like(await ask('/c', 'secret', ''), { outcome: 'reloaded', parts: ['counter'], underWay: 0 });
  t.deepEqual(take(), ['/isolates/a.js second']);
  outcome = { outcome: 'failed', reason: 'it does not start' };
  await ask('/isolates/a.js', 'secret', 'third', 'PUT');
  t.deepEqual(await ask('/d'), outcome);
  t.deepEqual(take(), ['/isolates/a.js third'], 'the app is left as it is');
});

test('the machine runs a script once, however often the request comes', async (t) => {
  const scripts: string[] = [];
  const ask = controlled({
    app: async (script) => {
      scripts.push(script);
      return { ...reloaded, underWay: scripts.length };
    },
    services: async () => ({ outcome: 'unknown' }),
  });
  const both = await Promise.all([ask('/a'), ask('/a')]);
  t.deepEqual(both, [
    { ...reloaded, underWay: 1 },
    { ...reloaded, underWay: 1 },
  ]);
  t.deepEqual(await ask('/a'), { ...reloaded, underWay: 1 });
  t.deepEqual(await ask('/b'), { ...reloaded, underWay: 2 });
  t.deepEqual(scripts, ['version /a', 'version /b']);
  t.is(await ask('/c', 'guess'), 403);
  t.is(await ask(''), 404);
});
