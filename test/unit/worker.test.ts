/** Bare apps on this host: the web platform's API, the way from an exchange to fetch() and back, the bundle. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { percentEncodeAfterEncoding as reference } from '@exodus/bytes/whatwg.js';
import { defineOnDemand } from '@runtimejs/web/define.ts';
import { Headers } from '@runtimejs/web/headers.ts';
import { Request } from '@runtimejs/web/request.ts';
import { Response } from '@runtimejs/web/response.ts';
import { createHandler, type WorkerApp } from '@runtimejs/worker/handler.ts';
import test from 'ava';
import { bundleWorker, WorkerBundleError } from '../../lib/worker/bundle.ts';
import { TestClient } from './support/http-client.ts';
import { provideNodeAsHost } from './support/web-host.ts';

provideNodeAsHost();

const get = (target: string, host = 'a') => `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

/** A client of an app, and what the app's errors were. */
function serve(fetch: WorkerApp['fetch']): { client: TestClient; errors: string[] } {
  const errors: string[] = [];
  const handler = createHandler({ fetch }, { NAME: 'value' }, (text) => errors.push(text));
  return { client: new TestClient(handler), errors };
}

async function settle(client: TestClient): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    client.settle();
  }
}

test('the URL of a request is as the URL standard writes it', (t) => {
  const urls: string[] = [];
  const { client } = serve((request) => {
    urls.push(request.url);
    return new Response(null);
  });
  const cases: [string, string][] = [
    ['/', 'example.org'],
    ['/a/b.c?d=e&f', 'example.org:8080'],
    ['/a/../b', 'example.org'],
    ['/a/./b/.', 'example.org'],
    ['/a/%2e%2E/b', 'example.org'],
    ['/.../..a', 'example.org'],
    ['//other.org/x', 'example.org'],
    ['/{}|^"<>`', 'EXAMPLE.org:80'],
    ["/?'", 'example.org'],
    ['/x', '127.0.0.1:65535'],
    ['/x', '127.1'],
    ['/x', '0x7f.1'],
    ['/x', '[::1]:80'],
    ['/x', 'xn--bcher-kva.example'],
    ['/x', 'example.org:080'],
    ['http://Other.org/x/../y', 'example.org'],
  ];
  for (const [target, host] of cases) client.send(get(target, host));
  t.deepEqual(
    urls,
    cases.map(
      ([target, host]) =>
        new URL(target.startsWith('http') ? target : `http://${host}${target}`).href,
    ),
  );
});

test('fetch() gets the environment, and gives responses with promises and without', async (t) => {
  const { client, errors } = serve((_request, env) => new Response(env.NAME, { status: 202 }));
  client.send(get('/'));
  t.regex(
    client.sent,
    /^HTTP\/1.1 202 Accepted\r\ncontent-type: text\/plain;charset=UTF-8\r\n[\s\S]*\r\n\r\nvalue$/,
  );
  const later = serve(async (request) => new Response(`${await request.text()}é`));
  later.client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc');
  await settle(later.client);
  t.regex(later.client.sent, /Content-Length: 5\r\n\r\nabc\xc3\xa9$/);
  t.deepEqual([...errors, ...later.errors], []);
});

test('what goes wrong is 500, and told with the request', async (t) => {
  const cases: [WorkerApp['fetch'], RegExp][] = [
    [
      () => {
        throw new Error('at once');
      },
      /^GET \/x: Error: at once\n +at /,
    ],
    [() => Promise.reject('later'), /^GET \/x: "later"/],
    [() => ({}) as Response, /must return a Response, and has returned \[object Object\]/],
    [() => Object.create(null) as Response, /something that cannot be shown/],
    [
      () => {
        const response = new Response('a');
        void response.text();
        return response;
      },
      /has been read already/,
    ],
  ];
  for (const [fetch, told] of cases) {
    const { client, errors } = serve(fetch);
    client.send(get('/x'));
    await settle(client);
    t.regex(client.sent, /^HTTP\/1.1 500 [\s\S]*Internal Server Error\n$/);
    t.regex(errors.join(), told);
    t.is(errors.length, 1);
    client.send(get('/x'));
    t.is(client.counters.requests, 2, 'the connection goes on');
  }
});

test('a client that goes away aborts the signal of its request', async (t) => {
  let signal: { aborted: boolean } | undefined;
  const { client, errors } = serve((request) => {
    signal = request.signal;
    return new Promise(() => {});
  });
  client.send(get('/'));
  t.false(signal?.aborted);
  client.connection.failed();
  t.true(signal?.aborted);
  t.deepEqual(errors, []);
});

