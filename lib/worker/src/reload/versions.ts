/** Loads versions of an app into realms of their own, and ends what they have started. */
import { isolates } from '@runtimejs/isolate/isolates.ts';
import type { SystemBindings } from '@runtimejs/system/generated/bindings.d.ts';
import type { Switchboard } from '@runtimejs/system/service/switchboard.ts';
import { sourceMapOf } from '@runtimejs/system/source-map.ts';
import type { Version } from './reloader.ts';
import type { LoadedApp, ReloadGlobals } from './types.ts';

type Listener = (kind: number, id: number) => void;
type Callback = (...values: unknown[]) => void;

/** The timers of a bare isolate. */
interface TimerGlobals {
  setTimeout(run: Callback, milliseconds?: number, ...values: unknown[]): number;
  setInterval(run: Callback, milliseconds?: number, ...values: unknown[]): number;
  clearTimeout(timer: unknown): void;
  queueMicrotask(run: () => void): void;
}

/** All versions that have not ended: an isolate has one listener for news, and they share it. */
export class Versions {
  readonly #bindings: SystemBindings;
  readonly #globals: TimerGlobals;
  readonly #environment: Record<string, string>;
  readonly #endpoints: readonly string[];
  readonly #listeners = new Map<object, Listener>();
  /** Versions that were loaded before services have started, and want to call some. */
  readonly #waiting = new Set<(switchboard: Switchboard) => void>();
  #switchboard: Switchboard | undefined;
  #loaded = 0;

  /**
   * @param environment variables that the app is to see
   * @param endpoints names of what it may call
   */
  constructor(
    bindings: SystemBindings,
    environment: Record<string, string>,
    endpoints: readonly string[],
  ) {
    this.#bindings = bindings;
    this.#globals = globalThis as unknown as TimerGlobals;
    this.#environment = environment;
    this.#endpoints = endpoints;
  }

