/** The corpus of malformed and ambiguous requests, whole and in pieces. */
import { type Refusal, statusOf } from '@runtimejs/http/wire/refusal.ts';
import test from 'ava';
import { readAll, TestClient } from './support/http-client.ts';
import { corpus } from './support/http-corpus.ts';

interface Seen {
  readonly target: string;
  readonly content: string;
}

/** A server that reads everything and answers 200. */
function serve(): { client: TestClient; seen: Seen[] } {
  const seen: Seen[] = [];
  const client = new TestClient(
    (exchange) => {
      readAll(exchange.body, (content, error) => {
        if (error !== undefined) return;
        seen.push({ target: exchange.head.target, content });
        exchange.respond({ status: 200, reason: '', fields: [], body: 'ok' });
      });
    },
    { limits: { body: 200_000 } },
  );
  return { client, seen };
}

/** What the refused ones must not lead to: a request that hides behind them. */
const hidden = 'GET /hidden HTTP/1.1\r\nHost: example.test\r\n\r\n';

function refusalOf({ counters }: TestClient): string[] {
  return Object.keys(counters).filter((name) => name !== 'requests');
}

for (const { name, bytes, outcome } of corpus) {
  test(`corpus: ${name}`, (t) => {
    const { client, seen } = serve();
    client.send(bytes);
    client.send(hidden);
    if (typeof outcome === 'string') {
      t.deepEqual(seen, []);
      t.deepEqual(refusalOf(client), [outcome]);
      t.true(client.sent.startsWith(`HTTP/1.1 ${statusOf(outcome as Refusal)} `), client.sent);
      t.regex(client.sent, /\r\nConnection: close\r\n/);
      t.is(client.sent.split('HTTP/1.1').length, 2, 'one response only');
      t.true(client.ended);
      t.is(client.waiting, 0, 'what follows is thrown away');
    } else if (bytes.includes('HTTP/1.0')) {
      t.deepEqual(seen, [outcome]);
    } else {
      t.deepEqual(seen, [outcome, { target: '/hidden', content: '' }]);
    }
  });
}

test('every entry has the same outcome wherever it is cut in two, and byte by byte', (t) => {
  for (const { name, bytes, outcome } of corpus) {
    const cuts = bytes.length > 2000 ? [1, 15, 16, 17, 700, 1999] : [...bytes].map((_, at) => at);
    for (const cut of cuts) {
      const { client, seen } = serve();
      client.send(bytes.slice(0, cut));
      client.send(bytes.slice(cut));
      check(`${name}, cut at ${cut}`, client, seen);
    }
    if (bytes.length > 2000) continue;
    const { client, seen } = serve();
    for (const byte of bytes) client.send(byte);
    check(`${name}, byte by byte`, client, seen);

    function check(title: string, client: TestClient, seen: readonly Seen[]): void {
      if (typeof outcome === 'string') {
        t.deepEqual(seen, [], title);
        t.true(client.sent.startsWith(`HTTP/1.1 ${statusOf(outcome as Refusal)} `), title);
      } else {
        t.deepEqual(seen, [outcome], title);
      }
    }
  }
});

test('no refusal is without an entry in the corpus, but those of time', (t) => {
  const covered = new Set(corpus.map(({ outcome }) => outcome));
  const names: Refusal[] = [
    ...(['bareCarriageReturn', 'bareLineFeed', 'requestLine', 'target', 'targetTooLong'] as const),
    ...(['connect', 'version', 'headTooLarge', 'tooManyFields', 'folded', 'fieldName'] as const),
    ...(['spaceBeforeColon', 'fieldValue', 'hostMissing', 'hostRepeated', 'host'] as const),
    ...(['contentLength', 'contentLengthRepeated', 'lengthAndCoding', 'transferCoding'] as const),
    ...(['chunkedNotLast', 'codingInOldVersion', 'expectation', 'chunkSize'] as const),
    ...(['chunkExtension', 'chunkEnd', 'bodyTooLarge'] as const),
  ];
  for (const name of names) t.true(covered.has(name), name);
});
