// Looking into a machine: `runtime inspect` leads Chrome's developer tools to the app, `runtime debug` leads gdb to
// the kernel, `runtime logs` shows what the console said.
import test from 'ava';
import { execa } from 'execa';
import { WebSocket } from 'ws';
import { findFreePort } from '../../lib/cli/src/network.ts';
import { inRepository } from '../../lib/cli/src/paths.ts';
import { onTerminal } from '../unit/support/pseudo-terminal.ts';
import { makeApp } from './support/app.ts';
import { Program } from './support/program.ts';

const command = inRepository('lib/cli/bin/runtime');
/** Long enough for a busy machine without KVM. */
const limit = 300_000;

/** An event of the Chrome DevTools Protocol, or an answer. */
interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: { readonly result?: { readonly value?: unknown } };
}

/** What Chrome's developer tools are: a client of the Chrome DevTools Protocol. */
class Tools {
  readonly #socket: WebSocket;
  readonly #messages: Message[] = [];
  #id = 0;
  #changed = Promise.withResolvers<void>();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => {
      this.#messages.push(JSON.parse(String(data)) as Message);
      this.#change();
    });
    socket.on('close', () => this.#change());
  }

  static async connect(url: string): Promise<Tools> {
    const socket = new WebSocket(url, { handshakeTimeout: limit });
    const tools = new Tools(socket);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return tools;
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Waits for a message. */
  async message(is: (message: Message) => boolean): Promise<Message> {
    for (const end = performance.now() + limit; performance.now() < end; ) {
      const found = this.#messages.find(is);
      if (found !== undefined) return found;
      if (this.#socket.readyState > WebSocket.OPEN) break;
      const timer = setTimeout(() => this.#change(), limit);
      await this.#changed.promise;
      clearTimeout(timer);
    }
    throw new Error(`The message did not come, but: ${JSON.stringify(this.#messages)}`);
  }

  async ask(method: string, params: object = {}): Promise<Message> {
    const id = ++this.#id;
    this.#socket.send(JSON.stringify({ id, method, params }));
    return this.message((message) => message.id === id);
  }

  async evaluate(expression: string): Promise<unknown> {
    const options = { expression, returnByValue: true, includeCommandLineAPI: true };
    return (await this.ask('Runtime.evaluate', options)).result?.result?.value;
  }

  close(): void {
    this.#socket.terminate();
  }
}

test.serial('inspect: developer tools stop the app, look into it, and let it go', async (t) => {
  t.timeout(2 * limit);
  const app = await makeApp('inspect', {
    'src/main.ts': [
      "import os from 'node:os';",
      "const secret: string = 'of ' + os.version();",
      "console.log('The app runs.');",
      'Object.assign(globalThis, { secret });',
      'setInterval(() => {}, 1000);',
    ].join('\n'),
  });
  const port = await findFreePort(22_000 + (process.pid % 10_000));
  const words = ['inspect', '--break', '--port', `${port}:9229`, '--app', app];
  const machine = new Program([command, ...words]);
  let tools: Tools | undefined;
  try {
    await machine.printed(/devtools:\/\/\S+ws=\S+/);
    const address = /ws=(\S+)/.exec(machine.output)?.[1] ?? '';
    t.true(address.startsWith(`127.0.0.1:${port}/`), machine.output);
    t.notRegex(machine.output, /The app runs/, 'it waits for the tools');
    tools = await Tools.connect(`ws://${address}`);
    await tools.ask('Runtime.enable');
    await tools.ask('Debugger.enable');
    await tools.ask('Runtime.runIfWaitingForDebugger');
    const paused = await tools.message(({ method }) => method === 'Debugger.paused');
    t.is(paused.params?.reason, 'Break on start');
    const script = await tools.message(({ params }) =>
      String(params?.url).endsWith('/app/main.mjs'),
    );
    t.is(script.params?.sourceMapURL, 'main.mjs.map');
    await tools.ask('Debugger.resume');
    await machine.printed(/The app runs\./);
    t.regex(String(await tools.evaluate('secret')), /^of Runtime/);
    t.is(await tools.evaluate('process.platform'), 'linux');
    const logs = await execa(command, ['logs', '--app', app], { timeout: limit });
    t.regex(logs.stdout, /The app runs\./);
    const follower = new Program([command, 'logs', '--follow', '--app', app]);
    try {
      await follower.printed(/The app runs\./);
      await tools.evaluate("console.log('said later')");
      await follower.printed(/said later/);
    } finally {
      await follower.stop();
    }
  } finally {
    tools?.close();
    await machine.stop('SIGTERM');
  }
});

test.serial('debug: gdb stops at a function of the kernel, and names its line', async (t) => {
  t.timeout(limit);
  const app = await makeApp('debug', { 'src/main.ts': "console.log('hello');" });
  const program = {
    command: `'${command}' debug --no-network --app '${app}'`,
    milliseconds: limit / 2,
  };
  const { code, shown } = await onTerminal(t, program, [
    ['(gdb) ', 'set pagination off\r'],
    ['(gdb) ', 'thbreak system_call_dispatch\r'],
    ['(gdb) ', 'continue\r'],
    ['breakpoint 1, ', ''],
    ['(gdb) ', 'backtrace 1\r'],
    ['#0 ', ''],
    ['(gdb) ', 'continue\r'],
    ['exited normally', ''],
    ['(gdb) ', 'quit\r'],
  ]);
  t.is(code, 0, shown);
  t.regex(shown, /#0 .*system_call_dispatch \(frame=0x[0-9a-f]+\) at \S+:\d+/);
  t.regex(shown, /The console is in .*console\.log: `runtime logs --follow` shows it/);
  const logs = await execa(command, ['logs', '--app', app], { timeout: limit });
  t.regex(logs.stdout, /hello/, 'it went on, and what it printed is kept');
});
