// Bare apps: V8, drivers, network stack and HTTP server in one isolate, without Node.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { BundleError, buildInitrd } from '../../lib/cli/src/bundle.ts';
import { expectEnd } from './support/endings.ts';
import { freePort } from './support/free-port.ts';
import { boot, guestFolder, guestInitrd } from './support/guest.ts';
import { type ButtonMachine, startWithButton } from './support/power.ts';

/** A port of this host; another run of the tests has another. */
const port = await freePort();
const network = {
  forward: [{ protocol: 'tcp', address: '127.0.0.1', host: port, guest: 8080 }],
} as const;
const base = `http://127.0.0.1:${port}`;
/** Longer than any answer takes on a busy machine without KVM. */
const patience = 120_000;

let guest: ButtonMachine;

async function get(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${base}${path}`, { ...init, signal: AbortSignal.timeout(patience) });
}

test.before(async () => {
  const initrd = await guestInitrd('worker', 'worker/app/main.ts');
  guest = await startWithButton('', {
    initrd,
    network,
    memoryMegabytes: 192,
    append: 'log=debug env.GREETING=hello',
    timeoutMilliseconds: 540_000,
  });
  await guest.seen(/Listening on port 8080:[\s\S]*10\.0\.2\.15/);
});

test.after.always(() => guest?.machine.kill());

test.serial('requests and their URLs, on one connection', async (t) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set<number | undefined>();
  for (const path of ['/a?b=c', '/x/../y', '/%41', '/.hidden']) {
    const sent = request(`${base}/`, { agent, path, headers: { host: 'Example.test:8080' } }).end();
    const [answer] = await once(sent, 'response');
    ports.add(answer.socket.localPort);
    const { pathname, search } = new URL(path, 'http://a');
    t.is(await text(answer), `GET http://example.test:8080${pathname}${search}`);
  }
  t.is(ports.size, 1);
  agent.destroy();
});

test.serial("the web platform's API", async (t) => {
  t.deepEqual(await (await get('/api')).json(), {});
});

test.serial('environment variables of the command line', async (t) => {
  t.like(await (await get('/env')).json(), { GREETING: 'hello' });
});

test.serial("what the app logs in a request is its output, and not the kernel's", async (t) => {
  t.is(await (await get('/log')).text(), 'said');
  await guest.seen(/^said in a request\r?$/m);
});

test.serial('a megabyte, chunked, there and back', async (t) => {
  const bytes = randomBytes(1 << 20);
  const pieces = new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += 40_000) {
        controller.enqueue(bytes.subarray(at, at + 40_000));
      }
      controller.close();
    },
  });
  const answer = await get('/echo', {
    method: 'POST',
    body: pieces,
    duplex: 'half',
  } as RequestInit);
  t.is(answer.headers.get('transfer-encoding'), 'chunked');
  const back = new Uint8Array(await answer.arrayBuffer());
  const hash = (of: Uint8Array) => createHash('sha256').update(of).digest('hex');
  t.is(hash(back), hash(bytes));
});

test.serial('pipelined requests are answered in order', async (t) => {
  const socket = connect(port, '127.0.0.1');
  const paths = Array.from({ length: 20 }, (_, index) => `/p${index}`);
  for (const path of paths) socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  socket.end('GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  const all = await text(socket);
  t.deepEqual(
    [...all.matchAll(/GET http:\/\/a(\/(?:p\d+|last))/g)].map((match) => match[1]),
    [...paths, '/last'],
  );
});

test.serial('what is malformed is refused', async (t) => {
  const socket = connect(port, '127.0.0.1');
  socket.write(
    'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
  );
  t.regex(await text(socket), /^HTTP\/1.1 400 [\s\S]*both a Content-Length/);
});

test.serial('several connections at a time, many requests on each', async (t) => {
  // QEMU's user network takes one new connection at a time: few, and they stay.
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const answers = await Promise.all(
    Array.from({ length: 400 }, async (_, index) => {
      const sent = request(`${base}/c${index}`, { agent, timeout: patience }).end();
      const [answer] = await once(sent, 'response');
      return text(answer);
    }),
  );
  t.deepEqual(
    answers,
    answers.map((_, index) => `GET ${base}/c${index}`),
  );
  agent.destroy();
});

test.serial(
  'an exception is 500 for the client, and a place in TypeScript in the log',
  async (t) => {
    const answer = await get('/fails');
    t.is(answer.status, 500);
    t.notRegex(await answer.text(), /this route/);
    await guest.seen(/GET \/fails: Error: this route fails\n\s+at fails \(main\.ts:\d+:\d+\)/);
    t.is((await get('/nothing')).status, 500);
    await guest.seen(/fetch\(\) must return a Response, and has returned undefined/);
    await t.throwsAsync(async () => (await get('/breaks')).text());
    await guest.seen(/GET \/breaks: Error: the content breaks/);
    t.is((await get('/')).status, 200);
  },
);

test.serial(
  'the power button: what is in flight is answered, then the machine is off',
  async (t) => {
    await guest.seen(/ACPI: byte code loaded/);
    const idle = connect(port, '127.0.0.1');
    idle.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(idle, 'data');
    const slow = Promise.all(Array.from({ length: 8 }, async () => (await get('/slow')).text()));
    await guest.seen(/waiting: 8\b/);
    await guest.press();
    const ended = once(idle, 'close');
    idle.resume();
    t.deepEqual(await slow, Array(8).fill('answered at the end'));
    await ended;
    const result = await guest.end();
    expectEnd(t, result, 0);
    t.notRegex(result.output, /code cache/, 'the code cache was taken');
  },
);

test.serial('an exception at import ends the machine, with its place', async (t) => {
  const result = await boot(await guestInitrd('worker-throws', 'worker/throws/main.ts'));
  expectEnd(t, result, 1, [
    /app: an exception escaped: Error: these settings cannot be read/,
    /at read \(main\.ts:7:9\)/,
  ]);
});

test.serial("modules of Node's are refused when the app is bundled, with the remedy", async (t) => {
  const { mkdirSync, writeFileSync } = await import('node:fs');
  const folder = `${guestFolder}/worker-node-${process.pid}`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/package.json`, '{ "name": "uses-node", "runtimejs": "worker" }');
  writeFileSync(`${folder}/main.ts`, "import 'node:fs';\nexport default { fetch() {} };\n");
  const error = await t.throwsAsync(buildInitrd({ entry: folder, outFile: `${folder}/initrd` }), {
    instanceOf: BundleError,
  });
  t.regex(error?.message ?? '', /"node:fs", imported by .*main\.ts, is part of Node/);
});
