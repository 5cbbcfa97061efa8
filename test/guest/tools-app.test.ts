// The `runtime` command with a machine: dev restarts on a change and waits for the fix of a broken source; test
// runs the app's own suite in the guest and reports as on the host; start hands on environment, arguments and
// the exit code.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { Agent, type IncomingMessage, request } from 'node:http';
import path from 'node:path';
import { text as bodyText } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { execa } from 'execa';
import { findFreePort } from '../../lib/cli/src/network.ts';
import { inRepository } from '../../lib/cli/src/paths.ts';
import { onTerminal } from '../unit/support/pseudo-terminal.ts';
import { makeApp } from './support/app.ts';

const command = inRepository('lib/cli/bin/runtime');
/** Long enough for a busy machine without KVM. */
const limit = 300_000;

/** What a child printed so far. */
function record(child: ChildProcess): () => string {
  let text = '';
  const note = (bytes: Buffer) => {
    text += bytes.toString();
  };
  child.stdout?.on('data', note);
  child.stderr?.on('data', note);
  return () => text;
}

/** Waits for something; the failure shows what was printed. */
async function until(what: () => Promise<boolean> | boolean, printed: () => string): Promise<void> {
  for (const end = performance.now() + limit; performance.now() < end; await sleep(100)) {
    if (await what()) return;
  }
  throw new Error(`It did not happen. Printed:\n${printed()}`);
}

