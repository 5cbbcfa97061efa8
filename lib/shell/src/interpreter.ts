/** Runs lines: expands words, opens files, and lets the commands of a pipeline run side by side. */
import { createReadStream, createWriteStream } from 'node:fs';
import path from 'node:path';
import { PassThrough, Readable, type Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import {
  type Command,
  type CommandTerminal,
  createContext,
  describeError,
  InterruptedProblem,
  interrupted,
  type ShellState,
  UsageProblem,
} from './command.ts';
import { builtinCommands } from './commands/builtins.ts';
import { fileCommands } from './commands/files.ts';
import { networkCommands } from './commands/network.ts';
import { systemCommands } from './commands/system.ts';
import { expandToOne, expandWords } from './expansion.ts';
import { type Pipeline, parse, type SimpleCommand, SyntaxProblem } from './syntax.ts';

/** How commands end that are not there, and lines that make no sense; as shells have it. */
const notFound = 127;
const malformed = 2;

/** Where a line's input comes from, and where its output goes. */
export interface Surroundings {
  readonly input: Readable;
  readonly output: Writable;
  readonly errors: Writable;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly terminal?: CommandTerminal | undefined;
}

/** The interpreter of one shell. */
export class Interpreter {
  readonly state: ShellState;
  readonly history: string[] = [];
  status = 0;

  /** @param variables what the shell knows at the start, by default the app's environment */
  constructor(variables: Readonly<Record<string, string | undefined>> = process.env) {
    const commands = [...fileCommands, ...systemCommands, ...networkCommands, ...builtinCommands];
    const known = Object.entries(variables).filter(([, value]) => value !== undefined);
    this.state = {
      directory: process.cwd(),
      variables: new Map(known as [string, string][]),
      commands: new Map(
        commands
          .sort((a, b) => (a.name < b.name ? -1 : 1))
          .map((command) => [command.name, command]),
      ),
      history: this.history,
      exitCode: undefined,
    };
  }

  /**
   * Runs a line. What goes wrong is said on the errors.
   * @returns how it ended; 0 is success
   */
  async run(line: string, surroundings: Surroundings): Promise<number> {
    let pipelines: readonly Pipeline[];
    try {
      pipelines = parse(line);
    } catch (error) {
      if (!(error instanceof SyntaxProblem)) throw error;
      surroundings.errors.write(`shell: ${error.message}\n`);
      this.status = malformed;
      return malformed;
    }
    for (const { commands, when } of pipelines) {
      if (surroundings.signal.aborted || this.state.exitCode !== undefined) break;
      if ((when === 'success' && this.status !== 0) || (when === 'failure' && this.status === 0)) {
        continue;
      }
      this.status = await this.#runPipeline(commands, surroundings);
    }
    return this.status;
  }

  readonly #expansion = {
    variable: (name: string): string | undefined =>
      name === '?' ? String(this.status) : this.state.variables.get(name),
  };

  async #runPipeline(
    commands: readonly SimpleCommand[],
    surroundings: Surroundings,
  ): Promise<number> {
    const running: Promise<number>[] = [];
    let { input } = surroundings;
    for (const [index, command] of commands.entries()) {
      const isLast = index === commands.length - 1;
      // Aborted when its reader has gone, which ends what only writes.
      const unread = new AbortController();
      const pipe = isLast ? undefined : new PassThrough();
      pipe?.once('close', () => unread.abort());
      const own: Surroundings = {
        input,
        output: pipe ?? surroundings.output,
        errors: surroundings.errors,
        signal: AbortSignal.any([surroundings.signal, unread.signal]),
        terminal: isLast && index === 0 ? surroundings.terminal : undefined,
      };
      const source = index === 0 ? undefined : input;
      const columns = isLast && surroundings.terminal !== undefined;
      running.push(
        this.#runCommand(command, own, columns ? surroundings.terminal : undefined).finally(() => {
          pipe?.end();
          source?.destroy();
        }),
      );
      if (pipe !== undefined) input = pipe;
    }
    const statuses = await Promise.all(running);
    if (surroundings.signal.aborted) return interrupted;
    return statuses.at(-1) ?? 0;
  }

  /** @param screen the terminal, when the output goes there */
  async #runCommand(
    { assignments, words, redirections }: SimpleCommand,
    surroundings: Surroundings,
    screen: CommandTerminal | undefined,
  ): Promise<number> {
    const { errors, signal } = surroundings;
    const context = { ...this.#expansion, directory: this.state.directory };
    const opened: (Readable | Writable)[] = [];
    try {
      const [name, ...parameters] = await expandWords(words, context);
      const streams = await this.#redirect(redirections, surroundings, opened);
      if (name === undefined) {
        for (const { name, value } of assignments) {
          this.state.variables.set(name, expandToOne(value, context));
        }
        return 0;
      }
      const command = this.state.commands.get(name);
      if (command === undefined) {
        streams.errors.write(`${name}: there is no such command; help lists them\n`);
        return notFound;
      }
      const isOnScreen = streams.output === surroundings.output;
      return await this.#invoke(command, parameters, {
        ...streams,
        signal,
        terminal: isOnScreen ? screen : undefined,
      });
    } catch (error) {
      errors.write(`shell: ${describeError(error)}\n`);
      return 1;
    } finally {
      await closeAll(opened);
    }
  }

  async #invoke(
    command: Command,
    parameters: readonly string[],
    { input, output, errors, signal, terminal }: Surroundings,
  ): Promise<number> {
    const { name } = command;
    const context = createContext({
      name,
      input,
      output,
      errors,
      signal,
      terminal,
      shell: this.state,
    });
    try {
      // A command that heeds no signal must not keep the terminal: it is left behind.
      return await Promise.race([command.run(context, parameters), untilAborted(signal)]);
    } catch (error) {
      if (signal.aborted || error instanceof InterruptedProblem) return interrupted;
      context.complain(describeError(error));
      if (error instanceof UsageProblem) errors.write(`usage: ${name} ${command.usage}\n`);
      return error instanceof UsageProblem ? malformed : 1;
    }
  }

  async #redirect(
    redirections: SimpleCommand['redirections'],
    { input, output, errors }: Surroundings,
    opened: (Readable | Writable)[],
  ): Promise<Pick<Surroundings, 'input' | 'output' | 'errors'>> {
    const context = { ...this.#expansion, directory: this.state.directory };
    const streams = { input, output, errors };
    for (const { operator, file } of redirections) {
      if (operator === '2>&1') {
        streams.errors = streams.output;
        continue;
      }
      const name = path.resolve(this.state.directory, expandToOne(file, context));
      const stream =
        operator === '<'
          ? createReadStream(name)
          : createWriteStream(name, { flags: operator.endsWith('>>') ? 'a' : 'w' });
      opened.push(stream);
      await new Promise((resolve, reject) => {
        stream.once('open', resolve);
        stream.once('error', reject);
      });
      if (stream instanceof Readable) streams.input = stream;
      else if (operator.startsWith('2')) streams.errors = stream;
      else streams.output = stream;
    }
    return streams;
  }
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = (): void => {
      // What heeds the signal gets the time to say its last words.
      setTimeout(() => reject(new InterruptedProblem()), 200).unref();
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}

async function closeAll(streams: readonly (Readable | Writable)[]): Promise<void> {
  for (const stream of streams) {
    if (stream instanceof Readable) stream.destroy();
    else {
      stream.end();
      await finished(stream).catch(() => {});
    }
  }
}
