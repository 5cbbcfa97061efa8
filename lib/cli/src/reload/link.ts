// How `runtime dev` replaces a bare app in its running machine: a server in the machine (lib/worker/src/reload) takes
// the app's new script. Its port is forwarded from this host only, and it asks for a token that the machine was
// started with. Images that are not for development have no such server.
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { readCpio } from '@runtimejs/base/cpio.ts';
import type { ReloadResult } from '@runtimejs/worker/reload/reloader.ts';
import { reloadableScript } from '../bundle/worker-paths.ts';
import { quoteWord } from '../launch.ts';
import type { MachineOptions } from '../machine.ts';
import { findFreePort, loopback, type PortForward } from '../network.ts';
import { type Content, changedFiles, readContent } from '../standby/changes.ts';

/** Where the search for a port of this host begins, and the port of the guest unless the app has it. */
const firstPort = 47_100;
/** For a reload with all that may take its time in it, in ms; a machine that does not answer is booted anew. */
const patience = 30_000;

/** The way to a machine. */
export class ReloadLink {
  readonly forward: PortForward;
  /** Whether the machine listens. */
  isUp = false;
  readonly #token = randomBytes(16).toString('hex');
  #content: Content | undefined;

  private constructor(forward: PortForward) {
    this.forward = forward;
  }

  /** @returns undefined for a machine that has no user network to be reached on */
  static async create({ network }: MachineOptions): Promise<ReloadLink | undefined> {
    if (network === undefined || network.tap !== undefined) return undefined;
    const host = await findFreePort(firstPort);
    const taken = new Set(network.forward?.map(({ guest }) => guest));
    let guest = firstPort;
    while (taken.has(guest)) guest += 1;
    return new ReloadLink({ protocol: 'tcp', address: loopback, host, guest });
  }

  /** The machine, reachable. */
  apply<Machine extends MachineOptions>(machine: Machine): Machine {
    const variable = quoteWord(`env.RUNTIMEJS_RELOAD=${this.forward.guest}:${this.#token}`);
    const { network, append = '' } = machine;
    return {
      ...machine,
      network: { ...network, forward: [...(network?.forward ?? []), this.forward] },
      // Words behind -- are the app's.
      append: append.replace(/( ?-- .*)?$/, (words) => ` ${variable}${words}`).trim(),
    };
  }

  /** Notes what the machine was booted from. */
  async booted(initrd: string): Promise<void> {
    this.isUp = false;
    this.#content = await readContent(initrd);
  }

  /**
   * Replaces the app, when its script is all that has changed.
   * @param initrd what would be booted
   * @returns undefined when only a boot will do
   */
  async reload(initrd: string): Promise<ReloadResult | undefined> {
    if (!this.isUp || this.#content === undefined) return undefined;
    const changed = await changedFiles(this.#content, initrd);
    if (changed.length !== 1 || changed[0] !== reloadableScript) return undefined;
    const script = readCpio(await readFile(initrd)).find(
      ({ path }) => `/${path}` === reloadableScript || path === reloadableScript,
    );
    if (script === undefined) return undefined;
    try {
      const answer = await fetch(`http://${loopback}:${this.forward.host}/reload`, {
        method: 'POST',
        headers: { authorization: `Bearer ${this.#token}` },
        body: new Uint8Array(script.data),
        signal: AbortSignal.timeout(patience),
      });
      if (!answer.ok) return undefined;
      const result = (await answer.json()) as ReloadResult;
      if (result.outcome === 'reloaded') this.#content = await readContent(initrd);
      return result;
    } catch {
      return { outcome: 'impossible', reason: 'The machine did not answer.' };
    }
  }
}
