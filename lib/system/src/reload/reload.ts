/**
 * Replaces parts of the system isolate, or all of it, in a running machine. Pure: bindings and time are passed in.
 *
 * A part that has an isolate of its own is stopped at a clean point and started with its new script; the network stack
 * and all else go on. The system isolate itself is started anew: its services hand over their states and stop, and
 * the kernel keeps the sockets of the app meanwhile. Whatever fails leaves the version before running.
 */
import type { ReloadBindings } from '../generated/bindings.d.ts';
import { handOverServices, type Inheritance, type NamedReloadable } from './services.ts';
import type { ReloadOutcome, ReplaceablePart } from './types.ts';
import { type After, describe } from './within.ts';

/** The system isolate's own script. */
export const systemScript = '/system/main.js';
/** Milliseconds until services stop, in which the answer to who has asked leaves. */
const answerTime = 50;
/** And until the isolate ends, in which devices send what the stop has brought about. */
const lastFramesTime = 20;

/** A service, as far as it matters here. */
export interface StoppableService extends NamedReloadable {
  stop?(): void;
}

/** What a reload works on. */
export interface ReloadHost {
  readonly bindings: Pick<ReloadBindings, 'replace' | 'keep' | 'revert' | 'restart'>;
  readonly services: readonly StoppableService[];
  readonly parts: readonly ReplaceablePart[];
  /** Differs for each life of the system isolate. */
  readonly life: string;
  /** Microseconds on a clock that never goes back. */
  now(): number;
  readonly after: After;
}

/** Scripts by their paths in the image. */
export type Scripts = ReadonlyMap<string, Uint8Array>;

/** See the top of the file. */
export class Reload {
  readonly #host: ReloadHost;
  #isBusy = false;
  /** Services whose handOver() has failed. */
  readonly #lost = new Set<string>();

  constructor(host: ReloadHost) {
    this.#host = host;
  }

  /** Puts scripts in the place of those that run. One reload at a time. */
  async run(scripts: Scripts): Promise<ReloadOutcome> {
    if (scripts.size === 0) return { outcome: 'unknown' };
    if (this.#isBusy) return { outcome: 'busy', reason: 'Another reload is under way.' };
    this.#isBusy = true;
    try {
      const outcome = await (scripts.has(systemScript)
        ? this.#restart(scripts)
        : this.#replaceParts(scripts));
      this.#isBusy = outcome.outcome === 'restarting';
      return outcome;
    } catch (error) {
      this.#isBusy = false;
      return { outcome: 'failed', reason: describe(error) };
    }
  }

  async #replaceParts(scripts: Scripts): Promise<ReloadOutcome> {
    const { bindings, parts, now } = this.#host;
    const begunAt = now();
    for (const path of scripts.keys()) {
      if (parts.some(({ script }) => script === path)) continue;
      return { outcome: 'impossible', reason: `Nothing that can be replaced alone runs ${path}.` };
    }
    const chosen = parts.filter(({ script }) => scripts.has(script));
    const states = [];
    for (const part of chosen) states.push(await part.handOver());
    for (const [path, script] of scripts) bindings.replace(path, script);
    const touched: ReplaceablePart[] = [];
    try {
      for (const [index, part] of chosen.entries()) {
        touched.push(part);
        await part.replace(states[index]);
      }
    } catch (error) {
      bindings.revert();
      for (const part of touched) await part.restore();
      throw error;
    }
    bindings.keep();
    return {
      outcome: 'reloaded',
      parts: chosen.map(({ name }) => name),
      milliseconds: (now() - begunAt) / 1000,
      hasHandedOver: states.some((state) => state !== undefined && state !== null),
    };
  }

  async #restart(scripts: Scripts): Promise<ReloadOutcome> {
    const { bindings, services, life, now, after } = this.#host;
    const begunAt = now();
    const states = await handOverServices(services, this.#lost, after);
    const inheritance: Inheritance = { begunAt, states };
    after(answerTime, () => {
      for (const service of services) service.stop?.();
      after(lastFramesTime, () => {
        for (const [path, script] of scripts) bindings.replace(path, script);
        bindings.restart(JSON.stringify(inheritance));
      });
    });
    return { outcome: 'restarting', life };
  }
}