  /** The bindings for this realm, whose channels have the one listener, too. */
  ownBindings(): SystemBindings {
    const { channel } = this.#bindings;
    const onNews = (listener: Listener): void => this.#listen(this, listener);
    return { ...this.#bindings, channel: { ...channel, onNews } };
  }

  /** Services have been started: versions may call them from now on. */
  connect(switchboard: Switchboard): void {
    this.#switchboard = switchboard;
    for (const each of this.#waiting) each(switchboard);
    this.#waiting.clear();
  }

  /**
   * Loads a version.
   * @throws what its modules throw, with a stack of lines of TypeScript
   */
  load(script: string): Version {
    this.#loaded += 1;
    const name = `/worker/app.js?${this.#loaded}`;
    const timers = new Timers(this.#globals);
    const owned = new Owned(this.#bindings);
    let app: LoadedApp | undefined;
    let hangUp = (): void => {};
    const retire = (): void => {
      hangUp();
      this.#listeners.delete(owned);
      timers.clear();
      owned.release();
    };
    const globals: ReloadGlobals & Record<string, unknown> = {
      ...timers.globals(),
      runtimejsReload: {
        script: name,
        adapt: (bindings) => this.#adapt(bindings, owned, script),
        endpoints: {
          names: this.#endpoints,
          listen: (connected) => {
            hangUp = this.#demand(owned, connected);
          },
        },
        offer: (offered) => {
          app = offered;
        },
      },
    };
    try {
      this.#bindings.app.run(name, script, globals);
    } catch (error) {
      // The stack is made of its script: before that is forgotten.
      void (error as { stack?: unknown } | undefined)?.stack;
      retire();
      throw error;
    }
    if (app === undefined) throw new Error('The script has offered no app.');
    return { app, retire };
  }

  #adapt(bindings: SystemBindings, owned: Owned, script: string): SystemBindings {
    return {
      ...bindings,
      isolate: { ...bindings.isolate, sourceMap: () => sourceMapOf(script) },
      app: { ...bindings.app, environment: () => ({ ...this.#environment }) },
      ...owned.adapt(bindings, (listener) => this.#listen(owned, listener)),
    };
  }

  #listen(owner: object, listener: Listener): void {
    this.#listeners.set(owner, listener);
    this.#bindings.channel.onNews((kind, id) => {
      for (const each of [...this.#listeners.values()]) each(kind, id);
    });
  }

  /** Has a version connected with its endpoints. @returns what ends that */
  #demand(owned: Owned, connected: (name: string, channel: number) => void): () => void {
    let hangUp = (): void => {};
    const connect = (switchboard: Switchboard): void => {
      const { channels } = isolates();
      hangUp = switchboard.demand({
        name: 'app',
        isFar: true, // in a realm of its own, which objects of this one are no good in
        pair: () => channels.create(),
        endpoints: this.#endpoints,
        connected: (name, channel) => {
          const id = channels.takeOut(channel);
          owned.own(id);
          connected(name, id);
        },
      });
    };
    if (this.#switchboard === undefined) this.#waiting.add(connect);
    else connect(this.#switchboard);
    return () => {
      this.#waiting.delete(connect);
      hangUp();
    };
  }
}

/** The timers of one version. */
class Timers {
  readonly #globals: TimerGlobals;
  readonly #set = new Set<number>();

  constructor(globals: TimerGlobals) {
    this.#globals = globals;
  }

  /** The functions that the version has for them. */
  globals(): Record<string, unknown> {
    const { setTimeout, setInterval, clearTimeout, queueMicrotask } = this.#globals;
    const clear = (timer: unknown): void => {
      this.#set.delete(timer as number);
      clearTimeout(timer);
    };
    return {
      setTimeout: (run: Callback, milliseconds?: number, ...values: unknown[]): number => {
        if (typeof run !== 'function') return setTimeout(run, milliseconds); // which throws
        const timer: number = setTimeout(() => {
          this.#set.delete(timer);
          run(...values);
        }, milliseconds);
        this.#set.add(timer);
        return timer;
      },
      setInterval: (run: Callback, milliseconds?: number, ...values: unknown[]): number => {
        const timer = setInterval(run, milliseconds, ...values);
        this.#set.add(timer);
        return timer;
      },
      clearTimeout: clear,
      clearInterval: clear,
      queueMicrotask,
    };
  }

  clear(): void {
    for (const timer of this.#set) this.#globals.clearTimeout(timer);
    this.#set.clear();
  }
}

/** The isolates and channels of one version. */
class Owned {
  readonly #bindings: SystemBindings;
  readonly #isolates = new Set<number>();
  /** Also ends that were sent away meanwhile: numbers are used once, so releasing them does nothing. */
  readonly #channels = new Set<number>();

  constructor(bindings: SystemBindings) {
    this.#bindings = bindings;
  }

  /** It has an end of a channel that it has not made. */
  own(channel: number): void {
    this.#channels.add(channel);
  }

  /** @param onNews takes the version's listener */
  adapt(
    { channel, isolates }: SystemBindings,
    onNews: (listener: Listener) => void,
  ): Pick<SystemBindings, 'channel' | 'isolates'> {
    return {
      channel: {
        ...channel,
        onNews,
        create: (into) => {
          const made = channel.create(into);
          this.#channels.add(made.first).add(made.second);
          return made;
        },
        attachments: () => {
          const attachments = channel.attachments();
          for (const each of attachments ?? []) {
            if (typeof each === 'number') this.#channels.add(each);
          }
          return attachments;
        },
        release: (id) => {
          this.#channels.delete(id);
          channel.release(id);
        },
      },
      isolates: {
        ...isolates,
        spawn: (...parameters) => {
          const spawned = isolates.spawn(...parameters);
          this.#isolates.add(spawned.id);
          this.#channels.add(spawned.channel);
          return spawned;
        },
        release: (id) => {
          this.#isolates.delete(id);
          isolates.release(id);
        },
      },
    };
  }

  release(): void {
    const { channel, isolates } = this.#bindings;
    for (const id of this.#isolates) isolates.kill(id, 'its app was replaced');
    for (const id of this.#isolates) isolates.release(id);
    for (const id of this.#channels) channel.release(id);
    this.#isolates.clear();
    this.#channels.clear();
  }
}
