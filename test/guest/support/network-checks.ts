// What an app does with a network, checked in both directions between the guest and its peer on the host.
// Each way of plugging the guest in (user network, TAP device, another card) registers the same tests.

import { setTimeout as sleep } from 'node:timers/promises';
import type { TestFn } from 'ava';
import { patternDigest } from '../network/pattern.ts';
import { guestBase, ports } from '../network/ports.ts';
import { type Guest, long, type TaskHost } from './network.ts';

/** Both ends of a running test network. */
export interface Ends {
  readonly machine: Guest;
  /** The guest, as the host's programs see it. */
  readonly guest: TaskHost;
  /** The peer on the host, as the host's programs see it. */
  readonly peer: TaskHost;
  /** Where the guest finds the peer. */
  readonly peerFromGuest: TaskHost;
}

const mebibyte = 2 ** 20;
/** How long nothing is sent before the server is asked again, in ms. */
const idle = long ? 600_000 : 15_000;

/**
 * Registers the tests of web servers and clients from npm and from Node.
 * @param test ava's, with its hooks set up
 * @param ends gives both ends, once they run
 */
export function registerProtocolTests(test: TestFn, ends: () => Ends): void {
  test.serial('curl gets a page from node:http', async (t) => {
    const { guest } = ends();
    t.is(await guest.curl(guest.url('http', 'http', '/page')), 'GET /page over HTTP/1.1: \n');
    const body = 'x'.repeat(300_000);
    const answer = await guest.curl(
      '--data-binary',
      body.slice(0, 100_000),
      guest.url('http', 'http'),
    );
    t.is(answer, `POST / over HTTP/1.1: ${body.slice(0, 100_000)}\n`);
  });

  for (const framework of ['express', 'fastify'] as const) {
    test.serial(`${framework} answers`, async (t) => {
      const { guest } = ends();
      const hello = await guest.curl(guest.url('http', framework, '/hello/world'));
      t.deepEqual(JSON.parse(hello), { framework, hello: 'world' });
      const json = ['--header', 'content-type: application/json', '--data', '[1,2,3.5]'];
      const sum = await guest.curl(...json, guest.url('http', framework, '/sum'));
      t.deepEqual(JSON.parse(sum), { sum: 6.5 });
      const options = ['--output', '/dev/null', '--write-out', '%{http_code}'];
      t.is(await guest.curl(...options, guest.url('http', framework, '/nowhere')), '404');
    });
  }

  const echoed = {
    lengths: [0, 1, 125, 126, 65_535, 65_536, 1_000_000],
    code: 4000,
    reason: 'as you wish',
  };
  test.serial('ws: the host is the client', async (t) => {
    const { guest, peer } = ends();
    t.deepEqual(await peer.run('webSocket', { url: guest.url('ws', 'webSocket') }), echoed);
  });
  test.serial('ws: the guest is the client', async (t) => {
    const { guest, peerFromGuest } = ends();
    t.deepEqual(
      await guest.run('webSocket', { url: peerFromGuest.url('ws', 'webSocket') }),
      echoed,
    );
  });

  test.serial('curl gets a page over TLS', async (t) => {
    const { guest } = ends();
    const answer = await guest.curl('--insecure', guest.url('https', 'https', '/secret'));
    t.is(answer, 'GET /secret over HTTP/1.1: \n');
  });
  test.serial('fetch in the guest, over TLS to a server on the host', async (t) => {
    const { guest, peerFromGuest } = ends();
    t.deepEqual(
      await guest.run('fetch', { url: peerFromGuest.url('https', 'https', '/a'), body: 'b' }),
      {
        status: 200,
        body: 'POST /a over HTTP/1.1: b\n',
      },
    );
  });
  test.serial('undici in the guest, over TLS to a server on the host', async (t) => {
    const { guest, peerFromGuest } = ends();
    t.deepEqual(
      await guest.run('undici', { url: peerFromGuest.url('https', 'https', '/a'), body: 'b' }),
      [0, 1, 2, 3, 4].map((index) => `PUT /a over HTTP/1.1: b${index}\n`),
    );
  });

  test.serial('http2: curl is the client, with and without TLS', async (t) => {
    const { guest } = ends();
    const secure = ['--insecure', '--http2', guest.url('https', 'http2', '/two')];
    t.is(await guest.curl(...secure), 'GET /two over HTTP/2.0: \n');
    const clear = ['--http2-prior-knowledge', guest.url('http', 'http2Clear', '/two')];
    t.is(await guest.curl(...clear), 'GET /two over HTTP/2.0: \n');
  });
  test.serial('http2: the guest is the client, 20 streams at once', async (t) => {
    const { guest, peerFromGuest } = ends();
    const answers = await guest.run('http2', { url: peerFromGuest.url('https', 'http2') });
    t.deepEqual(
      answers,
      Array.from({ length: 20 }, (_, index) => `GET /${index} over HTTP/2.0: \n`),
    );
  });

  const sizes = [0, 1, 512, 1472, 1473, 4000, 20_000, 60_000];
  test.serial('dgram: the guest echoes, fragments included', async (t) => {
    const { guest, peer } = ends();
    t.deepEqual(await peer.run('datagrams', guest.endpoint('datagram')), sizes);
  });
  test.serial('dgram: the host echoes, fragments included', async (t) => {
    const { guest, peerFromGuest } = ends();
    t.deepEqual(await guest.run('datagrams', peerFromGuest.endpoint('datagram')), sizes);
  });

  test.serial('errors have the codes that apps know', async (t) => {
    const { guest, peerFromGuest } = ends();
    const { host } = peerFromGuest;
    t.deepEqual(await guest.run('errors', { host, port: guestBase + ports.http }), {
      refused: 'ECONNREFUSED',
      refusedLocally: 'ECONNREFUSED',
      inUse: 'EADDRINUSE',
    });
  });

  test.serial('the loopback addresses work', async (t) => {
    const answers = await ends().guest.run('loopback');
    t.deepEqual(
      answers,
      ['127.0.0.1', '::1', 'localhost', '127.1.2.3'].map((host) => `by ${host}`),
    );
  });

  test.serial('the inspector can be reached from the host', async (t) => {
    const { guest } = ends();
    const version = await guest.curl(guest.url('http', 'inspector', '/json/version'));
    t.regex((JSON.parse(version) as { Browser: string }).Browser, /^node\.js\/v26/);
    const list = JSON.parse(await guest.curl(guest.url('http', 'inspector', '/json/list')));
    t.regex(
      (list as { webSocketDebuggerUrl: string }[])[0]?.webSocketDebuggerUrl ?? '',
      /^ws:\/\//,
    );
  });
}

