// Services in isolates of their own: they have the network, the clock and each other by RPC, fail without harm to the
// app and the stack, come back, and are replaced while all else goes on.
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type RunningMachine, startMachine } from '../../lib/cli/src/machine.ts';
import { inRepository } from '../../lib/cli/src/paths.ts';
import { reloadSystem } from '../../lib/cli/src/reload/system.ts';
import { bundleSystem, isolatesFile } from '../../lib/system/bundle.ts';
import type { ReloadOutcome } from '../../lib/system/src/reload/types.ts';
import { bundleIsolates } from '../../lib/worker/bundle.ts';
import { printed } from './support/console.ts';
import { freePort } from './support/free-port.ts';
import { guestFolder, guestInitrd } from './support/guest.ts';

const folder = path.join(guestFolder, 'services');
const sources = inRepository('test/guest/services');
const token = 'the-token';
const [app, placed, placedDatagrams, hosted, control] = [
  await freePort(),
  await freePort(),
  await freePort(),
  await freePort(),
  await freePort(),
];
/** Longer than any answer takes on a busy machine without KVM. */
const patience = 120_000;
/** A connection attempt that the machine does not hear of is made again. */
const greetingPatience = 20_000;

let machine: RunningMachine;
/** Path of the counter's script in the image. */
let counterScript: string;
const timeServer = createSocket('udp4');

test.before(async () => {
  await mkdir(folder, { recursive: true });
  const port = await serveTime(timeServer);
  const relative = path.relative(folder, sources);
  const composition = path.join(folder, 'composition.ts');
  const text = await readFile(path.join(sources, 'composition.ts'), 'utf8');
  await writeFile(
    composition,
    text.replaceAll("'./", `'${relative}/`).replace('21_124', `${port}`),
  );
  const system = path.join(folder, 'system.js');
  await bundleSystem(system, composition);
  const entries = JSON.parse(await readFile(isolatesFile(system), 'utf8')) as [string, string][];
  counterScript = entries.find(([, module]) => module.includes('counter'))?.[0] ?? '';
  const initrd = await guestInitrd('services', 'reload/echo.ts', { system });
  const local = { address: '127.0.0.1' } as const;
  machine = await startMachine({
    initrd,
    network: {
      forward: [
        { ...local, protocol: 'tcp', host: app, guest: 8080 },
        { ...local, protocol: 'tcp', host: placed, guest: 8090 },
        { ...local, protocol: 'udp', host: placedDatagrams, guest: 8091 },
        { ...local, protocol: 'tcp', host: hosted, guest: 8092 },
        { ...local, protocol: 'tcp', host: control, guest: 9000 },
      ],
    },
    memoryMegabytes: 384,
    append: `log=info reload=9000:${token}`,
    timeoutMilliseconds: 560_000,
  });
  await printed(machine, /echo: listening/);
  await printed(machine, /eth0: 10\.0\.2\.15/);
});

test.after.always(() => {
  appConnection?.close();
  timeServer.close();
  machine?.kill();
});

