/** The corpus of malformed and ambiguous requests, whole and in pieces. */
import { type Refusal, refusals, statusOf } from '@runtimejs/http/wire/refusal.ts';
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
    // Of long ones, which repeat themselves, every place near the ends, and some between.
    const isCut = (at: number): boolean =>
      bytes.length <= 2000 || at < 100 || at > bytes.length - 100 || at % 499 === 0;
    const cuts = Array.from(bytes, (_, at) => at).filter(isCut);
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
  const missing = Object.keys(refusals).filter((name) => !covered.has(name as Refusal));
  t.deepEqual(missing, ['headTimeout', 'bodyTimeout']);
});

test('every entry has a name of its own, and a rule', (t) => {
  t.is(new Set(corpus.map(({ name }) => name)).size, corpus.length);
  for (const { name, rule } of corpus) t.regex(rule, /^RFC \d+, section [\d.]+$/, name);
});
