/** What an app under development and what it runs on say to each other: each has globals of its own. */
import type { Exchange } from '@runtimejs/http/connection/types.ts';
import type { SystemBindings } from '@runtimejs/system/generated/bindings.d.ts';

/** A version of an app, loaded. */
export interface LoadedApp {
  /** Where it wants to be reached. */
  readonly port: number;
  /** Takes a request. Does not throw. */
  handle(exchange: Exchange): void;
  /** Gives the state for the next version. */
  readonly handOver?: (() => unknown) | undefined;
  /** Takes a copy of the state of the version before. */
  readonly takeOver?: ((state: unknown) => unknown) | undefined;
}

/** What a version of an app finds among its globals. */
export interface ReloadGlobals {
  readonly runtimejsReload: {
    /** What stack traces call the version's script. */
    readonly script: string;
    /** @returns the bindings that this version is to use: what they start ends with it */
    adapt(bindings: SystemBindings): SystemBindings;
    /** What services offer to the app. */
    readonly endpoints: {
      /** What the config names. */
      readonly names: readonly string[];
      /** Names who is given the number of each channel that leads to one: an end that nobody has. */
      listen(connected: (name: string, channel: number) => void): void;
    };
    /** Says that the version is loaded. */
    offer(app: LoadedApp): void;
  };
}
