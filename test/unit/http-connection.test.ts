/** What a connection does with well-formed requests: order, content both ways, ends, times. */
import type { Exchange, OutgoingBody } from '@runtimejs/http/connection/types.ts';
import test from 'ava';
import { readAll, TestClient } from './support/http-client.ts';

const get = (path: string, fields = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const plain = { status: 200, reason: '', fields: [] as string[] };

function echoPath(exchange: Exchange): void {
  exchange.respond({ ...plain, body: exchange.head.target });
}

/** Content that is given piece by piece when the test says so. */
function manualBody(length?: number) {
  const state = { pulls: 0, cancelled: undefined as Error | undefined };
  let then: ((piece: Uint8Array | null, error?: unknown) => void) | undefined;
  const body: OutgoingBody = {
    length,
    pull(next) {
      state.pulls += 1;
      then = next;
    },
    cancel(reason) {
      state.cancelled = reason;
    },
  };
  const give = (piece: string | null, error?: unknown): void => {
    const next = then;
    then = undefined;
    next?.(piece === null ? null : new TextEncoder().encode(piece), error);
  };
  return { body, give, state };
}

test('a response has status, date, length and content', (t) => {
  const client = new TestClient((exchange) =>
    exchange.respond({ status: 201, reason: '', fields: ['X-A', 'b'], body: 'hello' }),
  );
  client.send(get('/'));
  t.is(
    client.sent,
    'HTTP/1.1 201 Created\r\nX-A: b\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n' +
      'Content-Length: 5\r\n\r\nhello',
  );
});

test('pipelined requests are answered in order, also when answers take their time', async (t) => {
  const waiting: Exchange[] = [];
  const client = new TestClient((exchange) => waiting.push(exchange));
  client.send(get('/1') + get('/2') + get('/3'));
  t.is(waiting.length, 1, 'the second one waits for the first response');
  t.true(client.waiting > 0, 'and stays with the client');
  for (let index = 0; index < 3; index += 1) {
    echoPath(waiting[index] as Exchange);
    await client.idle();
  }
  t.deepEqual(
    [...client.sent.matchAll(/\r\n\r\n(\/\d)/g)].map((match) => match[1]),
    ['/1', '/2', '/3'],
  );
  t.false(client.ended);
});

test('Connection: close and HTTP/1.0 end the connection, keep-alive keeps it', (t) => {
  const cases: [string, boolean, RegExp][] = [
    [get('/', 'Connection: close\r\n'), true, /Connection: close/],
    [get('/', 'Connection: x, Close\r\n'), true, /Connection: close/],
    ['GET / HTTP/1.0\r\n\r\n', true, /Connection: close/],
    ['GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n', false, /Connection: keep-alive/],
    [get('/'), false, /^(?!.*Connection)/s],
  ];
  for (const [request, ends, shown] of cases) {
    const client = new TestClient(echoPath);
    client.send(request);
    t.is(client.ended, ends, request);
    t.regex(client.sent, shown);
  }
});

test('HEAD is answered like GET, without the content', (t) => {
  const client = new TestClient(echoPath);
  client.send(`HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\n${get('/next')}`);
  const [head, rest] = client.sent.split(/(?<=\r\n\r\n)(?=HTTP)/);
  t.regex(head as string, /Content-Length: 4\r\n\r\n$/);
  t.regex(rest as string, /\r\n\r\n\/next$/);
});

test('204 and 304 have no content and no length', (t) => {
  for (const status of [204, 304]) {
    const client = new TestClient((exchange) =>
      exchange.respond({ ...plain, status, body: 'never' }),
    );
    client.send(get('/'));
    t.notRegex(client.sent, /never|Content-Length|Transfer/);
    t.false(client.ended);
  }
});

test('content of unknown length is chunked, and waits for the client', (t) => {
  const { body, give, state } = manualBody();
  const client = new TestClient((exchange) => exchange.respond({ ...plain, body }), { room: 160 });
  client.send(get('/'));
  t.regex(client.sent, /Transfer-Encoding: chunked\r\n\r\n$/);
  t.is(state.pulls, 1);
  const before = client.sent.length;
  give('x'.repeat(300));
  t.is(client.sent.length, 160, 'no more than there is room for');
  t.is(state.pulls, 1, 'nothing is asked for while something waits');
  client.take(1000);
  t.is(client.sent.slice(before), `12c\r\n${'x'.repeat(300)}\r\n`);
  t.is(state.pulls, 2);
  give('');
  t.is(state.pulls, 3, 'an empty piece would have been the end');
  give(null);
  t.true(client.sent.endsWith('\r\n0\r\n\r\n'));
  client.send(get('/'));
  t.is(client.counters.requests, 2);
});

test('to HTTP/1.0, content of unknown length ends with the connection', (t) => {
  const { body, give } = manualBody();
  const client = new TestClient((exchange) => exchange.respond({ ...plain, body }));
  client.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
  give('hello');
  t.false(client.ended);
  give(null);
  t.regex(client.sent, /Connection: close\r\n\r\nhello$/);
  t.true(client.ended);
});

test('content that is shorter or longer than its length, or fails, ends in a reset', (t) => {
  for (const end of ['short', 'long', 'error'] as const) {
    const { body, give } = manualBody(10);
    const client = new TestClient((exchange) => exchange.respond({ ...plain, body }));
    client.send(get('/'));
    give(end === 'long' ? 'x'.repeat(11) : 'x');
    if (end === 'short') give(null);
    if (end === 'error') give(null, new Error('broken'));
    t.true(client.aborted, end);
    t.is(client.counters.responsesBroken, 1);
  }
});

test('content of a request is taken as it is read', (t) => {
  let exchange: Exchange | undefined;
  const client = new TestClient((one) => {
    exchange = one;
  });
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(200_000)}`);
  t.is(client.waiting, 200_000, 'nothing is taken before it is read');
  const pieces: number[] = [];
  const one = () => exchange?.body?.read((piece) => pieces.push(piece?.length ?? -1));
  one();
  client.settle();
  t.deepEqual(pieces, [65_536]);
  t.is(client.waiting, 200_000 - 65_536);
  for (let index = 0; index < 4; index += 1) {
    one();
    client.settle();
  }
  t.deepEqual(pieces, [65_536, 65_536, 65_536, 3392, -1]);
  exchange?.respond({ ...plain, body: null });
  client.send(get('/'));
  t.is(client.counters.requests, 2);
});

test('Expect: 100-continue: the server continues when somebody reads', (t) => {
  let exchange: Exchange | undefined;
  const client = new TestClient((one) => {
    exchange = one;
  });
  client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n');
  t.is(client.sent, '');
  let content = '';
  readAll((exchange as Exchange).body, (all) => {
    content = all;
  });
  t.is(client.sent, 'HTTP/1.1 100 Continue\r\n\r\n');
  client.send('hello');
  t.is(content, 'hello');
  exchange?.respond({ ...plain, body: 'ok' });
  t.false(client.ended);
});

test('Expect: 100-continue: an answer without it closes, for nobody knows what follows', (t) => {
  const client = new TestClient((exchange) =>
    exchange.respond({ ...plain, status: 401, body: null }),
  );
  client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 40\r\n\r\n');
  t.notRegex(client.sent, /100 Continue/);
  t.true(client.ended);
  client.send(get('/hidden'));
  t.is(client.counters.requests, 1);
});

test('content that nobody read is taken when it is small, and ends the connection when it is not', (t) => {
  const small = new TestClient(echoPath);
  small.send(`POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello${get('/2')}`);
  t.regex(small.sent, /\r\n\r\n\/1HTTP.*\r\n\r\n\/2$/s);
  const large = new TestClient(echoPath);
  large.send(`POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\nhello${get('/2')}`);
  t.true(large.ended);
  t.is(large.counters.requests, 1);
  const chunked = new TestClient(echoPath);
  chunked.send('POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
  for (let index = 0; index < 20; index += 1) chunked.send(`4000\r\n${'x'.repeat(0x4000)}\r\n`);
  t.true(chunked.ended);
});

test('a client that closes its side still gets its answers', async (t) => {
  const waiting: Exchange[] = [];
  const client = new TestClient((exchange) => waiting.push(exchange));
  client.send(get('/1') + get('/2'));
  client.finish();
  t.false(client.closed);
  echoPath(waiting[0] as Exchange);
  await client.idle();
  echoPath(waiting[1] as Exchange);
  await client.idle();
  t.regex(client.sent, /\/1HTTP.*\/2$/s);
  t.true(client.closed);
});

test('a client that ends within its content: whoever reads gets an error', (t) => {
  let problem: Error | undefined;
  const client = new TestClient((exchange) => {
    readAll(exchange.body, (_content, error) => {
      problem = error;
    });
  });
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello');
  client.finish();
  t.regex(problem?.message ?? '', /within the content/);
});

test('a client that goes away aborts what is under way', (t) => {
  let reason: Error | undefined;
  const { body, state } = manualBody();
  const waits = new TestClient((exchange) => {
    exchange.onAbort = (why) => {
      reason = why;
    };
  });
  waits.send(get('/'));
  waits.connection.failed();
  t.regex(reason?.message ?? '', /gone/);
  const streams = new TestClient((exchange) => exchange.respond({ ...plain, body }));
  streams.send(get('/'));
  streams.connection.failed();
  t.regex(state.cancelled?.message ?? '', /gone/);
});

test('a second response, and one that comes too late, is dropped and its content cancelled', (t) => {
  let exchange: Exchange | undefined;
  const client = new TestClient((one) => {
    exchange = one;
  });
  client.send(get('/'));
  exchange?.respond({ ...plain, body: 'one' });
  const { body, state } = manualBody();
  exchange?.respond({ ...plain, body });
  t.truthy(state.cancelled);
  t.is(client.sent.split('HTTP/1.1').length, 2);
});

test('fields that could end their line are refused, and an answer is still possible', (t) => {
  let exchange: Exchange | undefined;
  const client = new TestClient((one) => {
    exchange = one;
  });
  client.send(get('/'));
  for (const fields of [
    ['A', 'b\r\nC: d'],
    ['A b', 'c'],
    ['A\r\n', 'c'],
    ['A', '\u0100'],
    ['', 'a'],
  ]) {
    t.throws(() => exchange?.respond({ ...plain, fields, body: null }), { instanceOf: TypeError });
  }
  t.is(client.sent, '');
  const own = ['Transfer-Encoding', 'gzip', 'Content-Length', '7', 'Connection', 'upgrade'];
  exchange?.respond({ ...plain, fields: own, body: 'ok' });
  t.notRegex(client.sent, /gzip|: 7|upgrade/);
  t.regex(client.sent, /Content-Length: 2\r\n\r\nok$/);
});

test('times: first request, head, content, idling, a client that does not read', (t) => {
  const silent = new TestClient(echoPath);
  silent.pass(21);
  t.true(silent.ended);
  t.is(silent.sent, '');

  const slow = new TestClient(echoPath);
  for (let index = 0; index < 25 && slow.sent === ''; index += 1) {
    slow.send(get('/')[index] as string);
    slow.pass(1);
  }
  t.regex(slow.sent, /^HTTP\/1.1 408 /);

  const idle = new TestClient(echoPath);
  idle.send(get('/'));
  idle.pass(59);
  t.false(idle.ended);
  idle.pass(2);
  t.true(idle.ended);

  const drip = new TestClient((exchange) => readAll(exchange.body, () => {}));
  drip.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n');
  for (let index = 0; index < 11 && drip.sent === ''; index += 1) {
    drip.send('x');
    drip.pass(29);
  }
  t.regex(drip.sent, /^HTTP\/1.1 408 /, 'the whole content has a limit, too');

  const reader = new TestClient(
    (exchange) => exchange.respond({ ...plain, body: 'x'.repeat(5000) }),
    { room: 1000 },
  );
  reader.send(get('/'));
  reader.pass(59);
  reader.take(1000);
  reader.pass(59);
  t.false(reader.aborted);
  reader.pass(2);
  t.true(reader.aborted);
  t.is(reader.counters.sendTimeout, 1);

  const program = new TestClient(() => {});
  program.send(get('/'));
  program.pass(100_000);
  t.false(program.aborted || program.ended, 'the program may take its time');
});

test('after a refusal the client may read; its end, or some time, closes', (t) => {
  const client = new TestClient(echoPath);
  client.send('nonsense\r\n\r\n');
  t.true(client.ended);
  t.false(client.closed);
  client.send('x'.repeat(100_000));
  t.is(client.waiting, 0);
  client.pass(3);
  t.true(client.closed);
});

test('closing: idle connections end at once, others after their response', (t) => {
  const idle = new TestClient(echoPath);
  idle.host.isClosing = true;
  idle.connection.shutDown();
  t.true(idle.ended);
  let exchange: Exchange | undefined;
  const busy = new TestClient((one) => {
    exchange = one;
  });
  busy.send(get('/'));
  busy.host.isClosing = true;
  busy.connection.shutDown();
  t.false(busy.ended);
  exchange?.respond({ ...plain, body: 'ok' });
  t.regex(busy.sent, /Connection: close\r\n/);
  t.true(busy.ended);
});
