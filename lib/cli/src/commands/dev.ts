import path from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import type { Command } from 'commander';
import colors from 'picocolors';
import { type BuiltApp, buildApp } from '../app/build-app.ts';
import { displayPath, isInside, packageRoot } from '../bundle/project.ts';
import { type App, loadApp } from '../config/load.ts';
import { isTold } from '../errors.ts';
import { describePort } from '../launch.ts';
import { interrupted, runOnTerminal, type TerminalEnd } from '../machine.ts';
import {
  addMachineOptions,
  describeMachine,
  images,
  type MachineChoice,
} from './machine-options.ts';

interface DevOptions extends MachineChoice {
  readonly app: string;
}

/** Editors write files in several steps: changes that come this close together are one, in ms. */
const settleMilliseconds = 30;

/** `runtime dev`. */
export function register(program: Command): void {
  addMachineOptions(
    program
      .command('dev')
      .description('boot the app, and again whenever its sources change')
      .argument('[arguments...]', "the app's arguments, after --"),
  )
    .option('--app <folder>', 'the app, or its entry module', '.')
    .action(async (parameters: string[], options: DevOptions) => {
      process.exitCode = await new Development(parameters, options).run();
    });
}

/** A machine that runs a build. */
interface Running {
  readonly end: Promise<TerminalEnd>;
  readonly stop: AbortController;
}

/** Builds, boots, watches, and does it again. The old build runs until there is a new one. */
class Development {
  readonly #parameters: readonly string[];
  readonly #options: DevOptions;
  #change = Promise.withResolvers<string>();
  /** When the first of the changes came that the next build is for. */
  #changedAt = performance.now();
  #app: App | undefined;

  constructor(parameters: readonly string[], options: DevOptions) {
    this.#parameters = parameters;
    this.#options = options;
  }

  /** @returns the exit code: 0 when Ctrl-C ended it and the app had nothing else to say */
  async run(): Promise<number> {
    let running: Running | undefined;
    const watcher = await this.#watch();
    try {
      for (let before = ''; ; ) {
        const built = await this.#build();
        if (built !== undefined) {
          watcher.add(built.inputs.filter((file) => !file.includes('/node_modules/')));
          const now = JSON.stringify({ ...built.app, inputs: [] });
          if (running === undefined || built.rebuilt || now !== before) {
            await this.#stop(running);
            running = await this.#boot(built);
          }
          before = now;
        }
        if (running === undefined) console.error(colors.yellow('Waiting for a change.'));
        let event = await Promise.race(
          [this.#change.promise, running?.end].filter((one) => one !== undefined),
        );
        if (typeof event !== 'string') {
          if (event.interrupted) return event.code === interrupted ? 0 : event.code;
          running = undefined;
          const how =
            event.code === 0 ? 'ended' : `ended with code ${event.code} (${event.reason})`;
          console.error(colors.yellow(`The app ${how}. Waiting for a change.`));
          event = await this.#change.promise;
        }
        this.#change = Promise.withResolvers();
        console.error(colors.dim(`${displayPath(event)} changed.`));
      }
    } finally {
      await Promise.all([watcher.close(), this.#stop(running)]);
    }
  }

  async #watch(): Promise<FSWatcher> {
    const start = path.resolve(this.#options.app);
    const root = packageRoot(path.extname(start) === '' ? start : path.dirname(start)) ?? start;
    const watcher = watch(root, {
      ignoreInitial: true,
      ignored: (file) =>
        /[\\/](node_modules|\.git)([\\/]|$)/.test(file.slice(root.length)) ||
        (this.#app !== undefined && isInside(file, this.#app.output)),
    });
    let timer: NodeJS.Timeout | undefined;
    watcher.on('all', (_event, file) => {
      if (timer === undefined) this.#changedAt = performance.now();
      clearTimeout(timer);
      timer = setTimeout(() => {
        timer = undefined;
        this.#change.resolve(file);
      }, settleMilliseconds);
    });
    await new Promise<void>((resolve) => watcher.once('ready', () => resolve()));
    return watcher;
  }

  /** @returns undefined when there is something to mend, which is said */
  async #build(): Promise<BuiltApp | undefined> {
    try {
      this.#app = await loadApp(this.#options.app, { command: 'dev' });
      return await buildApp(this.#app);
    } catch (error) {
      if (!isTold(error)) throw error;
      console.error(`\n${colors.red('error:')} ${error.message}\n`);
      return undefined;
    }
  }

  async #boot(built: BuiltApp): Promise<Running> {
    const machine = await describeMachine(this.#options, built.app, this.#parameters);
    const stop = new AbortController();
    const changedAt = this.#changedAt;
    const end = runOnTerminal({
      ...machine,
      ...images(built),
      signal: stop.signal,
      onListening: (forward) => {
        const seconds = ((performance.now() - changedAt) / 1000).toFixed(1);
        console.error(
          `\n  ${colors.green('➜')}  ${describePort(forward)}   (after ${seconds} s)\n`,
        );
      },
    });
    return { end, stop };
  }

  async #stop(running: Running | undefined): Promise<void> {
    running?.stop.abort();
    await running?.end;
  }
}
