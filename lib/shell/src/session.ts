/** A person at a terminal: prompt, line editing, history, completion, Ctrl-C. */
import { createInterface, type Interface } from 'node:readline';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import type { CommandTerminal } from './command.ts';
import { complete } from './completion.ts';
import { Interpreter } from './interpreter.ts';
import { parse, SyntaxProblem } from './syntax.ts';

/** Lines of the history that are kept. */
const historySize = 500;

/** A terminal, as node:tty has it, or a stream of lines. */
export type SessionInput = Readable & { isTTY?: boolean; setRawMode?(mode: boolean): unknown };
export type SessionOutput = Writable & {
  isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

/** Runs a shell until `exit` or the end of the input. @returns its exit code */
export async function runSession(
  input: SessionInput,
  output: SessionOutput,
  greeting: string,
): Promise<number> {
  const session = new Session(input, output);
  if (greeting !== '') output.write(greeting);
  return session.run();
}

class Session {
  readonly #input: SessionInput;
  readonly #output: SessionOutput;
  readonly #interpreter = new Interpreter();
  readonly #isTerminal: boolean;
  readonly #terminal: CommandTerminal | undefined;
  #reader: Interface | undefined;
  #history: string[] = [];
  /** Lines that were typed while a command ran. */
  #lines: string[] = [];
  /** What a command reads that runs, and what interrupts it. */
  #running: { readonly input: PassThrough; readonly abort: AbortController } | undefined;
  #hasEnded = false;
  #wake: () => void = () => {};

  constructor(input: SessionInput, output: SessionOutput) {
    this.#input = input;
    this.#output = output;
    this.#isTerminal = output.isTTY === true;
    const columns = (): number => output.columns ?? 80;
    const rows = (): number => output.rows ?? 24;
    this.#terminal = !this.#isTerminal
      ? undefined
      : {
          get columns() {
            return columns();
          },
          get rows() {
            return rows();
          },
          takeOver: (use) => this.#takeOver(use),
        };
  }

  async run(): Promise<number> {
    this.#open();
    let pending = '';
    for (;;) {
      const line = await this.#readLine(pending === '' ? this.#prompt() : '> ');
      if (line === undefined) break;
      if (line === null) {
        pending = ''; // Ctrl-C
        continue;
      }
      const whole = pending === '' ? line : `${pending}\n${line}`;
      if (isIncomplete(whole)) {
        pending = whole;
        continue;
      }
      pending = '';
      if (whole.trim() !== '') await this.#execute(whole);
      if (this.#interpreter.state.exitCode !== undefined) break;
    }
    this.#close();
    return this.#interpreter.state.exitCode ?? this.#interpreter.status;
  }

  #prompt(): string {
    const { directory, variables } = this.#interpreter.state;
    const home = variables.get('HOME');
    const shown = home !== undefined && directory === home ? '~' : directory;
    return `${shown} $ `;
  }

  #open(): void {
    const reader = createInterface({
      input: this.#input,
      output: this.#output,
      terminal: this.#isTerminal,
      history: this.#history,
      historySize,
      removeHistoryDuplicates: true,
      completer: (line: string, done: (error: null, result: [string[], string]) => void) => {
        void complete(line, this.#interpreter.state).then(([words, replaced]) =>
          done(null, [[...words], replaced]),
        );
      },
    });
    this.#reader = reader;
    reader.on('history', (history) => {
      this.#history = [...history];
    });
    reader.on('line', (line) => {
      if (this.#running !== undefined && this.#running.input.readableFlowing !== null) {
        this.#running.input.write(`${line}\n`);
      } else this.#lines.push(line);
      this.#wake();
    });
    reader.on('SIGINT', () => this.#interrupt());
    reader.on('close', () => {
      if (this.#reader !== reader) return; // closed by this session
      this.#reader = undefined;
      const running = this.#running;
      if (running === undefined) this.#hasEnded = true;
      else running.input.end(); // Ctrl-D ends what the command reads, not the shell
      if (this.#input.readableEnded || this.#input.destroyed) {
        this.#hasEnded = true;
        if (this.#isTerminal) running?.abort.abort(); // whoever sat there has gone
      }
      this.#wake();
    });
  }

  #close(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.close();
  }

  #interrupted = false;

  #interrupt(): void {
    this.#output.write('^C\n');
    if (this.#running !== undefined) {
      this.#running.abort.abort();
      return;
    }
    // The line that was being typed is dropped.
    this.#interrupted = true;
    this.#reader?.write(null, { ctrl: true, name: 'e' });
    this.#reader?.write(null, { ctrl: true, name: 'u' });
    this.#wake();
  }

  /** @returns the line, null after Ctrl-C, undefined at the end of the input */
  async #readLine(prompt: string): Promise<string | null | undefined> {
    this.#interrupted = false;
    if (this.#lines.length === 0) {
      if (this.#hasEnded) return undefined;
      if (this.#reader === undefined) this.#open();
      this.#reader?.setPrompt(prompt);
      if (this.#isTerminal) this.#reader?.prompt();
    }
    while (this.#lines.length === 0 && !this.#hasEnded && !this.#interrupted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#interrupted) return null;
    return this.#lines.shift();
  }

  async #execute(line: string): Promise<void> {
    this.#interpreter.history.push(line);
    if (this.#interpreter.history.length > historySize) this.#interpreter.history.shift();
    const abort = new AbortController();
    const input = new PassThrough();
    this.#running = { input, abort };
    this.#reader?.setPrompt('');
    try {
      await this.#interpreter.run(line, {
        input,
        output: this.#output,
        errors: this.#output,
        signal: abort.signal,
        terminal: this.#terminal,
      });
    } finally {
      this.#running = undefined;
      input.destroy();
    }
  }

  /** The command has the terminal in raw mode; line editing begins anew afterwards. */
  async #takeOver(use: (input: Readable, output: Writable) => Promise<void>): Promise<void> {
    this.#close();
    this.#input.setRawMode?.(true);
    this.#input.resume();
    try {
      await use(this.#input, this.#output);
    } finally {
      this.#input.setRawMode?.(false);
      if (!this.#hasEnded) this.#open();
    }
  }
}

function isIncomplete(line: string): boolean {
  try {
    parse(line);
    return false;
  } catch (error) {
    return error instanceof SyntaxProblem && error.isIncomplete;
  }
}
