/** What isolates need that start others: the bindings of the shim, timers and a clock. */
import type { SystemBindings } from '@runtimejs/system/generated/bindings.d.ts';
import type { ChannelBindings, ChannelHost } from './channel.ts';
import type { NodeBindings } from './generated/node-bindings.d.ts';

/** One kind of isolate, as seen by what starts others in it. */
export interface Starter extends ChannelHost {
  readonly channel: ChannelBindings;
  /** `keepAlive` is for Node, whose event loop ends by itself; devices are the system isolate's. */
  readonly isolates: Omit<NodeBindings['isolates'], 'keepAlive'> &
    Partial<
      Pick<NodeBindings['isolates'], 'keepAlive'> &
        Pick<SystemBindings['isolates'], 'grantDevice' | 'revokeDevice'>
    >;
  encodeUtf8(text: string): Uint8Array;
  /** Milliseconds on a clock that never goes back. */
  now(): number;
  /** See Timing.after(). */
  after(milliseconds: number, run: () => void, isIdle?: boolean): () => void;
  /** Calls a function again and again. It is no reason for Node to go on. @returns what ends that */
  every(milliseconds: number, run: () => void): () => void;
}

/** What Node's timers are and those of bare isolates are not. */
interface NodeTimer {
  unref?(): void;
}

/** What bare isolates and Node both have as globals. */
interface Timers {
  setTimeout(run: () => void, milliseconds: number): unknown;
  clearTimeout(timer: unknown): void;
  setInterval(run: () => void, milliseconds: number): unknown;
  clearInterval(timer: unknown): void;
}

/** The globals of a bare isolate. */
interface BareGlobals extends Timers {
  readonly runtime: SystemBindings;
}

/** The globals of an isolate of Node's. */
interface NodeGlobals extends Timers {
  readonly process?: {
    /** Embedders of Node give bindings so. @throws Error when there are none of that name */
    _linkedBinding(name: string): unknown;
    getBuiltinModule(name: 'node:worker_threads'): {
      isMarkedAsUntransferable(value: object): boolean;
    };
  };
  readonly performance: { now(): number };
  readonly TextEncoder: new () => { encode(text: string): Uint8Array };
  setImmediate(run: () => void): unknown;
}

function timersOf(globals: Timers): Pick<Starter, 'after' | 'every'> {
  return {
    after: (milliseconds, run, isIdle = false) => {
      const timer = globals.setTimeout(run, milliseconds);
      if (isIdle) (timer as NodeTimer).unref?.();
      return () => globals.clearTimeout(timer);
    },
    every: (milliseconds, run) => {
      const timer = globals.setInterval(run, milliseconds);
      (timer as NodeTimer).unref?.();
      return () => globals.clearInterval(timer);
    },
  };
}

function bareStarter(globals: BareGlobals): Starter {
  const { channel, isolates, text, clock } = globals.runtime;
  return {
    channel,
    isolates,
    encodeUtf8: (value) => text.encodeUtf8(value),
    now: () => clock.now() / 1000,
    later: (run) => void globals.setTimeout(run, 0),
    ...timersOf(globals),
  };
}

/** @throws Error with the code ERR_NOT_RUNTIME when Node runs on something else */
function nodeStarter(globals: NodeGlobals): Starter {
  const { process, performance } = globals;
  if (process === undefined) throw notRuntime();
  const { channel, isolates } = linkedBinding(process);
  const { isMarkedAsUntransferable } = process.getBuiltinModule('node:worker_threads');
  const encoder = new globals.TextEncoder();
  return {
    channel,
    isolates,
    encodeUtf8: (value) => encoder.encode(value),
    now: () => performance.now(),
    later: (run) => void globals.setImmediate(run),
    isPinned: isMarkedAsUntransferable,
    ...timersOf(globals),
  };
}

function linkedBinding(process: NonNullable<NodeGlobals['process']>): NodeBindings {
  try {
    return process._linkedBinding('runtime_isolates') as NodeBindings;
  } catch {
    throw notRuntime();
  }
}

function notRuntime(): Error {
  return Object.assign(
    new Error(
      'Isolates are Runtime.JS’s own: they are started where an app runs on it, in the system isolate, a bare app, ' +
        'or Node. Elsewhere use Workers.',
    ),
    { code: 'ERR_NOT_RUNTIME' },
  );
}

/** Finds out where this runs. @throws Error with the code ERR_NOT_RUNTIME when no isolate can be started here */
export function findStarter(globals: object): Starter {
  const { runtime } = globals as Partial<BareGlobals>;
  if (runtime === undefined) return nodeStarter(globals as NodeGlobals);
  if (runtime.isolates === undefined) {
    throw new Error('An isolate that another one has started cannot start isolates itself.');
  }
  return bareStarter(globals as BareGlobals);
}
