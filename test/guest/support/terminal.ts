// A person at a terminal: what a machine's console sends is shown by a terminal emulator, and tests type and look at
// the screen.
import { openSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ReadStream, WriteStream } from 'node:tty';
import xterm from '@xterm/headless';

/** Everything is ten times slower without KVM on a busy machine; what takes longer hangs. */
const patience = 240_000;

/** The other end of a terminal's line. */
export interface Line {
  write(bytes: Uint8Array | string): void;
  onData(listener: (bytes: Uint8Array) => void): void;
  /** Stops and goes on reading. */
  pause(): void;
  resume(): void;
  close(): void;
}

/** A screen, and a keyboard. */
export class Person {
  readonly #line: Line;
  readonly #terminal: InstanceType<typeof xterm.Terminal>;
  readonly #watchers = new Set<() => void>();
  #received = '';

  constructor(line: Line, columns = 80, rows = 24) {
    this.#line = line;
    this.#terminal = new xterm.Terminal({
      cols: columns,
      rows,
      allowProposedApi: true,
      logLevel: 'off',
    });
    // What a terminal answers by itself, such as where its cursor is.
    this.#terminal.onData((text) => line.write(text));
    line.onData((bytes) => {
      this.#received += Buffer.from(bytes).toString('latin1');
      this.#terminal.write(bytes, () => {
        for (const watcher of this.#watchers) watcher();
      });
    });
  }

  /** The lines of the screen, without blanks at their ends. */
  get screen(): string[] {
    const { active } = this.#terminal.buffer;
    return Array.from(
      { length: this.#terminal.rows },
      (_, row) =>
        active
          .getLine(active.baseY + row)
          ?.translateToString(true)
          .trimEnd() ?? '',
    );
  }

  /** All lines so far that are not blank, those that were scrolled away too. */
  get lines(): string[] {
    const { active } = this.#terminal.buffer;
    return Array.from(
      { length: active.length },
      (_, row) => active.getLine(row)?.translateToString(true).trimEnd() ?? '',
    ).filter((line) => line !== '');
  }

  /** The line that the cursor is in, up to the cursor. */
  get cursorLine(): string {
    const { active } = this.#terminal.buffer;
    const line = active.getLine(active.baseY + active.cursorY);
    return line?.translateToString(false, 0, active.cursorX) ?? '';
  }

  /** Everything that was received, each byte a character. */
  get received(): string {
    return this.#received;
  }

  /** Whether some cell of the screen's line `text` has a colour. */
  isColoured(text: string): boolean {
    const { active } = this.#terminal.buffer;
    for (let row = active.length - 1; row >= 0; row -= 1) {
      const line = active.getLine(row);
      const at = line?.translateToString(true).indexOf(text) ?? -1;
      if (at >= 0) return line?.getCell(at)?.isFgDefault() === false;
    }
    return false;
  }

  type(text: string | Uint8Array): void {
    this.#line.write(text);
  }

  /** Waits until the screen is as it should be. Fails with the screen when it does not become so. */
  async sees(what: string, isSo: (person: Person) => boolean): Promise<void> {
    if (isSo(this)) return;
    await new Promise<void>((resolve, reject) => {
      const finish = (): void => {
        this.#watchers.delete(watcher);
        clearTimeout(timer);
      };
      const watcher = (): void => {
        if (!isSo(this)) return;
        finish();
        resolve();
      };
      const timer = setTimeout(() => {
        finish();
        const shown = this.lines.slice(-40).join('\n');
        reject(new Error(`The terminal does not show ${what}. It shows:\n${shown}`));
      }, patience);
      this.#watchers.add(watcher);
    });
  }

  /** Waits until a line is shown that contains a text. */
  async reads(text: string): Promise<void> {
    await this.sees(`"${text}"`, ({ lines }) => lines.some((line) => line.includes(text)));
  }

  /** Waits until the cursor stands behind a text. */
  async isAsked(prompt: string): Promise<void> {
    await this.sees(`the prompt "${prompt}"`, ({ cursorLine }) => cursorLine.endsWith(prompt));
  }
}

/** The pseudo-terminal that QEMU says it has made, from its output. */
export function pseudoTerminal(output: string): Line | undefined {
  const name = /char device redirected to (\/dev\/pts\/\d+)/.exec(output)?.[1];
  if (name === undefined) return undefined;
  const input = new ReadStream(openSync(name, 'r+'));
  const output_ = new WriteStream(openSync(name, 'r+'));
  input.setRawMode(true);
  input.on('error', () => {}); // the machine has ended
  output_.on('error', () => {});
  return {
    write: (bytes) => {
      output_.write(bytes);
    },
    onData: (listener) => {
      input.on('data', listener);
    },
    pause: () => input.pause(),
    resume: () => {
      input.resume();
    },
    close: () => {
      input.destroy();
      output_.destroy();
    },
  };
}

/** A socket that QEMU connects a character device with. */
export interface LineSocket {
  /** For QEMU: `socket,id=NAME,path=...` without the id. */
  readonly path: string;
  /** The line, once QEMU has connected. */
  readonly line: Promise<Line>;
  close(): Promise<void>;
}

/** Listens for QEMU. */
export async function listenForLine(): Promise<LineSocket> {
  const folder = await mkdtemp(path.join(tmpdir(), 'runtimejs-line-'));
  const file = path.join(folder, 'line');
  const server = createServer();
  const connected = new Promise<Socket>((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve) => server.listen(file, resolve));
  return {
    path: file,
    line: connected.then((socket) => {
      socket.on('error', () => {});
      return {
        write: (bytes: Uint8Array | string) => {
          socket.write(bytes);
        },
        onData: (listener: (bytes: Uint8Array) => void) => {
          socket.on('data', listener);
        },
        pause: () => {
          socket.pause();
        },
        resume: () => {
          socket.resume();
        },
        close: () => socket.destroy(),
      };
    }),
    close: async () => {
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A file that QEMU writes a character device's output to. Nothing can be typed. */
export async function fileLine(): Promise<LineSocket> {
  const folder = await mkdtemp(path.join(tmpdir(), 'runtimejs-line-'));
  const file = path.join(folder, 'line');
  const input = await open(file, 'w+');
  const listeners: ((bytes: Uint8Array) => void)[] = [];
  let position = 0;
  let isClosed = false;
  const read = async (): Promise<void> => {
    const buffer = Buffer.alloc(1024 * 1024);
    while (!isClosed) {
      const { bytesRead } = await input.read(buffer, 0, buffer.length, position);
      position += bytesRead;
      for (const listener of listeners) listener(buffer.subarray(0, bytesRead));
      if (bytesRead === 0) await sleep(20);
    }
    await input.close();
    await rm(folder, { recursive: true, force: true });
  };
  const reading = read();
  const line: Line = {
    write: () => {
      throw new Error('Nothing can be typed at a file.');
    },
    onData: (listener) => {
      listeners.push(listener);
    },
    pause: () => {},
    resume: () => {},
    close: () => {
      isClosed = true;
    },
  };
  return {
    path: file,
    line: Promise.resolve(line),
    close: async () => {
      isClosed = true;
      await reading;
    },
  };
}