test.serial(
  'dev: a change is served after a restart; a broken source is shown, and waited for',
  async (t) => {
    t.timeout(4 * limit);
    const folder = await makeApp('dev', {});
    await cp(inRepository('lib/create-runtime-app/templates/http'), folder, { recursive: true });
    const port = await findFreePort(21_000 + (process.pid % 10_000));
    const child = spawn(command, ['dev', '--port', `${port}:8080`], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const printed = record(child);
    let answer = '';
    /** Whether the app answers so; for `until`, as QEMU's user network may lose a request (reload/requests.ts). */
    const says = (text: string) => async () => {
      answer = await fetch(`http://127.0.0.1:${port}/`, {
        signal: AbortSignal.timeout(5_000),
      })
        .then((response) => response.text())
        .catch(() => '');
      return answer.includes(text);
    };
    try {
      await until(says('"world"'), printed);
      const file = path.join(folder, 'src/app.ts');
      const source = await readFile(file, 'utf8');
      await writeFile(file, source.replace("'world'", "'moon'"));
      await until(says('"moon"'), printed);
      await writeFile(file, `${source}\nconst broken = ;\n`);
      await until(() => /src\/app\.ts:\d+:\d+: .*[\s\S]*const broken = ;/.test(printed()), printed);
      await until(says('"moon"'), printed); // what ran before runs on
      // The next machine boots meanwhile, which nothing tells: changes come until one finds it ready.
      const announced = () => printed().split('➜').length;
      const withStack = source.replace("'world'", "new Error('here').stack");
      for (let change = 0; !printed().includes('without a boot'); change++) {
        t.true(change < 20, printed());
        await sleep(change * 2000);
        const before = announced();
        await writeFile(file, withStack.replace('here', `here ${change}`));
        await until(says(`here ${change}`), printed);
        await until(() => announced() > before, printed);
      }
      await until(says('here'), printed);
      t.true(
        answer.includes(`src/app.ts:${lineOf(source, "'world'")}:`),
        `source maps are the new ones: ${answer}`,
      );
      child.kill('SIGINT');
      const [code] = await once(child, 'exit');
      t.is(code, 0, printed());
    } finally {
      if (child.exitCode === null) child.kill('SIGTERM');
    }
  },
);

test.serial(
  'dev: a bare app is replaced in its machine, and goes on when its next version fails',
  async (t) => {
    t.timeout(4 * limit);
    const source = "export default { fetch: () => new Response('first') };\n";
    const folder = await makeApp('dev-bare', {
      'src/main.ts': source,
      'package.json':
        '{ "name": "app", "type": "module", "main": "src/main.ts", "runtimejs": "worker" }',
    });
    const port = await findFreePort(21_000 + (process.pid % 10_000));
    const child = spawn(command, ['dev', '--port', `${port}:8080`], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const printed = record(child);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set<number | undefined>();
    const ask = async (): Promise<string> => {
      const sent = request(`http://127.0.0.1:${port}/`, { agent, timeout: 10_000 });
      sent.on('timeout', () => sent.destroy(new Error('There was no answer.')));
      const [answer] = (await once(sent.end(), 'response')) as [IncomingMessage];
      sockets.add(answer.socket.localPort);
      return bodyText(answer);
    };
    const write = (text: string) => writeFile(path.join(folder, 'src/main.ts'), text);
    try {
      await until(() => printed().includes('➜'), printed);
      // QEMU's user network may lose what comes on a new connection (reload/requests.ts).
      await until(async () => (await ask().catch(() => '')) === 'first', printed);
      sockets.clear();
      t.is(await ask(), 'first');
      await write(source.replace('first', 'second'));
      await until(() => /Reloaded after [\d.]+ s, without a boot\./.test(printed()), printed);
      t.is(await ask(), 'second');
      await write(`\n\nthrow new Error('not yet');\n${source}`);
      await until(() => /Error: not yet\n {4}at .*src\/main\.ts:3:7/.test(printed()), printed);
      await until(() => printed().includes('The version before goes on.'), printed);
      t.is(await ask(), 'second');
      t.is(sockets.size, 1, 'the connection is the same');
      child.kill('SIGINT');
      const [code] = await once(child, 'exit');
      t.is(code, 0, printed());
    } finally {
      agent.destroy();
      if (child.exitCode === null) child.kill('SIGTERM');
    }
  },
);

/** Services that count their versions, one in an isolate of its own, as has a network driver. */
const replaceable = {
  'runtime.config.ts': `export default {
  services: ['./src/count.ts', { service: './src/tally.ts', placement: 'own', argument: 'counts' }],
  networkDrivers: [{ driver: './src/net/driver.ts', placement: 'own' }],
};
`,
  'src/main.ts': `import { createServer } from 'node:http';
let requests = 0;
createServer((_request, response) => response.end(String(++requests))).listen(8080);
`,
  'src/count.ts': `import type { Service } from '@runtimejs/system/compose.ts';
let count = 1;
const service: Service = {
  name: 'count',
  start: () => () => Number.POSITIVE_INFINITY,
  handOver: () => count,
  takeOver: (state) => { count = Number(state) + 1; console.warn('service first is number', count); },
};
export default service;
`,
  'src/tally.ts': `import type { PlaceableService } from '@runtimejs/system/service/types.ts';
let tally = 1;
const service: PlaceableService = {
  name: 'tally',
  start: ({ argument, log }) => log('warn', \`first \${argument}\`),
  handOver: () => tally,
  takeOver: (state) => { tally = Number(state) + 1; console.warn('tally first is number', tally); },
};
export default service;
`,
  'src/net/driver.ts': "export { attach } from '@runtimejs/virtio-net/driver.ts';\n",
  'src/net/isolate.ts': `import { networkProgram } from '@runtimejs/placement/network-isolate.ts';
import * as driver from './driver.ts';
console.warn('driver first');
export default networkProgram(driver);
`,
  'src/net/own.ts': `import { ownNetworkDriver } from '@runtimejs/placement/own-network.ts';
import { deviceType } from '@runtimejs/virtio/constants.ts';
import { findPlaceable, openPlace, resetPlace } from '@runtimejs/virtio/placement.ts';
import { identify } from '@runtimejs/virtio-net/device.ts';

export const { attach } = ownNetworkDriver({
  name: 'net',
  entry: new URL('./isolate.ts', import.meta.url),
  find: (platform) => findPlaceable(platform, deviceType.network, 'net'),
  reset: (platform, place) => resetPlace(platform, place, deviceType.network),
  identify: (platform, place) => {
    const transport = openPlace(place, deviceType.network);
    return typeof transport === 'string' ? transport : identify(platform, transport);
  },
});
`,
} as const;

test.serial(
  'dev: a driver and a service are replaced in the machine; the app goes on',
  async (t) => {
    t.timeout(4 * limit);
    const folder = await makeApp('dev-system', replaceable);
    const port = await findFreePort(21_000 + (process.pid % 10_000));
    const child = spawn(command, ['dev', '--no-standby', '--port', `${port}:8080`], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const printed = record(child);
    let requests = 0;
    /** A machine that was booted anew would begin to count again. */
    const asks = async (): Promise<void> => {
      await until(async () => {
        const signal = AbortSignal.timeout(10_000);
        const answer = await fetch(`http://127.0.0.1:${port}/`, {
          signal,
          headers: { connection: 'close' },
        })
          .then((response) => response.text())
          .catch(() => '');
        if (answer === '') return false;
        t.true(Number(answer) > requests, printed());
        requests = Number(answer);
        return true;
      }, printed);
    };
    const change = (file: keyof typeof replaceable, edit: (source: string) => string) =>
      writeFile(path.join(folder, file), edit(replaceable[file]));
    const says = (pattern: RegExp) => until(() => pattern.test(printed()), printed);
    try {
      await says(/driver first/);
      await says(/➜/);
      await asks();
      await change('src/net/isolate.ts', (source) => source.replace('first', 'second'));
      await says(/driver second/);
      await says(/Reloaded after [\d.]+ s, without a boot, of net0\./);
      await asks();
      await says(/tally: first counts/);
      await change('src/tally.ts', (source) => source.replace('tally first', 'tally second'));
      await says(/tally second is number 2/);
      await says(/without a boot, of tally, with the state of the version before\./);
      await asks();
      await change('src/count.ts', (source) => source.replace('first', 'second'));
      await says(/service second is number 2/);
      await says(/tally second is number 3/);
      await says(/without a boot, of the system isolate, with the state of the version before\./);
      await asks();
      await change('src/count.ts', (source) => `${source}\nthrow new Error('not yet');\n`);
      await says(/Error: not yet\n {4}at .*src\/count\.ts:11:7/);
      await says(/The version before goes on\./);
      await asks();
      child.kill('SIGINT');
      const [code] = await once(child, 'exit');
      t.is(code, 0, printed());
    } finally {
      if (child.exitCode === null) child.kill('SIGTERM');
    }
  },
);

/** The line of a text in a source. */
function lineOf(source: string, text: string): number {
  return source.slice(0, source.indexOf(text)).split('\n').length;
}

const sum = 'export const sum = (a: number, b: number): number => a + b;\n';

test.serial(
  'test: a node:test suite in the guest, with the exit code and the paths of the host',
  async (t) => {
    t.timeout(2 * limit);
    const folder = await makeApp('node-test', {
      'src/main.ts': sum,
      'test/sum.test.ts': [
        "import assert from 'node:assert/strict';",
        "import os from 'node:os';",
        "import { test } from 'node:test';",
        "import { sum } from '../src/main.ts';",
        "test('runs in the guest', () => assert.match(os.version(), /Runtime/));",
        "test('has the project as its folder', () => assert.equal(process.cwd(), '/app'));",
        "test('fails', () => assert.equal(sum(1, 2), 4));",
      ].join('\n'),
    });
    const { exitCode, stdout } = await execa(command, ['test', '--reporter', 'spec'], {
      cwd: folder,
      reject: false,
      timeout: limit,
    });
    t.is(exitCode, 1);
    t.regex(stdout, /✔ runs in the guest/);
    t.regex(stdout, /✔ has the project as its folder/);
    t.regex(stdout, /✖ fails/);
    t.true(stdout.includes(path.join(folder, 'test/sum.test.ts')), stdout);
    const words = ['test', '--reporter', 'tap', '-t', 'guest'];
    const filtered = await execa(command, words, { cwd: folder, reject: false, timeout: limit });
    t.is(filtered.exitCode, 0, filtered.stdout);
    t.regex(filtered.stdout, /# pass 1/);
  },
);

test.serial('test: an ava suite in the guest', async (t) => {
  t.timeout(2 * limit);
  const folder = await makeApp('ava', {
    'src/main.ts': sum,
    'test/sum.test.ts': [
      "import os from 'node:os';",
      "import test from 'ava';",
      "import { sum } from '../src/main.ts';",
      "test('runs in the guest', (t) => t.regex(os.version(), /Runtime/));",
      "test('adds', (t) => t.is(sum(1, 2), 3));",
    ].join('\n'),
  });
  const { exitCode, stdout } = await execa(command, ['test'], {
    cwd: folder,
    reject: false,
    timeout: limit,
  });
  t.is(exitCode, 0, stdout);
  t.regex(stdout, /ok \d - runs in the guest/);
  t.regex(stdout, /# pass 2/);
});

test.serial('start: Ctrl-C asks the app to end, twice ends it whatever it does', async (t) => {
  t.timeout(limit);
  const folder = await makeApp('keys', {
    'src/main.ts': [
      "process.once('SIGINT', () => console.log('asked to end'));",
      "setInterval(() => {}, 1000); console.log('ready');",
    ].join('\n'),
  });
  const program = { command: `'${command}' start --no-network --app '${folder}'` };
  const { code, shown } = await onTerminal(t, { ...program, milliseconds: limit }, [
    ['ready', '\x03'],
    ['asked to end', '\x03'],
  ]);
  t.is(code, 130, shown);
});

test.serial("start and run: environment, arguments, files, and the app's exit code", async (t) => {
  t.timeout(3 * limit);
  const folder = await makeApp('start', {
    '.env': 'FROM_FILE=one\nBOTH=file\n',
    'data/words.txt': 'some words\n',
    'extra.json': '{"extra":true}',
    'runtime.config.ts': [
      'export default {',
      "  environment: { FROM_CONFIG: 'two', BOTH: 'config' }, arguments: ['first'],",
      "  assets: ['data/**'], files: { '/etc/extra.json': 'extra.json' }, network: 'none',",
      '};',
    ].join('\n'),
    'src/main.ts': [
      "import { readFileSync } from 'node:fs';",
      "import { createInterface } from 'node:readline';",
      'const { FROM_FILE, FROM_CONFIG, BOTH, FROM_OPTION } = process.env;',
      'console.log(JSON.stringify({ FROM_FILE, FROM_CONFIG, BOTH, FROM_OPTION, words: process.argv.slice(2) }));',
      "console.log(readFileSync('/app/data/words.txt', 'utf8').trim(), readFileSync('/etc/extra.json', 'utf8'));",
      'process.exitCode = 42;',
      'if (FROM_OPTION !== undefined) {',
      '  const lines = createInterface({ input: process.stdin });',
      "  lines.once('line', (line) => { console.log('typed:', line); lines.close(); });",
      '}',
    ].join('\n'),
  });
  const options = {
    cwd: folder,
    reject: false,
    timeout: limit,
    all: true,
    stdin: 'ignore',
  } as const;
  const words = ['-e', 'FROM_OPTION=three', '--', 'second', 'third word'];
  const starting = execa(command, ['start', ...words], { ...options, stdin: 'pipe' });
  let output = '';
  starting.stdout.on('data', (bytes: Buffer) => {
    output += bytes.toString();
    const isAsked = output.includes('some words') && !starting.stdin.writableEnded;
    if (isAsked) starting.stdin.end('a line\n');
  });
  const started = await starting;
  t.is(started.exitCode, 42, started.all);
  const expected =
    '{"FROM_FILE":"one","FROM_CONFIG":"two","BOTH":"file","FROM_OPTION":"three","words":["first","second","third word"]}';
  t.true(started.all.includes(expected), started.all);
  t.regex(started.all, /^typed: a line$/m, 'drivers of the console are there with any config');
  t.true(started.all.includes('some words {"extra":true}'), started.all);
  t.regex((await execa(command, ['logs'], options)).all, /FROM_FILE/);
  t.is((await execa(command, ['build'], options)).exitCode, 0);
  const ran = await execa(command, ['run', 'dist', '-m', '256'], options);
  t.is(ran.exitCode, 42, ran.all);
});
