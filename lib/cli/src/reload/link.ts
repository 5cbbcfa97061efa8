// How `runtime dev` replaces a bare app, or drivers and services beside an app in Node, in the running machine: a server
// there (lib/worker/src/reload, lib/system/src/reload) takes the new scripts. Its port is forwarded from this host
// only, and it asks for a token that the machine was started with. Images that are not for development have no such
// server.
import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { readCpio } from '@runtimejs/base/cpio.ts';
import type { ReloadResult } from '@runtimejs/worker/reload/reloader.ts';
import { reloadableScript } from '../bundle/worker-paths.ts';
import { quoteWord } from '../launch.ts';
import type { MachineOptions } from '../machine.ts';
import { findFreePort, loopback, type PortForward } from '../network.ts';
import { type Content, changedFiles, readContent } from '../standby/changes.ts';
import { type ReloadServer, retried } from './requests.ts';
import { reloadSystem } from './system.ts';

/** Where the search for a port of this host begins, and the port of the guest unless the app has it. */
const firstPort = 47_100;
/**
 * For one attempt of a reload, with all that may take its time in it, in ms; a machine that does not answer is booted
 * anew.
 */
const patience = 30_000;

/** Scripts of drivers and services, each with V8's code cache beside it. */
const systemPattern = /^\/(?:system|isolates)\/[\w.-]+\.js(?:\.cache)?$/;

/** Those of services beside a bare app, and of isolates that the app has started itself, which only a boot replaces. */
const isolatePattern = /^\/isolates\/[\w.-]+\.js(?:\.cache)?$/;

/** What became of a reload, for people. */
export type LinkResult =
  | { readonly outcome: 'reloaded'; readonly notes: readonly string[] }
  /** What ran before goes on. */
  | { readonly outcome: 'failed' | 'busy'; readonly reason: string }
  /** Only a boot will do. */
  | { readonly outcome: 'impossible'; readonly reason: string };

/** The way to a machine. */
export class ReloadLink {
  readonly forward: PortForward;
  /** Whether the machine listens. */
  isUp = false;
  readonly #token = randomBytes(16).toString('hex');
  readonly #isBare: boolean;
  #content: Content | undefined;

  private constructor(forward: PortForward, isBare: boolean) {
    this.forward = forward;
    this.#isBare = isBare;
  }

  /**
   * Finds a way.
   * @param isBare whether a bare app runs there
   * @returns undefined for a machine that has no user network to be reached on
   */
  static async create(
    { network }: MachineOptions,
    isBare: boolean,
  ): Promise<ReloadLink | undefined> {
    if (network === undefined || network.tap !== undefined) return undefined;
    const host = await findFreePort(firstPort);
    const taken = new Set(network.forward?.map(({ guest }) => guest));
    let guest = firstPort;
    while (taken.has(guest)) guest += 1;
    return new ReloadLink({ protocol: 'tcp', address: loopback, host, guest }, isBare);
  }

  /** The machine, reachable. */
  apply<Machine extends MachineOptions>(machine: Machine): Machine {
    const option = this.#isBare ? 'env.RUNTIMEJS_RELOAD' : 'reload';
    const word = quoteWord(`${option}=${this.forward.guest}:${this.#token}`);
    const { network, append = '' } = machine;
    return {
      ...machine,
      network: { ...network, forward: [...(network?.forward ?? []), this.forward] },
      // Words behind -- are the app's.
      append: append.replace(/( ?-- .*)?$/, (words) => ` ${word}${words}`).trim(),
    };
  }

  /** Notes what the machine was booted from. */
  async booted(initrd: string): Promise<void> {
    this.isUp = false;
    this.#content = await readContent(initrd);
  }

  /**
   * Replaces what has changed, when it can be replaced: a bare app's script, or scripts of drivers and services.
   * @param initrd what would be booted
   * @returns undefined when only a boot will do
   */
  async reload(initrd: string): Promise<LinkResult | undefined> {
    if (!this.isUp || this.#content === undefined) return undefined;
    const changed = await changedFiles(this.#content, initrd);
    const result = this.#isBare
      ? await this.#reloadApp(initrd, changed)
      : await this.#reloadSystem(initrd, changed);
    if (result?.outcome === 'reloaded') this.#content = await readContent(initrd);
    return result;
  }

  get #server(): ReloadServer {
    return { port: this.forward.host, token: this.#token };
  }

  async #reloadApp(initrd: string, changed: readonly string[]): Promise<LinkResult | undefined> {
    const isReplaceable = (name: string): boolean =>
      name === reloadableScript || isolatePattern.test(name);
    if (changed.length === 0 || !changed.every(isReplaceable)) return undefined;
    const scripts = await readScripts(
      initrd,
      changed.filter((name) => name.endsWith('.js')),
    );
    const app = scripts.get(reloadableScript) ?? new Uint8Array(0);
    scripts.delete(reloadableScript);
    try {
      for (const [name, script] of scripts) {
        const { ok } = await retried(this.#server, 'PUT', name, patience, script);
        if (!ok) return undefined;
      }
      // Sent again it is the same one.
      const target = `/reload/${randomUUID()}`;
      const answer = await retried(this.#server, 'POST', target, patience, app);
      if (!answer.ok) return undefined;
      const result = (await answer.json()) as ReloadResult;
      if (result.outcome !== 'reloaded') return result;
      const { hasHandedOver, underWay, parts } = result;
      const replaced = parts === undefined ? [] : [partsNote(parts)];
      const notes = underWay > 0 ? [`${underWay} requests still under way there`] : [];
      return { outcome: 'reloaded', notes: [...replaced, ...stateNotes(hasHandedOver), ...notes] };
    } catch {
      return { outcome: 'impossible', reason: 'The machine did not answer.' };
    }
  }

  async #reloadSystem(initrd: string, changed: readonly string[]): Promise<LinkResult | undefined> {
    if (changed.length === 0 || !changed.every((name) => systemPattern.test(name))) {
      return undefined;
    }
    const names = changed.filter((name) => name.endsWith('.js'));
    const scripts = await readScripts(initrd, names);
    const outcome = await reloadSystem(this.#server, scripts);
    switch (outcome?.outcome) {
      case undefined:
      case 'restarting':
      case 'unknown':
        return undefined;
      case 'reloaded': {
        const parts = partsNote(outcome.parts);
        return { outcome: 'reloaded', notes: [parts, ...stateNotes(outcome.hasHandedOver)] };
      }
      default:
        return outcome;
    }
  }
}

function partsNote(parts: readonly string[]): string {
  return `of ${parts.join(', ')}`;
}

function stateNotes(hasHandedOver: boolean): string[] {
  return hasHandedOver ? ['with the state of the version before'] : [];
}

/** Reads files of an initrd; those that are not there any more are left out. */
async function readScripts(
  initrd: string,
  names: readonly string[],
): Promise<Map<string, Uint8Array>> {
  const entries = readCpio(await readFile(initrd)).map(
    ({ path: name, data }): [string, Uint8Array] => [path.posix.join('/', name), data],
  );
  return new Map(entries.filter(([name]) => names.includes(name)));
}
