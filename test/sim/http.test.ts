/** The HTTP server on the TCP stack, in virtual time: bad wires, slow clients, crowds, the end. */
import type { Exchange, OutgoingBody } from '@runtimejs/http/connection/types.ts';
import { largestBlock } from '@runtimejs/http/server/ring-memory.ts';
import test from 'ava';
import { readAll } from '../unit/support/http-client.ts';
import { SimulatedClient, SimulatedServer } from './support/http.ts';
import { second, World } from './support/world.ts';

const seeds = [1, 2, 3, 4, 5, 6];
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const plain = { status: 200, reason: '', fields: [] };

/** Answers with what it got. */
function echo(exchange: Exchange): void {
  readAll(exchange.body, (content, error) => {
    if (error === undefined) {
      exchange.respond({ ...plain, body: `${exchange.head.target} ${content}` });
    }
  });
}

/** Content of many pieces. */
function pieces(count: number, size: number): OutgoingBody & { pulled: number } {
  return {
    length: undefined,
    pulled: 0,
    pull(then) {
      this.pulled += 1;
      then(this.pulled > count ? null : new Uint8Array(size).fill(0x61 + (this.pulled % 26)));
    },
    cancel() {},
  };
}

function contentOfChunks(received: string): string {
  let at = received.indexOf('\r\n\r\n') + 4;
  let content = '';
  for (;;) {
    const end = received.indexOf('\r\n', at);
    const size = Number.parseInt(received.slice(at, end), 16);
    if (size === 0) return content;
    content += received.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
}

for (const seed of seeds) {
  test(`requests over a wire that loses and swaps frames, seed ${seed}`, (t) => {
    const world = new World(seed, {
      conditions: { loss: 0.03, duplicate: 0.02, reorder: 0.05, jitter: 3000, delay: 5000 },
    });
    const { server, rings } = new SimulatedServer(world, echo);
    const clients = Array.from({ length: 5 }, () => new SimulatedClient(world));
    const content = 'x'.repeat(30_000);
    const chunks = `4\r\nabcd\r\n${(3000).toString(16)}\r\n${'y'.repeat(3000)}\r\n0\r\n\r\n`;
    for (const [index, client] of clients.entries()) {
      client.write(get('/1') + get('/2'));
      client.write(
        `POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: ${content.length}\r\n\r\n${content}`,
      );
      client.write(`POST /4 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`);
      client.write(get(`/last-${index}`));
    }
    for (const [index, client] of clients.entries()) {
      world.expect('the last answer', () => client.received.includes(`/last-${index} `));
      t.is(client.received.split('HTTP/1.1 200 OK').length - 1, 5);
      t.true(client.received.includes(`/3 ${content}`));
      t.true(client.received.includes(`/4 abcd${'y'.repeat(3000)}`));
      client.close();
    }
    world.expect('the connections to end', () => server.connectionCount === 0);
    t.true(rings.used <= 4096, `${rings.used} bytes of rings are left: the control words only`);
  });
}

test('a long response waits for a client that reads late, and costs one ring', (t) => {
  const world = new World(7);
  const body = pieces(200, 10_000);
  const { server, rings } = new SimulatedServer(
    world,
    (exchange) => exchange.respond({ ...plain, body }),
    { timeouts: { send: 1000 } },
  );
  const client = new SimulatedClient(world);
  client.reads = false;
  client.write(get('/'));
  world.pass(30 * second);
  t.true(body.pulled < 60, `${body.pulled} pieces were asked for`);
  t.true(rings.used <= largestBlock * 2, `${rings.used} bytes`);
  t.is(server.connectionCount, 1);
  client.reads = true;
  client.read();
  world.expect('the end', () => client.received.endsWith('\r\n0\r\n\r\n'));
  t.is(contentOfChunks(client.received).length, 200 * 10_000);
});

test('a client that reads nothing is reset after a time, and its memory given back', (t) => {
  const world = new World(8);
  const { server, rings } = new SimulatedServer(world, (exchange) =>
    exchange.respond({ ...plain, body: pieces(1000, 10_000) }),
  );
  const client = new SimulatedClient(world);
  client.reads = false;
  client.write(get('/'));
  world.pass(130 * second);
  t.is(server.connectionCount, 0);
  t.true(rings.used <= 4096);
});

test('slow heads: a hundred clients that send a byte now and then cost little, and go', (t) => {
  const world = new World(9);
  const { server, rings } = new SimulatedServer(world, echo);
  const slow = Array.from({ length: 100 }, () => new SimulatedClient(world));
  const head = `GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(100)}`;
  for (let at = 0; at < 15; at += 1) {
    for (const client of slow) client.write(head[at] as string);
    world.pass(second);
  }
  t.is(server.connectionCount, 100);
  t.true(rings.used <= 100 * 4096 + 5 * 4096, `${rings.used} bytes of rings`);
  const honest = new SimulatedClient(world);
  honest.write(get('/honest'));
  world.expect('an answer', () => honest.received.includes('/honest '), 5 * second);
  world.pass(10 * second);
  t.true(slow.every(({ received }) => received.startsWith('HTTP/1.1 408 ')));
  world.pass(10 * second);
  t.is(server.connectionCount, 1, 'only the honest one is left');
});

test('no memory for rings: the server waits and goes on, and nothing is corrupted', (t) => {
  const world = new World(10);
  const { server, rings } = new SimulatedServer(world, echo, { ringBytes: largestBlock });
  const content = 'z'.repeat(50_000);
  const clients = Array.from({ length: 12 }, () => new SimulatedClient(world));
  for (const client of clients) {
    client.write(
      `POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 50000\r\n\r\n${content}`,
    );
  }
  let complete = 0;
  for (const client of clients) {
    world.run(() => client.sawEnd || client.error !== undefined, world.agenda.now + 600 * second);
    if (client.received.endsWith(`/x ${content}`)) complete += 1;
    else t.notRegex(client.received, /^HTTP\/1.1 200 .*z\r\n\r\n$/s);
  }
  t.true(complete > 0, `${complete} of 12 got their answer`);
  t.true(rings.used <= largestBlock);
  for (const client of clients) if (!client.closed) client.close();
  world.pass(400 * second);
  t.is(server.connectionCount, 0);
});

test('more connections than there may be wait for their turn', (t) => {
  const world = new World(11);
  const { server } = new SimulatedServer(world, echo, { limits: { connections: 3 } });
  const clients = Array.from({ length: 5 }, () => new SimulatedClient(world));
  for (const client of clients) client.write(get('/x'));
  world.pass(5 * second);
  t.is(server.connectionCount, 3);
  const served = () => clients.filter(({ received }) => received !== '').length;
  t.is(served(), 3);
  for (const client of clients) if (client.received !== '') client.close();
  world.expect('the others', () => served() === 5, 200 * second);
});

test('closing: no new connections, idle ones end, an answer under way is given, then it is over', (t) => {
  const world = new World(12);
  let waiting: Exchange | undefined;
  const { server } = new SimulatedServer(world, (exchange) => {
    if (exchange.head.target === '/slow') waiting = exchange;
    else echo(exchange);
  });
  const idle = new SimulatedClient(world);
  idle.write(get('/x'));
  const busy = new SimulatedClient(world);
  busy.write(get('/slow'));
  world.expect('both', () => idle.received !== '' && waiting !== undefined);
  let isClosed = false;
  server.close(10, () => {
    isClosed = true;
  });
  world.expect('the end of the idle one', () => idle.sawEnd, 2 * second);
  idle.close();
  const late = new SimulatedClient(world);
  world.expect('a refusal', () => late.error === 'ECONNREFUSED', 5 * second);
  t.false(isClosed);
  waiting?.respond({ ...plain, body: 'done' });
  world.expect('the answer', () => busy.received.endsWith('done'), 2 * second);
  t.regex(busy.received, /Connection: close/);
  busy.close();
  world.expect('the end', () => isClosed, 20 * second);
});

test('closing: what takes too long is reset', (t) => {
  const world = new World(13);
  const aborted: Error[] = [];
  const { server } = new SimulatedServer(world, (exchange) => {
    exchange.onAbort = (reason) => aborted.push(reason);
  });
  const client = new SimulatedClient(world);
  client.write(get('/'));
  world.pass(second);
  let isClosed = false;
  server.close(5, () => {
    isClosed = true;
  });
  world.pass(4 * second);
  t.false(isClosed);
  world.expect('a reset', () => client.error === 'ECONNRESET', 2 * second);
  t.true(isClosed);
  t.is(aborted.length, 1);
});