/**
 * Registers tests that send much: each way, each end once the one that connects.
 * @param test ava's, with its hooks set up
 * @param ends gives both ends, once they run
 * @param megabytes size of each stream, in MiB
 */
export function registerStreamTests(test: TestFn, ends: () => Ends, megabytes: number): void {
  const length = megabytes * mebibyte;
  const what = `${megabytes} MiB`;
  for (const [title, seed, stream] of [
    [
      `${what} to the guest, which listens`,
      1,
      ({ guest, peer }, task) => peer.run('send', { ...guest.endpoint('sink'), ...task }),
    ],
    [
      `${what} from the guest, which listens`,
      2,
      ({ guest, peer }, task) => peer.run('receive', { ...guest.endpoint('source'), ...task }),
    ],
    [
      `${what} from the guest, which connects`,
      3,
      ({ guest, peerFromGuest }, task) =>
        guest.run('send', { ...peerFromGuest.endpoint('sink'), ...task }),
    ],
    [
      `${what} to the guest, which connects`,
      4,
      ({ guest, peerFromGuest }, task) =>
        guest.run('receive', { ...peerFromGuest.endpoint('source'), ...task }),
    ],
  ] satisfies [
    string,
    number,
    (
      ends: Ends,
      task: { length: number; seed: number },
    ) => Promise<{ length: number; sha256: string; rate: number }>,
  ][]) {
    test.serial(title, async (t) => {
      const { rate, ...digest } = await stream(ends(), { length, seed });
      t.log(`${rate.toFixed(1)} MB/s`);
      t.deepEqual(digest, patternDigest(length, seed));
    });
  }
}

/**
 * Registers the tests that come last: after a long time without a packet, and how it all ends.
 * @param test ava's, with its hooks set up
 * @param ends gives both ends, once they run
 */
export function registerLastTests(test: TestFn, ends: () => Ends): void {
  test.serial(`curl gets a page after ${idle / 1000} idle seconds`, async (t) => {
    const { guest } = ends();
    await sleep(idle);
    t.is(await guest.curl(guest.url('http', 'http', '/late')), 'GET /late over HTTP/1.1: \n');
  });
  test.serial('the app ends by itself, and well', async (t) => {
    const { machine, guest } = ends();
    await machine.expectGoodEnd(t, guest);
  });
  test.serial('tshark finds no fault in the capture', async (t) => {
    await ends().machine.expectCleanCapture(t);
  });
}
