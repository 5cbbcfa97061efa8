/** Clients that want the server to keep, to wait or to answer more than it should; and what follows errors. */
import type { Exchange, OutgoingBody } from '@runtimejs/http/connection/types.ts';
import { type Refusal, statusOf } from '@runtimejs/http/wire/refusal.ts';
import test from 'ava';
import { readAll, TestClient } from './support/http-client.ts';

const get = (path: string, fields = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const plain = { status: 200, reason: '', fields: [] as string[] };
const post = (fields: string) => `POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;

function echoPath(exchange: Exchange): void {
  exchange.respond({ ...plain, body: exchange.head.target });
}

function readThenAnswer(exchange: Exchange): void {
  readAll(exchange.body, (_content, error) => {
    if (error === undefined) exchange.respond({ ...plain, body: 'ok' });
  });
}

/** Statuses of all responses, in order. */
function statuses({ sent }: TestClient): number[] {
  return [...sent.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
}

test('what is pipelined before an error is answered, the error is, and what follows is not', async (t) => {
  const errors: readonly (readonly [bytes: string, refusal: Refusal])[] = [
    ['nonsense\r\n\r\n', 'requestLine'],
    ['GET / HTTP/1.1\r\n\r\n', 'hostMissing'],
    [post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'), 'lengthAndCoding'],
    [`${post('Transfer-Encoding: chunked\r\n')}zz\r\n`, 'chunkSize'],
    [`${post('Transfer-Encoding: chunked\r\n')}0\r\n\r\n0\r\n\r\n`, 'requestLine'],
    [`${post('Content-Length: 3\r\n')}hello\r\n`, 'requestLine'],
  ];
  for (const [bytes, refusal] of errors) {
    const targets: string[] = [];
    const client = new TestClient((exchange) => {
      targets.push(exchange.head.target);
      readThenAnswer(exchange);
    });
    client.send(get('/1') + get('/2') + bytes + get('/hidden'));
    await client.idle();
    const good = statuses(client).slice(0, -1);
    t.true(good.length >= 2 && good.every((status) => status === 200), bytes);
    t.is(statuses(client).at(-1), statusOf(refusal), bytes);
    t.false(targets.includes('/hidden'), bytes);
    t.is(client.counters[refusal], 1, bytes);
    t.true(client.ended);
    client.send(get('/hidden'));
    await client.idle();
    t.false(targets.includes('/hidden'), bytes);
  }
});

test('what follows Connection: close is not looked at', async (t) => {
  const targets: string[] = [];
  const client = new TestClient((exchange) => {
    targets.push(exchange.head.target);
    echoPath(exchange);
  });
  client.send(get('/1', 'Connection: close\r\n') + get('/hidden'));
  await client.idle();
  t.deepEqual(targets, ['/1']);
  t.is(client.waiting, 0);
});

test('a refused HEAD request is answered without content', (t) => {
  for (const bytes of [
    'HEAD / HTTP/1.1\r\n\r\n',
    '\r\nHEAD / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n',
    'HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n',
  ]) {
    const client = new TestClient(echoPath);
    client.send(bytes);
    t.regex(client.sent, /^HTTP\/1\.1 4\d\d [\s\S]*\r\n\r\n$/);
    t.regex(client.sent, /Content-Length: [1-9]/);
    t.true(client.ended);
  }
});

/** Sends without end. @returns the most bytes that the server left where they were, and how many it was sent */
function flood(client: TestClient, piece: string, window = 64 * 1024, most = 8 << 20) {
  let sent = 0;
  let left = 0;
  // As TCP does: no more than the window is under way.
  while (sent < most && !client.ended && client.waiting + piece.length <= window) {
    client.send(piece);
    sent += piece.length;
    left = Math.max(left, client.waiting);
  }
  return { sent, left };
}

test('no part of a request can be endless', (t) => {
  const kib = 'x'.repeat(1024);
  const parts: readonly (readonly [
    name: string,
    begin: string,
    piece: string,
    refusal: Refusal,
  ])[] = [
    ['method', '', kib, 'targetTooLong'],
    ['target', 'GET /', kib, 'targetTooLong'],
    ['name', 'GET / HTTP/1.1\r\n', kib, 'headTooLarge'],
    ['value', 'GET / HTTP/1.1\r\nA: ', kib, 'headTooLarge'],
    ['fields', 'GET / HTTP/1.1\r\n', 'A: b\r\n'.repeat(100), 'headTooLarge'],
    ['chunk size', post('Transfer-Encoding: chunked\r\n'), '0', 'chunkSize'],
    ['extension', `${post('Transfer-Encoding: chunked\r\n')}1;`, kib, 'chunkExtension'],
    ['quoted extension', `${post('Transfer-Encoding: chunked\r\n')}1;a="`, kib, 'chunkExtension'],
    [
      'extensions',
      post('Transfer-Encoding: chunked\r\n'),
      `1;${'a'.repeat(500)}\r\nx\r\n`,
      'chunkExtension',
    ],
    ['chunks', post('Transfer-Encoding: chunked\r\n'), `400\r\n${kib}\r\n`, 'bodyTooLarge'],
    [
      'tiny chunks',
      post('Transfer-Encoding: chunked\r\n'),
      '1\r\nx\r\n'.repeat(100),
      'bodyTooLarge',
    ],
    [
      'trailer',
      `${post('Transfer-Encoding: chunked\r\n')}0\r\n`,
      'a: b\r\n'.repeat(100),
      'headTooLarge',
    ],
    ['trailer value', `${post('Transfer-Encoding: chunked\r\n')}0\r\na: `, kib, 'headTooLarge'],
  ];
  for (const [name, begin, piece, refusal] of parts) {
    const client = new TestClient(readThenAnswer, { limits: { body: 64 * 1024 } });
    client.send(begin);
    const { left } = flood(client, piece);
    t.is(client.counters[refusal], 1, `${name}: ${JSON.stringify(client.counters)}`);
    t.true(client.ended, name);
    t.true(left <= 20_000, `${name}: ${left} bytes were kept`);
    // What comes after that costs nothing either.
    for (let count = 0; count < 100; count += 1) client.send(kib);
    t.is(client.waiting, 0, name);
  }
});