test('a request that is given back as a response goes through piece by piece', async (t) => {
  const { client } = serve(
    (request) => new Response(request.body, { headers: { 'content-length': '6' } }),
  );
  client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
  await settle(client);
  t.regex(client.sent, /Content-Length: 6\r\n\r\nabc$/);
  client.send('3\r\ndef\r\n0\r\n\r\n');
  await settle(client);
  t.regex(client.sent, /\r\n\r\nabcdef$/);
  t.false(client.ended);
});

test('what the standard forbids is refused', (t) => {
  t.throws(() => new Response('a', { status: 204 }), { instanceOf: TypeError });
  t.throws(() => new Response(null, { status: 101 }), { instanceOf: RangeError });
  t.throws(() => new Response(null, { statusText: 'a\r\nb' }), { instanceOf: TypeError });
  t.throws(() => new Headers({ 'a b': 'c' }), { instanceOf: TypeError });
  t.throws(() => new Headers({ a: 'b\r\nc: d' }), { instanceOf: TypeError });
  t.throws(() => new Request('/relative'), { instanceOf: TypeError });
  t.throws(() => new Request('http://a/', { method: 'GET', body: 'a' }), { instanceOf: TypeError });
  t.throws(() => new Request('http://a/', { method: 'CONNECT' }), { instanceOf: TypeError });
});

test('percent-encoding for URLs is what the URL standard has', (t) => {
  const { percentEncodeAfterEncoding } = createRequire(import.meta.url)(
    '../../lib/web/src/percent-encoding.cjs',
  ) as { percentEncodeAfterEncoding(encoding: string, text: string, reserved: string): string };
  const everything = Array.from({ length: 0x3000 }, (_, code) => String.fromCharCode(code)).join(
    '',
  );
  for (const text of ['', 'a=b&c=d e', everything, '\u{1F600}\ud800x\udc00']) {
    for (const reserved of ['', ' "#<>', ' "#\'<>']) {
      const expected = reference('utf-8', text, reserved);
      t.is(percentEncodeAfterEncoding('utf-8', text, reserved), expected);
    }
  }
  t.throws(() => percentEncodeAfterEncoding('shift_jis', 'a', ''), { instanceOf: RangeError });
});

test('globals that take long are loaded with the first use, once, and can be replaced before it', (t) => {
  const globals = globalThis as Record<string, unknown>;
  const names = ['testLoaded', 'testReplaced'];
  let loads = 0;
  try {
    defineOnDemand(names, () => {
      loads++;
      return { testLoaded: 'loaded', testReplaced: 'loaded' };
    });
    t.is(loads, 0);
    globals.testReplaced = 'replaced';
    t.is(globals.testReplaced, 'replaced');
    t.is(loads, 0);
    t.is(globals.testLoaded, 'loaded');
    t.is(globals.testLoaded, 'loaded');
    t.is(loads, 1);
    globals.testLoaded = 'replaced';
    t.is(globals.testLoaded, 'replaced');
    t.false(Object.keys(globals).some((name) => names.includes(name)));
  } finally {
    for (const name of names) delete globals[name];
  }
});

test('a bundle has the globals that the app names, and no others', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'worker-'));
  try {
    const entry = path.join(folder, 'main.ts');
    writeFileSync(entry, "export default { fetch: (): Response => new Response(btoa('a')) };\n");
    const small = await bundleWorker(entry, folder);
    t.regex(small.code, /\bdefine\w*\(\{btoa\b/);
    t.regex(small.code, /\bdefine\w*\(\{Response\b/);
    t.notRegex(small.code, /\bdefineOnDemand\w*\(\[/);
    t.notRegex(small.code, /SHA-384|getRandomValues\(array/);
    writeFileSync(entry, "export default { fetch: () => new URL('http://a').host };\n");
    t.regex((await bundleWorker(entry, folder)).code, /\bdefineOnDemand\w*\(\["URL"\]/);
    writeFileSync(
      entry,
      'const answer: number = await 42;\nexport default { fetch: () => answer };\n',
    );
    const error = await t.throwsAsync(bundleWorker(entry, folder), {
      instanceOf: WorkerBundleError,
    });
    t.regex(error?.message ?? '', /await within fetch\(\)/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
