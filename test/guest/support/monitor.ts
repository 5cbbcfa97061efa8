// QEMU's monitor (QMP): what a person at the host does to a machine. Source: QEMU's QMP reference manual.
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { ToolError } from '../../../lib/cli/src/command.ts';

/** How long QEMU may take to open its monitor, in milliseconds. */
const limit = 60_000;
/** How long it may take to answer. */
const answerLimit = 120_000;

interface Answer {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

interface Connection {
  readonly socket: Socket;
  readonly lines: AsyncIterator<string>;
}

/** A connection to the monitor of one machine. It is made by the first command. */
export class Monitor {
  /** QEMU's arguments for it. */
  readonly arguments: readonly string[];
  readonly #path: string;
  #connection: Connection | undefined;

  /** @param folder where its socket goes; the path has to be short */
  constructor(folder: string, name: string) {
    this.#path = path.join(folder, `${name}.sock`);
    rmSync(this.#path, { force: true });
    this.arguments = ['-qmp', `unix:${this.#path},server=on,wait=off`];
  }

  /**
   * Has the machine do something, `stop` or `cont` say, and waits until it is done. One at a time.
   * @returns what QEMU answers
   * @throws ToolError with QEMU's words when it refuses
   */
  async run(command: string, parameters: object = {}): Promise<unknown> {
    this.#connection ??= await this.#open();
    return execute(this.#connection, command, parameters);
  }

  /** Writes physical memory of the guest, `size` bytes from `address` on, to a file. */
  async saveMemory(address: number, size: number, file: string): Promise<void> {
    await this.run('pmemsave', { val: address, size, filename: file });
  }

  close(): void {
    this.#connection?.socket.destroy();
    rmSync(this.#path, { force: true });
  }

  async #open(): Promise<Connection> {
    const end = performance.now() + limit;
    while (!existsSync(this.#path)) {
      if (performance.now() > end) throw new ToolError(`QEMU makes no monitor at ${this.#path}.`);
      await sleep(20);
    }
    const socket = connect(this.#path);
    await once(socket, 'connect');
    socket.on('error', () => {}); // the machine has ended
    const reader = createInterface({ input: socket });
    socket.on('close', () => reader.close()); // after an error there is no end of input, which it waits for
    const lines = reader[Symbol.asyncIterator]();
    await lines.next(); // its greeting
    const connection = { socket, lines };
    await execute(connection, 'qmp_capabilities', {});
    return connection;
  }
}

async function execute(
  { socket, lines }: Connection,
  command: string,
  parameters: object,
): Promise<unknown> {
  socket.write(`${JSON.stringify({ execute: command, arguments: parameters })}\n`);
  const late = setTimeout(() => socket.destroy(), answerLimit);
  try {
    for (;;) {
      const line = await lines.next();
      if (line.done === true) throw new ToolError(`QEMU gave no answer to the command ${command}.`);
      const answer = JSON.parse(line.value) as Answer;
      if (answer.error) throw new ToolError(`QEMU refused ${command}: ${answer.error.desc}`);
      if ('return' in answer) return answer.return; // all else are events
    }
  } finally {
    clearTimeout(late);
  }
}
