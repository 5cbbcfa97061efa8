// QEMU's monitor over a socket, to read the guest's memory. Source: QEMU's QMP reference manual.
import net from 'node:net';
import { createInterface, type Interface } from 'node:readline';
import { ToolError } from '../../../lib/cli/src/command.ts';

interface Answer {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

/** A connection to QEMU's monitor. */
export class Monitor {
  readonly #socket: net.Socket;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#lines = createInterface({ input: socket });
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  /** Arguments that have QEMU listen at a path. */
  static arguments(path: string): string[] {
    return ['-qmp', `unix:${path},server=on,wait=off`];
  }

  /** Connects to where QEMU listens. */
  static async connect(path: string): Promise<Monitor> {
    const monitor = new Monitor(net.connect(path));
    await monitor.#answers.next(); // its greeting
    await monitor.execute('qmp_capabilities');
    return monitor;
  }

  /**
   * Runs a command to its end.
   * @throws ToolError when QEMU refuses it
   */
  async execute(command: string, parameters: object = {}): Promise<unknown> {
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: parameters })}\n`);
    for (;;) {
      const line = await this.#answers.next();
      if (line.done === true) throw new ToolError(`QEMU ended during the command ${command}`);
      const answer = JSON.parse(line.value) as Answer;
      if (answer.error) throw new ToolError(`QEMU refused ${command}: ${answer.error.desc}`);
      if ('return' in answer) return answer.return; // all else are events
    }
  }

  /** Writes physical memory of the guest to a file. */
  async saveMemory(address: number, size: number, file: string): Promise<void> {
    await this.execute('pmemsave', { val: address, size, filename: file });
  }

  close(): void {
    this.#lines.close();
    this.#socket.destroy();
  }
}
