// Services beside a bare app: it calls them, in an isolate of their own or in its own, and `runtime dev` replaces one
// of them under open connections.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { Agent, type IncomingMessage, request } from 'node:http';
import path from 'node:path';
import { text as bodyText } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { findFreePort } from '../../lib/cli/src/network.ts';
import { inRepository } from '../../lib/cli/src/paths.ts';
import { makeApp } from './support/app.ts';

const command = inRepository('lib/cli/bin/runtime');
/** Long enough for a busy machine without KVM. */
const limit = 300_000;

const files = {
  'package.json':
    '{ "name": "app", "type": "module", "main": "src/main.ts", "runtimejs": "worker" }',
  'runtime.config.ts': `export default {
  services: [
    { service: './src/counter.ts', placement: 'own', turnLimit: 5000 },
    { service: './src/relay.ts', endpoints: ['counter'] },
    { service: './src/echo.ts', placement: 'own', endpoints: ['sockets'] },
  ],
  endpoints: ['counter', 'relay', 'echo'],
};
`,
  'src/counter.ts': `import type { PlaceableService } from '@runtimejs/system/service/types.ts';
let count = 0;
const service: PlaceableService = {
  name: 'counter',
  start: () => {},
  serve: () => ({
    add: () => ++count,
    version: () => 'first',
    loop: () => { for (;;) count += 1; },
  }),
  handOver: () => count,
  takeOver: (state) => { count = Number(state); },
};
export default service;
`,
  'src/relay.ts': `import type { PlaceableService } from '@runtimejs/system/service/types.ts';
let version: () => Promise<string>;
const service: PlaceableService = {
  name: 'relay',
  start: ({ endpoint }) => { version = () => endpoint<{ version(): string }>('counter').version(); },
  serve: () => ({ version: () => version() }),
};
export default service;
`,
  'src/echo.ts': `import type { Sockets } from '@runtimejs/system/service/sockets/types.ts';
import type { Remote } from '@runtimejs/rpc/calls/types.ts';
import type { PlaceableService } from '@runtimejs/system/service/types.ts';
let sockets: Remote<Sockets>;
const service: PlaceableService = {
  name: 'echo',
  start: async ({ endpoint }) => {
    sockets = endpoint<Sockets>('sockets');
    const listener = await sockets.listen({ port: 7 });
    void (async () => {
      for await (const { connection } of await listener.connections()) {
        for await (const bytes of await connection.data()) await connection.write(bytes);
        await connection.close();
      }
    })();
  },
  serve: () => ({
    // Over the stack's loopback: this service is the client of itself.
    send: async (bytes: Uint8Array) => {
      const connection = await sockets.connect({ address: '127.0.0.1', port: 7 });
      await connection.write(bytes);
      await connection.end();
      let length = 0;
      for await (const piece of await connection.data()) length += piece.length;
      return length;
    },
  }),
};
export default service;
`,
  'src/main.ts': `export default {
  async fetch(request, env, { endpoint }) {
    const url = new URL(request.url);
    if (url.pathname === '/hello') return new Response('hello');
    const counter = endpoint('counter');
    if (url.pathname === '/loop') return new Response(await counter.loop().catch((error) => error.message));
    const values = [await counter.add(), await counter.version(), await endpoint('relay').version()];
    values.push(await endpoint('echo').send(new Uint8Array(100_000)));
    return new Response(\`app first: \${values.join(' ')}\`);
  },
};
`,
} as const;

/** A machine that a command has booted. */
class Machine {
  readonly child: ChildProcess;
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #sockets = new Set<number | undefined>();
  #greeting: NodeJS.Timeout | undefined;
  output = '';

