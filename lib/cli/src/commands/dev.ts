import { freemem } from 'node:os';
import path from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import type { Command } from 'commander';
import colors from 'picocolors';
import { type BuiltApp, buildApp } from '../app/build-app.ts';
import { displayPath, isBareApp, isInside, packageRoot } from '../bundle/project.ts';
import { type App, loadApp } from '../config/load.ts';
import { isTold } from '../errors.ts';
import { describePort, inspectorOption } from '../launch.ts';
import { interrupted, runOnTerminal, type TerminalOptions } from '../machine.ts';
import { ReloadLink } from '../reload/link.ts';
import { type Running, Standby, standbyFiles } from '../standby/standby.ts';
import {
  addMachineOptions,
  describeMachine,
  images,
  type MachineChoice,
} from './machine-options.ts';

interface DevOptions extends MachineChoice {
  readonly app: string;
  readonly standby: boolean;
}

/** What ends the command. */
const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

type Machine = Omit<TerminalOptions, 'runtime' | 'initrd'>;

/** Editors write files in several steps: changes that come this close together are one, in ms. */
const settleMilliseconds = 30;
/** An app that does not listen on a port is up after this time, in ms; the next machine is not to hold it up. */
const settledMilliseconds = 5000;

/** `runtime dev`. */
export function register(program: Command): void {
  addMachineOptions(
    program
      .command('dev')
      .description('boot the app, and again whenever its sources change')
      .argument('[arguments...]', "the app's arguments, after --"),
  )
    .option('--app <folder>', 'the app, or its entry module', '.')
    .option('--no-standby', 'boot anew for each change, instead of a machine in advance')
    .addHelpText(
      'after',
      [
        '',
        'While the app runs, a second machine boots and stands by: a change of a module of the app is then served',
        'without a boot. Drivers and services of the project are replaced in the running machine: listening sockets',
        'stay, and connections, too, when the driver has an isolate of its own. Any other change, such as of a',
        'package, boots anew. A bare app is replaced in its machine, under open connections. A version that fails at',
        'import leaves the one before running.',
        '',
        'Examples:',
        '  runtime dev                           this app, on the port of its config',
        '  runtime dev -p 3000 -e LOG=debug      port 3000 of this host and the guest, and a variable',
      ].join('\n'),
    )
    .action(async (parameters: string[], options: DevOptions) => {
      process.exitCode = await new Development(parameters, options).run();
    });
}

/**
 * Builds, boots, watches, and does it again. The old build runs until there is a new one; the next machine has then
 * been booted already, as far as that can be done without the app.
 */
class Development {
  readonly #parameters: readonly string[];
  readonly #options: DevOptions;
  #change = Promise.withResolvers<string>();
  #quit = Promise.withResolvers<undefined>();
  /** When the first of the changes came that the next build is for. */
  #changedAt = performance.now();
  #app: App | undefined;
  /** The app and the runtime that the machines were made for, as text. */
  #described = '';
  /** What the app runs on. */
  #machine: Machine | undefined;
  /** When the change came that is served, or is about to be. */
  #servedSince = 0;
  /** How that is done, for the user. */
  #how = '';
  #standby: Promise<Standby> | undefined;
  /** The way to a machine in which a bare app can be replaced. */
  #link: ReloadLink | undefined;
  /** Boots it, once the app is up: when it listens, or after a while. */
  #bootStandby: (() => void) | undefined;
  #standbyTimer: NodeJS.Timeout | undefined;

  constructor(parameters: readonly string[], options: DevOptions) {
    this.#parameters = parameters;
    this.#options = options;
  }

