// A machine that is booted in advance, for `runtime dev`: kernel, drivers, network and Node are up, and wait for
// the app's modules (guest.ts). The next change of a source then costs no boot. It gets the ports and the terminal
// when it takes over; until then what it prints is kept.
import { randomBytes } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { extname } from 'node:path';
import { quoteWord } from '../launch.ts';
import { runOnTerminal, type TerminalEnd, type TerminalOptions } from '../machine.ts';
import { loopback } from '../network.ts';
import { type Content, changedModules, readContent } from './changes.ts';

const guestModule = `/etc/runtime/standby.m${extname(import.meta.filename).slice(1)}`;

/** What the image of an app needs so that machines can stand by with it: path to a file of this machine. */
export const standbyFiles: Readonly<Record<string, string>> = {
  [guestModule]: import.meta.filename.replace(/standby(\.\w+)$/, 'guest$1'),
};

/** A machine on this terminal. */
export interface Running {
  readonly end: Promise<TerminalEnd>;
  readonly stop: AbortController;
}

/** A machine that waits for the next change. */
export class Standby {
  readonly #content: Content;
  readonly #server: Server;
  readonly #running: Running;
  readonly #takeOver = Promise.withResolvers<void>();
  readonly #logs: readonly [from: string, to: string] | undefined;
  #socket: Socket | undefined;
  #hasEnded = false;

  /**
   * Boots a machine that waits.
   * @param machine as it is when the app runs on it
   * @param nodeOptions value of NODE_OPTIONS that the app is to see
   */
  static async start(
    machine: TerminalOptions & { readonly initrd: string },
    nodeOptions: string | undefined,
  ): Promise<Standby> {
    const content = await readContent(machine.initrd);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, loopback, resolve));
    return new Standby(content, server, machine, nodeOptions);
  }

  private constructor(
    content: Content,
    server: Server,
    machine: TerminalOptions,
    nodeOptions: string | undefined,
  ) {
    this.#content = content;
    this.#server = server;
    const token = randomBytes(16).toString('hex');
    server.on('connection', (socket) => this.#greet(socket, token));
    const { port } = server.address() as AddressInfo;
    const log = machine.consoleLog;
    this.#logs = log === undefined ? undefined : [`${log}.standby`, log];
    const options = [`--import=${guestModule}`, ...(nodeOptions ? [nodeOptions] : [])].join(' ');
    const variables = [
      `env.RUNTIMEJS_STANDBY=${port}:${token}`,
      ...(nodeOptions ? [quoteWord(`env.RUNTIMEJS_NODE_OPTIONS=${nodeOptions}`)] : []),
      quoteWord(`env.NODE_OPTIONS=${options}`),
    ];
    const stop = new AbortController();
    const end = runOnTerminal({
      ...machine,
      // Of two values of a variable the last counts; words behind -- are the app's.
      append: (machine.append ?? '').replace(
        /( ?-- .*)?$/,
        (words) => ` ${variables.join(' ')}${words}`,
      ),
      consoleLog: this.#logs?.[0],
      signal: stop.signal,
      held: this.#takeOver.promise,
    });
    this.#running = { end, stop };
    void end.then(() => {
      this.#hasEnded = true;
      this.#close();
    });
  }

  #greet(socket: Socket, token: string): void {
    socket.on('error', () => {}); // 'close' follows.
    socket.setEncoding('utf8');
    socket.once('data', (text) => {
      if (String(text) !== `${token}\n`) socket.destroy();
      else this.#socket = socket;
    });
  }

  #close(): void {
    this.#socket?.destroy();
    this.#server.close();
  }

  /**
   * Finds out what the machine would need to run another build.
   * @param initrd of that build
   * @returns the modules; undefined when it cannot run it, or is not up yet
   */
  async changesTo(initrd: string): Promise<ReadonlyMap<string, string> | undefined> {
    const modules = await changedModules(this.#content, initrd);
    const isReady = !this.#hasEnded && this.#socket?.readyState === 'open';
    return isReady ? modules : undefined;
  }

  /** Hands the terminal, the ports and the modules over. The machine that had them must have ended. */
  async takeOver(modules: ReadonlyMap<string, string>): Promise<Running> {
    if (this.#logs !== undefined) await rename(...this.#logs).catch(() => {}); // There may be none.
    this.#takeOver.resolve();
    this.#socket?.end(JSON.stringify([...modules]));
    this.#server.close();
    return this.#running;
  }

  /** Ends the machine. */
  async discard(): Promise<void> {
    this.#running.stop.abort();
    await this.#running.end;
  }
}
