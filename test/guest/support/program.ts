// A program that runs beside a test: its output is kept, and it can be waited for.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** Longer than any program of the tests takes to start. */
const readyLimit = 180_000;

/** A running program. */
export class Program {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #closed: Promise<unknown>;
  #output = '';
  #error: Error | undefined;

  /**
   * @param words the program and its arguments
   * @param environment variables beside those of this process
   */
  constructor(words: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const [program = '', ...parameters] = words;
    this.#name = words.join(' ');
    this.#child = spawn(program, parameters, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    this.#child.on('error', (error) => {
      this.#error = error;
    });
    this.#closed = once(this.#child, 'close').catch(() => {}); // The error is kept above.
    process.once('exit', this.#kill);
  }

  readonly #kill = (): void => {
    this.#child.kill('SIGKILL');
  };

  /** Process id; undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Settles when it has ended. */
  get ended(): Promise<unknown> {
    return this.#closed;
  }

  /** What it has printed so far. */
  get output(): string {
    return this.#output;
  }

  /**
   * Waits until it has printed something.
   * @throws with its output when it ends before, or takes too long
   */
  async printed(expected: RegExp): Promise<void> {
    const limit = performance.now() + readyLimit;
    while (!expected.test(this.#output)) {
      const ended = this.#error ?? this.#child.exitCode ?? this.#child.signalCode;
      if (ended !== null || performance.now() > limit) {
        const why = ended instanceof Error ? ended.message : `it is not ready (${ended})`;
        throw new Error(`${this.#name}: ${why}.\n${this.#output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /**
   * Ends it.
   * @returns everything that it printed
   */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<string> {
    process.off('exit', this.#kill);
    this.#child.kill(signal);
    await this.#closed;
    return this.#output;
  }
}
