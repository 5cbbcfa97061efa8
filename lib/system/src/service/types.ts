/**
 * What a service is that can run anywhere: in the system isolate or in an isolate of its own, with the same code.
 *
 * ```ts
 * const service: PlaceableService = {
 *   name: 'echo',
 *   async start({ endpoint }) {
 *     const socket = await endpoint<Sockets>('sockets').udp({ port: 7 });
 *     for await (const { bytes, from } of await socket.datagrams()) await socket.send(bytes, from);
 *   },
 * };
 * export default service;
 * ```
 */
import type { LogLevel } from '@runtimejs/net/environment.ts';
import type { Remote } from '@runtimejs/rpc/calls/types.ts';
import type { Turn } from '../compose.ts';
import type { Reloadable, State } from '../reload/types.ts';

/** What every service has, wherever it runs. */
export interface ServiceContext {
  /** Its name in the composition. */
  readonly name: string;
  /** What the composition gives it: JSON, null when that gives nothing. */
  readonly argument: State;
  /**
   * Something that another one offers, by RPC: calls give promises, wherever the two run. A reference outlives who
   * offers it: calls that are under way when that one ends fail with the code `peer-gone`, later ones wait for its next
   * life, for 30 s. What calls have given, such as sockets, ends with the life that gave it.
   * @throws RangeError when the composition does not name it for this service
   */
  readonly endpoint: <Interface>(name: string) => Remote<Interface>;
  /** Microseconds on a clock that never goes back. */
  readonly now: () => number;
  /** The time of day: nanoseconds since 1970-01-01T00:00:00Z. */
  readonly wall: () => bigint;
  /** Fills an array with random bytes, fit for keys. */
  readonly random: (into: Uint8Array) => void;
  /** Runs something once, at an instant on the clock of now(). @returns what keeps it from running */
  readonly at: (instant: number, run: () => void) => () => void;
  readonly log: (atLevel: LogLevel, text: string) => void;
}

/** Who uses what a service serves. */
export interface ServiceClient {
  /** Its name in the composition. */
  readonly name: string;
  /** Calls a function once this life of the client has ended, or this connection to it. */
  onGone(listener: () => void): void;
}

/** A service that can run anywhere: the default export of its module. */
export interface PlaceableService extends Reloadable {
  /** For its own logs; the composition has a name for it, too. */
  readonly name: string;
  /**
   * Starts it. An exception, or a promise that is rejected, ends this life of its isolate.
   * @returns what it does in each turn of the event loop, if anything
   */
  // A property, so that a function that wants more than there is everywhere does not fit.
  readonly start: (context: ServiceContext) => Turn | void | Promise<void>;
  /**
   * Gives what others may call, whom the composition gives this service as an endpoint: an object literal of functions,
   * or remote() of an instance. Called for each life of each client, after start().
   */
  serve?(client: ServiceClient): object;
  /** Ends it, before it is replaced. */
  stop?(): void;
}