/** Serves a time that is an hour ahead. */
async function serveTime(server: DatagramSocket): Promise<number> {
  const toUnix = 2_208_988_800;
  server.on('message', (message, from) => {
    const answer = Buffer.alloc(48);
    answer[0] = 0x24;
    answer[1] = 1;
    message.copy(answer, 24, 40, 48);
    for (const at of [32, 40]) answer.writeUInt32BE(Date.now() / 1000 + 3600 + toUnix, at);
    server.send(answer, from.port, from.address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

/** A connection to the service of lines. */
class Conversation {
  readonly #socket: Socket;
  #text = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      this.#text += text;
    });
    socket.on('error', () => {});
  }

  /**
   * Connects, and waits until the machine knows of it: QEMU's user network may forget what it holds until then.
   * @param greeting what the machine says first
   */
  static async open(port: number, greeting = 'hello\n'): Promise<Conversation> {
    for (const limit = performance.now() + patience; ; ) {
      const socket = connect({ port, host: '127.0.0.1' });
      const conversation = new Conversation(socket);
      const until = performance.now() + greetingPatience;
      while (!socket.readableEnded && !socket.destroyed && performance.now() < until) {
        if (conversation.#text.startsWith(greeting)) {
          conversation.#text = conversation.#text.slice(greeting.length);
          return conversation;
        }
        await sleep(20);
      }
      socket.destroy();
      if (performance.now() > limit) throw new Error(`Nobody greets.\n${machine.output()}`);
      await sleep(100);
    }
  }

  /** Sends a command. @returns the answer, undefined when the connection ends before */
  async ask(command: string): Promise<string | undefined> {
    this.#socket.write(`${command}\n`);
    return this.answer();
  }

  send(command: string): void {
    this.#socket.write(`${command}\n`);
  }

  async answer(): Promise<string | undefined> {
    const limit = performance.now() + patience;
    for (;;) {
      const end = this.#text.indexOf('\n');
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return line;
      }
      if (this.#socket.readableEnded || this.#socket.destroyed) return undefined;
      if (performance.now() > limit) throw new Error(`No answer.\n${machine.output()}`);
      await sleep(20);
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Asks until there is an answer, over a connection of its own: a service that starts anew is away for a while. */
async function ask(port: number, command: string): Promise<string> {
  const limit = performance.now() + patience;
  for (;;) {
    const conversation = await Conversation.open(port);
    const answer = await conversation.ask(command);
    conversation.close();
    if (answer !== undefined) return answer;
    if (performance.now() > limit) throw new Error(`Nobody answers.\n${machine.output()}`);
    await sleep(100);
  }
}

let appConnection: Conversation | undefined;

/** The app answers, over the connection that it always had. */
async function appAnswers(t: ExecutionContext): Promise<void> {
  appConnection ??= await Conversation.open(app, '.');
  t.is(await appConnection.ask('still here'), 'still here');
}

test.serial(
  'services call each other and have the network, in every mix of placements',
  async (t) => {
    t.timeout(300_000);
    await appAnswers(t);
    t.is(await ask(placed, 'add'), '1');
    t.is(await ask(hosted, 'add'), '2', 'it is the same counter');
    for (const port of [placed, hosted]) {
      t.is(await ask(port, 'numbers 1000'), '500500', 'a stream goes from one to the other');
    }
    t.is(await ask(placed, 'throw'), 'TypeError: this is an answer');
    const socket = createSocket('udp4');
    const returned = once(socket, 'message', { signal: AbortSignal.timeout(patience) });
    const timer = setInterval(() => socket.send('ping', placedDatagrams, '127.0.0.1'), 200);
    t.is(String((await returned)[0]), 'ping');
    clearInterval(timer);
    socket.close();
    await printed(machine, /time: the clock was wrong by 3[56]\d+\.\d ms and has been set/);
  },
);

test.serial('a service that takes what RPC cannot have is told so, and given up', async (t) => {
  t.timeout(300_000);
  await printed(
    machine,
    /device: is not started any more: device has ended \(failed: .*device cannot have an isolate of its own: its start\(\) takes "platform" of its context.*, after 1 restarts within 60 s/,
  );
  await appAnswers(t);
});

const failures: readonly [how: string, report: RegExp][] = [
  ['throw', /counter: its isolate failed: .*RangeError: it was asked to throw/],
  ['loop', /counter: its isolate killed: /],
  ['hoard', /counter: its isolate limit: /],
];

for (const [how, report] of failures) {
  test.serial(`a service that does ${how} comes back, and only its callers notice`, async (t) => {
    t.timeout(300_000);
    const conversations = [await Conversation.open(placed), await Conversation.open(hosted)];
    for (const conversation of conversations) {
      t.regex((await conversation.ask('add')) ?? '', /^\d+$/);
      conversation.send('hang');
    }
    t.is(await ask(hosted, `counter ${how}`), 'asked');
    for (const conversation of conversations) {
      t.regex(
        (await conversation.answer()) ?? '',
        /^peer-gone: counter has ended while hang\(\) was under way, which may have been done or not \(/,
      );
    }
    await printed(machine, report);
    await appAnswers(t);
    for (const conversation of conversations) {
      t.regex((await conversation.ask('add')) ?? '', /^[12]$/, 'the next life counts anew');
      conversation.close();
    }
    await printed(
      machine,
      new RegExp(`${report.source}[\\s\\S]*counter: starts again after \\d+ ms`),
    );
  });
}

test.serial(
  'the sockets of a service end with it, and are there again in its next life',
  async (t) => {
    t.timeout(300_000);
    const conversations = [await Conversation.open(placed), await Conversation.open(placed)];
    for (const conversation of conversations) await conversation.ask('add');
    t.regex((await conversations[0]?.ask('end')) ?? 'ends', /^ends$/);
    for (const conversation of conversations) {
      t.is(await conversation.answer(), undefined, 'the connection has ended');
    }
    await printed(machine, /placed: its isolate failed: .*Error: nobody handles this/);
    t.regex(await ask(placed, 'add'), /^\d+$/);
    await appAnswers(t);
  },
);

/** Makes a version of the counter. */
async function counter(
  name: string,
  change: (text: string) => string = (text) => text,
): Promise<Map<string, Uint8Array>> {
  const text = (await readFile(path.join(sources, 'counter.ts'), 'utf8')).replace(
    "'version 0'",
    `'${name}'`,
  );
  const program = await readFile(path.join(sources, 'counter.isolate.ts'), 'utf8');
  await writeFile(path.join(folder, `counter-${name}.ts`), change(text));
  const file = path.join(folder, `counter-${name}.isolate.ts`);
  await writeFile(file, program.replace('./counter.ts', `./counter-${name}.ts`));
  const { scripts } = await bundleIsolates(new Map([[counterScript, file]]), folder);
  return new Map([...scripts].map(([script, code]) => [script, Buffer.from(code)]));
}

async function reload(scripts: ReadonlyMap<string, Uint8Array>): Promise<ReloadOutcome> {
  const outcome = await reloadSystem({ port: control, token }, scripts);
  if (outcome === undefined) throw new Error('The machine has no control server.');
  return outcome;
}

test.serial('a service is replaced with its state, while all else goes on', async (t) => {
  t.timeout(300_000);
  const conversation = await Conversation.open(hosted);
  const before = Number(await conversation.ask('add'));
  const outcome = await reload(await counter('second'));
  t.like(outcome, { outcome: 'reloaded', parts: ['counter'], hasHandedOver: true });
  if (outcome.outcome === 'reloaded') t.log(`${outcome.milliseconds.toFixed(0)} ms in the machine`);
  t.is(await conversation.ask('version'), 'second', 'over the connection from before');
  t.is(await conversation.ask('add'), `${before + 1}`);
  t.like(
    await reload(
      await counter('broken', (text) =>
        text.replace('start: () => {}', "start: () => { throw new Error('not like this'); }"),
      ),
    ),
    { outcome: 'failed' },
  );
  t.is(await conversation.ask('version'), 'second', 'the version before goes on');
  t.is(await conversation.ask('add'), `${before + 2}`, 'with the state');
  conversation.close();
  await appAnswers(t);
  t.notRegex(machine.output(), /the system isolate has failed|kernel panic/i);
});
