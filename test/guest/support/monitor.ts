// QEMU's monitor (QMP): what a person at the host does to a machine.
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long QEMU may take to open its monitor, and to answer. */
const limit = 60_000;

/** A connection to the monitor of one machine. */
export class Monitor {
  /** QEMU's arguments for it. */
  readonly arguments: readonly string[];
  readonly #path: string;
  #socket: Socket | undefined;
  #text = '';

  /** @param folder where its socket goes; the path has to be short */
  constructor(folder: string, name: string) {
    this.#path = path.join(folder, `${name}.sock`);
    rmSync(this.#path, { force: true });
    this.arguments = ['-qmp', `unix:${this.#path},server=on,wait=off`];
  }

  /**
   * Has the machine do something, `stop` or `cont` say, and waits until it is done.
   * @throws with QEMU's words when it cannot
   */
  async run(command: string, parameters: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    this.#socket ??= await this.#open();
    const socket = this.#socket;
    socket.write(`${JSON.stringify({ execute: command, arguments: parameters })}\n`);
    return this.#answer();
  }

  close(): void {
    this.#socket?.destroy();
  }

  async #open(): Promise<Socket> {
    const end = performance.now() + limit;
    while (!existsSync(this.#path)) {
      if (performance.now() > end) throw new Error(`QEMU makes no monitor at ${this.#path}.`);
      await sleep(20);
    }
    const socket = connect(this.#path).setEncoding('utf8');
    socket.on('data', (text: string) => {
      this.#text += text;
    });
    socket.on('error', () => {}); // the machine has ended
    await once(socket, 'connect');
    socket.write('{"execute":"qmp_capabilities"}\n');
    await this.#answer();
    return socket;
  }

  async #answer(): Promise<unknown> {
    const end = performance.now() + limit;
    for (;;) {
      const newline = this.#text.indexOf('\n');
      if (newline < 0) {
        if (performance.now() > end) throw new Error('QEMU does not answer.');
        await sleep(5);
        continue;
      }
      const line = this.#text.slice(0, newline);
      this.#text = this.#text.slice(newline + 1);
      const message = JSON.parse(line) as { return?: unknown; error?: { desc: string } };
      if (message.error !== undefined) throw new Error(`QEMU: ${message.error.desc}`);
      if ('return' in message) return message.return;
    }
  }
}