  constructor(folder: string, port: number, words: readonly string[]) {
    this.#port = port;
    this.child = spawn(command, [...words, '--port', `${port}:8080`], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (bytes: Buffer) => {
        this.output += bytes.toString();
      });
    }
  }

  async says(pattern: RegExp): Promise<void> {
    for (const end = performance.now() + limit; !pattern.test(this.output); await sleep(50)) {
      const { exitCode } = this.child;
      if (exitCode !== null) throw new Error(`It has ended without ${pattern}:\n${this.output}`);
      if (performance.now() > end) throw new Error(`It does not say ${pattern}:\n${this.output}`);
    }
  }

  /**
   * Connects to the app, and keeps the connection. A request that the machine does not hear of is made again: QEMU's
   * user network may forget what it holds until the connection stands.
   */
  async connect(): Promise<void> {
    for (const end = performance.now() + limit; ; await sleep(100)) {
      const answer = await this.ask('/hello', 20_000).catch(() => '');
      if (answer === 'hello') break;
      if (performance.now() > end) throw new Error(`The app does not answer:\n${this.output}`);
    }
    this.#sockets.clear();
    // A connection that idles is closed after a minute, and a build may take longer.
    this.#greeting = setInterval(() => this.ask('/hello').catch(() => {}), 10_000);
  }

  /** How many connections there were. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Asks the app, over one connection. */
  async ask(target = '/', patience = limit / 2): Promise<string> {
    const sent = request(`http://127.0.0.1:${this.#port}${target}`, {
      agent: this.#agent,
      timeout: patience,
    });
    sent.on('timeout', () => sent.destroy(new Error(`No answer:\n${this.output}`)));
    const [answer] = (await once(sent.end(), 'response')) as [IncomingMessage];
    this.#sockets.add(answer.socket.localPort);
    return bodyText(answer);
  }

  async end(): Promise<number> {
    clearInterval(this.#greeting);
    this.#agent.destroy();
    if (this.child.exitCode === null) {
      this.child.kill('SIGINT');
      await once(this.child, 'exit');
    }
    return this.child.exitCode ?? -1;
  }
}

test.serial('a bare app calls services, which come back when they fail', async (t) => {
  t.timeout(3 * limit);
  const folder = await makeApp('services-bare', files);
  const machine = new Machine(folder, await findFreePort(21_000 + (process.pid % 10_000)), [
    'start',
  ]);
  try {
    await machine.says(/➜|Listening on port 8080/);
    await machine.connect();
    t.is(await machine.ask(), 'app first: 1 first first 100000');
    t.is(await machine.ask(), 'app first: 2 first first 100000');
    t.regex(await machine.ask('/loop'), /^counter has ended while loop\(\) was under way/);
    t.is(await machine.ask(), 'app first: 1 first first 100000');
    t.is(machine.connections, 1, 'the connection is the same');
  } finally {
    await machine.end();
  }
});

test.serial('dev: a service beside a bare app is replaced without a boot', async (t) => {
  t.timeout(4 * limit);
  const folder = await makeApp('services-bare-dev', files);
  const machine = new Machine(folder, await findFreePort(21_000 + (process.pid % 10_000)), ['dev']);
  const change = (file: keyof typeof files, edit: (source: string) => string) =>
    writeFile(path.join(folder, file), edit(files[file]));
  try {
    await machine.says(/➜/);
    await machine.connect();
    t.is(await machine.ask(), 'app first: 1 first first 100000');
    t.is(await machine.ask(), 'app first: 2 first first 100000');
    await change('src/counter.ts', (source) => source.replace("'first'", "'second'"));
    await machine.says(
      /Reloaded after [\d.]+ s, without a boot, of counter, with the state of the version before\./,
    );
    t.is(await machine.ask(), 'app first: 3 second second 100000');
    await change('src/main.ts', (source) => source.replace('app first', 'app second'));
    await machine.says(/Reloaded after [\d.]+ s, without a boot\./);
    t.is(await machine.ask(), 'app second: 4 second second 100000');
    await change('src/counter.ts', (source) => `${source}\nthrow new Error('not yet');\n`);
    await machine.says(
      /counter does not start: .*Error: not yet[\s\S]*The version before goes on\./,
    );
    t.is(await machine.ask(), 'app second: 5 second second 100000');
    t.is(machine.connections, 1, 'the connection is the same');
    t.is(await machine.end(), 0, machine.output);
  } finally {
    await machine.end();
  }
});