  /** @returns the exit code: 0 when Ctrl-C ended it and the app had nothing else to say */
  async run(): Promise<number> {
    let running: Running | undefined;
    const watcher = await this.#watch();
    // While the app runs, signals are for its machine (interrupts.ts).
    const quit = () => {
      if (running !== undefined) return;
      if (this.#standby === undefined) process.exit(interrupted);
      this.#quit.resolve(undefined);
    };
    for (const signal of endingSignals) process.on(signal, quit);
    try {
      for (;;) {
        const built = await this.#build();
        if (built !== undefined) {
          watcher.add(built.inputs.filter((file) => !file.includes('/node_modules/')));
          running = await this.#runBuild(built, running);
        }
        if (running === undefined) console.error(colors.yellow('Waiting for a change.'));
        let event = await Promise.race(
          [this.#change.promise, this.#quit.promise, running?.end].filter(
            (one) => one !== undefined,
          ),
        );
        if (typeof event === 'object') {
          if (event.interrupted) return event.code === interrupted ? 0 : event.code;
          running = undefined;
          const how =
            event.code === 0 ? 'ended' : `ended with code ${event.code} (${event.reason})`;
          console.error(colors.yellow(`The app ${how}. Waiting for a change.`));
          event = await Promise.race([this.#change.promise, this.#quit.promise]);
        }
        if (event === undefined) return 0;
        this.#change = Promise.withResolvers();
        console.error(colors.dim(`${displayPath(event)} changed.`));
      }
    } finally {
      for (const signal of endingSignals) process.off(signal, quit);
      this.#forgetStandby();
      await Promise.all([watcher.close(), this.#stop(running), this.#discardStandby()]);
    }
  }

  /** Has a machine run a build, in place of the one that runs, unless that runs it already. */
  async #runBuild(built: BuiltApp, running: Running | undefined): Promise<Running> {
    const { app, runtime } = built;
    const described = JSON.stringify([{ ...app, inputs: [] }, runtime.file]);
    const isSame = described === this.#described;
    if (running !== undefined && !built.rebuilt && isSame) return running;
    this.#described = described;
    if (running !== undefined && isSame && (await this.#reload(built))) return running;
    const standby = isSame ? await this.#standby : undefined;
    const modules = await standby?.changesTo(built.initrd);
    await this.#stop(running);
    this.#forgetStandby();
    const changedAt = this.#changedAt;
    if (standby !== undefined && modules !== undefined) {
      this.#standby = undefined;
      await this.#link?.booted(built.initrd);
      this.#servedSince = changedAt;
      this.#how = ', without a boot';
      this.#prepareStandby(built);
      return standby.takeOver(modules);
    }
    await this.#discardStandby();
    this.#machine = await this.#describe(app);
    await this.#link?.booted(built.initrd);
    this.#servedSince = changedAt;
    this.#how = '';
    this.#prepareStandby(built);
    const stop = new AbortController();
    const end = runOnTerminal({ ...this.#machine, ...images(built), signal: stop.signal });
    return { end, stop };
  }

  /** Replaces what has changed in the machine. @returns whether it goes on, with one version or the other */
  async #reload(built: BuiltApp): Promise<boolean> {
    const result = await this.#link?.reload(built.initrd);
    switch (result?.outcome) {
      case undefined:
        return false;
      case 'reloaded': {
        const seconds = ((performance.now() - this.#changedAt) / 1000).toFixed(1);
        const how = ['without a boot', ...result.notes].join(', ');
        console.error(`\n  ${colors.green('➜')}  Reloaded after ${seconds} s, ${how}.\n`);
        // The one that stands by was booted from what was before.
        this.#forgetStandby();
        await this.#discardStandby();
        this.#prepareStandby(built);
        return true;
      }
      case 'failed':
      case 'busy':
        console.error(`\n${colors.red('error:')} ${result.reason}\n`);
        console.error(colors.yellow('The version before goes on. Waiting for a change.'));
        return true;
      case 'impossible':
        console.error(colors.dim(`${result.reason} Booting anew.`));
        return false;
      default:
        return result satisfies never;
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
      const initrd = path.join(this.#app.work, 'initrd-dev');
      return await buildApp(this.#app, { initrd, files: standbyFiles, isReloadable: true });
    } catch (error) {
      if (!isTold(error)) throw error;
      console.error(`\n${colors.red('error:')} ${error.message}\n`);
      return undefined;
    }
  }

  async #describe(app: App): Promise<Machine> {
    const machine = await describeMachine(this.#options, app, this.#parameters);
    const link = await ReloadLink.create(machine, isBareApp(app.project));
    this.#link = link;
    return {
      ...(link?.apply(machine) ?? machine),
      onListening: (forward) => {
        if (forward === link?.forward) {
          link.isUp = true;
          return;
        }
        const seconds = ((performance.now() - this.#servedSince) / 1000).toFixed(1);
        console.error(
          `\n  ${colors.green('➜')}  ${describePort(forward)}   (after ${seconds} s${this.#how})\n`,
        );
        this.#bootStandby?.();
      },
    };
  }

  /** Boots a machine for the next change, once the app has had time to start. */
  #prepareStandby(built: BuiltApp): void {
    const machine = this.#machine;
    if (machine === undefined || !this.#mayStandBy(built)) return;
    const { NODE_OPTIONS } = { ...built.app.environment, ...this.#options.env };
    const options = [this.#options.inspect ? inspectorOption : '', NODE_OPTIONS ?? ''];
    const nodeOptions = options.filter(Boolean).join(' ') || undefined;
    this.#bootStandby = () => {
      this.#bootStandby = undefined;
      clearTimeout(this.#standbyTimer);
      this.#standby = Standby.start({ ...machine, ...images(built) }, nodeOptions);
    };
    this.#standbyTimer = setTimeout(() => this.#bootStandby?.(), settledMilliseconds);
  }

  /** A second machine has to find memory, and nothing that one machine only can have. */
  #mayStandBy({ app }: BuiltApp): boolean {
    const { standby, gdb, pcap, tap, network } = this.#options;
    const isShared = gdb || pcap !== undefined || tap !== undefined || app.qemu.length > 0;
    const hasNode = !isBareApp(app.project);
    const hasNetwork = network && app.network !== 'none';
    const needed = 2 * (this.#options.memory ?? app.memoryMegabytes) * 2 ** 20;
    return standby && !isShared && hasNode && hasNetwork && freemem() > needed;
  }

  /** Does not boot the one that was to be booted. */
  #forgetStandby(): void {
    clearTimeout(this.#standbyTimer);
    this.#bootStandby = undefined;
  }

  async #discardStandby(): Promise<void> {
    const standby = this.#standby;
    this.#standby = undefined;
    await (await standby)?.discard();
  }

  async #stop(running: Running | undefined): Promise<void> {
    running?.stop.abort();
    await running?.end;
  }
}