test('empty lines before a request are no way to keep a connection', (t) => {
  const client = new TestClient(echoPath);
  client.send('\r\n'.repeat(100));
  t.is(client.counters.requestLine, 1);
  t.true(client.ended);
});

test('requests that nobody answers yet stay with the client, and so does content that nobody reads', (t) => {
  const waiting = new TestClient(() => {});
  waiting.send(get('/1'));
  const pipelined = flood(waiting, get('/more'));
  t.true(pipelined.left > 60_000 && pipelined.left <= 64 * 1024);
  t.is(waiting.counters.requests, 1);
  const unread = new TestClient(() => {});
  unread.send(post('Transfer-Encoding: chunked\r\n'));
  t.true(flood(unread, `400\r\n${'x'.repeat(1024)}\r\n`).left > 60_000);
  t.is(unread.counters.requests, 1);
});

test('many requests at once are answered one by one, and an answer that is not taken stops the next', async (t) => {
  const client = new TestClient(echoPath, { room: 2000 });
  client.send(get('/x').repeat(500));
  await client.idle();
  t.true(client.waiting > 10_000, 'most of them stay with the client');
  for (let turns = 0; client.waiting > 0 && turns < 1000; turns += 1) {
    client.take(500);
    await client.idle();
  }
  client.take(100_000);
  await client.idle();
  t.is(statuses(client).length, 500);
});

test('slow heads end after the time for a head, however the bytes come', (t) => {
  for (const pause of [0.5, 1, 5, 19]) {
    const client = new TestClient(echoPath);
    let passed = 0;
    while (!client.ended && passed < 1000) {
      client.send(passed === 0 ? 'GET / HTTP/1.1\r\nHost: a\r\nA: ' : 'b');
      client.pass(pause);
      passed += pause;
    }
    t.deepEqual(statuses(client), [408]);
    t.true(passed >= 20 && passed < 20 + 2 * pause, `${passed} s`);
  }
});

test('slow content ends after the time between pieces, or after that for all of it', (t) => {
  for (const [pause, limit] of [
    [29, 300],
    [31, 31],
    [1, 300],
  ] as const) {
    for (const fields of ['Content-Length: 100000\r\n', 'Transfer-Encoding: chunked\r\n']) {
      const client = new TestClient(readThenAnswer);
      client.send(post(fields));
      let passed = 0;
      while (!client.ended && passed < 1000) {
        client.send(fields.startsWith('C') ? 'x' : '1\r\nx\r\n');
        client.pass(pause);
        passed += pause;
      }
      t.deepEqual(statuses(client), [408]);
      t.true(passed >= limit && passed <= limit + 2 * pause, `${passed} s`);
    }
  }
});

test('a slow reader costs one piece of a response at a time', async (t) => {
  let pulled = 0;
  const body: OutgoingBody = {
    length: undefined,
    pull(then) {
      pulled += 1;
      then(new Uint8Array(1000).fill(0x78));
    },
    cancel() {},
  };
  const client = new TestClient((exchange) => exchange.respond({ ...plain, body }), { room: 3000 });
  client.send(get('/'));
  await client.idle();
  t.true(pulled <= 4);
  for (let count = 1; count <= 50; count += 1) {
    client.pass(30);
    client.take(100);
    await client.idle();
    t.true(pulled <= 4 + count / 9, `${pulled} pieces for ${count} times 100 bytes`);
  }
  t.false(client.aborted, 'it takes something each time');
  client.pass(61);
  t.true(client.aborted);
});

test('a client that stays after a refusal, or keeps sending, is gone after the time to linger', (t) => {
  const client = new TestClient(echoPath);
  client.send('nonsense\r\n\r\n');
  for (let count = 0; count < 30 && !client.closed; count += 1) {
    client.send('x'.repeat(1000));
    client.pass(0.2);
  }
  t.true(client.closed);
});
