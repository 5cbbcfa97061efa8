/** The state of services, on its way from one life of the system isolate to the next. Pure: time is passed in. */
import type { Reloadable, State } from './types.ts';
import { type After, handoverLimit, ReloadFailure, within } from './within.ts';

/** A service, as far as it matters here. */
export interface NamedReloadable extends Reloadable {
  readonly name: string;
}

/** What one life leaves to the next, as JSON. */
export interface Inheritance {
  /** When the reload began, on clock.now(). */
  readonly begunAt: number;
  /** By names of services. */
  readonly states: { readonly [name: string]: State };
}

/**
 * Asks services for their states.
 * @param lost services that are not asked: theirs has failed before; one that fails now is added
 * @throws ReloadFailure when one fails or does not end, or gives what JSON cannot hold
 */
export async function handOverServices(
  services: readonly NamedReloadable[],
  lost: Set<string>,
  after: After,
): Promise<Inheritance['states']> {
  const states: Record<string, State> = {};
  for (const service of services) {
    const { name } = service;
    if (service.handOver === undefined || lost.has(name)) continue;
    lost.add(name);
    const what = `handOver() of service ${name}`;
    const state = await within(what, after, handoverLimit, () => service.handOver?.());
    let text: string | undefined;
    try {
      text = JSON.stringify(state);
    } catch (error) {
      throw new ReloadFailure(`${what} gave what is no JSON: ${String(error)}`);
    }
    lost.delete(name);
    if (text !== undefined) states[name] = JSON.parse(text) as State;
  }
  return states;
}

/**
 * Gives services the states of those before them.
 * @returns whether there was one to take
 * @throws ReloadFailure when one fails or does not end
 */
export async function takeOverServices(
  services: readonly NamedReloadable[],
  { states }: Inheritance,
  after: After,
): Promise<boolean> {
  let hasTaken = false;
  for (const service of services) {
    const { name, takeOverLimit = handoverLimit } = service;
    if (service.takeOver === undefined || !Object.hasOwn(states, name)) continue;
    await within(`takeOver() of service ${name}`, after, takeOverLimit, () =>
      service.takeOver?.(states[name] as State),
    );
    hasTaken = true;
  }
  return hasTaken;
}
