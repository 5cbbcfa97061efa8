/**
 * Replaces an app while its server goes on: listening socket and connections stay, and each request is answered
 * by the version that it came to. Pure: loading, time and the app are passed in.
 *
 * The new version is loaded while the old one serves. When the old one hands over its state, new requests wait while
 * those under way are answered and the new one takes the state over. Whatever fails on the way leaves the old one
 * serving. A version whose handOver() has failed is not asked again: the next reload goes without its state.
 */
import type { Exchange } from '@runtimejs/http/connection/types.ts';
import { type After, describe, within } from '@runtimejs/system/reload/within.ts';
import { Requests } from './requests.ts';
import type { LoadedApp } from './types.ts';

/** A version of the app, and what ends it. */
export interface Version {
  readonly app: LoadedApp;
  /** Ends it: its timers, channels and isolates. */
  retire(): void;
}

/** What a reloader needs. */
export interface ReloadHost {
  /**
   * Loads a version.
   * @throws what its modules throw
   */
  load(script: string): Version;
  /** Calls a function once, later. @returns what keeps it from being called */
  after(milliseconds: number, run: () => void): () => void;
  /** Milliseconds on a clock that never goes back. */
  now(): number;
}

/** How long things may take, in milliseconds. */
export interface ReloadLimits {
  /** For requests under way, before a state is handed over without waiting for them. */
  readonly quiet: number;
  /** For handOver(), and for takeOver(). */
  readonly handover: number;
  /** For requests of the old version, after which its timers and isolates end. */
  readonly grace: number;
}

export const defaultReloadLimits: ReloadLimits = { quiet: 2000, handover: 5000, grace: 20_000 };

/** What became of a reload. */
export type ReloadResult =
  | {
      readonly outcome: 'reloaded';
      /** From the script's arrival until the new version took requests. */
      readonly milliseconds: number;
      /** Requests that the old version still answers. */
      readonly underWay: number;
      readonly hasHandedOver: boolean;
      /** Services that were replaced, for people. */
      readonly parts?: readonly string[];
    }
  /** The old version goes on. `reason` is for people, with a stack where there is one. */
  | { readonly outcome: 'failed' | 'busy'; readonly reason: string }
  /** What has changed needs another start of the machine. */
  | { readonly outcome: 'impossible'; readonly reason: string };

/** See the top of the file. */
export class Reloader {
  readonly #host: ReloadHost;
  readonly #limits: ReloadLimits;
  #version: Version;
  #requests = new Requests();
  /** Requests that wait for the new version. */
  #held: Exchange[] | undefined;
  #isReloading = false;
  /** handOver() of the version that serves has failed. */
  #isStateLost = false;

  /**
   * Loads the first version.
   * @throws what its modules throw
   */
  constructor(host: ReloadHost, script: string, limits: ReloadLimits = defaultReloadLimits) {
    this.#host = host;
    this.#limits = limits;
    this.#version = host.load(script);
  }

  /** Where the app wants to be reached. */
  get port(): number {
    return this.#version.app.port;
  }

  /** Takes a request. */
  handle(exchange: Exchange): void {
    if (this.#held === undefined) this.#version.app.handle(this.#requests.track(exchange));
    else this.#hold(exchange, this.#held);
  }

  /** Puts another version in the place of the one that serves. */
  async reload(script: string): Promise<ReloadResult> {
    if (this.#isReloading) return { outcome: 'busy', reason: 'Another reload is under way.' };
    this.#isReloading = true;
    const startedAt = this.#host.now();
    let next: Version | undefined;
    try {
      next = this.#host.load(script);
      if (next.app.port !== this.port) {
        const reason = `The app was on port ${this.port}, and is on port ${next.app.port} now.`;
        next.retire();
        return { outcome: 'impossible', reason };
      }
      const hasHandedOver = await this.#handOver(next.app);
      const underWay = this.#replace(next);
      const milliseconds = this.#host.now() - startedAt;
      return { outcome: 'reloaded', milliseconds, underWay, hasHandedOver };
    } catch (error) {
      next?.retire();
      return { outcome: 'failed', reason: describe(error) };
    } finally {
      this.#isReloading = false;
      this.#release();
    }
  }

  /** A client that goes away meanwhile has nothing to wait for. */
  #hold(exchange: Exchange, held: Exchange[]): void {
    held.push(exchange);
    exchange.onAbort = () => {
      const index = held.indexOf(exchange);
      if (index >= 0) held.splice(index, 1);
    };
  }

  /** Those that wait go to whoever serves now. */
  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const exchange of held) {
      exchange.onAbort = undefined;
      this.handle(exchange);
    }
  }

  async #handOver(next: LoadedApp): Promise<boolean> {
    const { handOver } = this.#version.app;
    if (handOver === undefined || this.#isStateLost) return false;
    this.#held = [];
    await this.#quiet();
    this.#isStateLost = true;
    const state = await this.#within('handOver()', () => handOver());
    this.#isStateLost = false;
    const { takeOver } = next;
    if (takeOver === undefined) return false;
    await this.#within('takeOver()', () => takeOver(state));
    return true;
  }

  /** Waits until nothing is under way, or for as long as that may take. */
  #quiet(): Promise<void> {
    return new Promise((resolve) => {
      let cancel = (): void => {};
      const stop = this.#host.after(this.#limits.quiet, () => {
        cancel();
        resolve();
      });
      cancel = this.#requests.whenNone(() => {
        stop();
        resolve();
      });
    });
  }

  /** Runs a function of the app, which may give a promise. What it does too late has no effect. */
  #within(name: string, run: () => unknown): Promise<unknown> {
    const after: After = (milliseconds, then) => this.#host.after(milliseconds, then);
    return within(name, after, this.#limits.handover, run);
  }

  /** @returns how many requests the old version still answers */
  #replace(next: Version): number {
    const old = this.#version;
    const requests = this.#requests;
    const underWay = requests.count;
    this.#version = next;
    this.#isStateLost = false;
    this.#requests = new Requests();
    const stop = this.#host.after(this.#limits.grace, () => {
      cancel();
      old.retire();
    });
    const cancel = requests.whenNone(() => {
      stop();
      // Not here: it is in the middle of its last response.
      this.#host.after(0, () => old.retire());
    });
    return underWay;
  }
}
