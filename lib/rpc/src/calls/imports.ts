/** References to the other side's functions and objects: proxies that are called, and that are given back. */
import { RpcError } from './errors.ts';
import type { SignalLike } from './types.ts';

/** What may be said about the calls on a reference. */
export interface CallOptions {
  /** Milliseconds after which a call fails with the code `timed-out`. */
  readonly timeout?: number;
  /** Aborts what waits when it aborts, also where a method takes no signal. */
  readonly signal?: SignalLike;
}

/**
 * Makes a promise that nobody looks at no unhandled rejection. A peer that dies must not end whoever tells it things
 * without waiting: that it is gone is in `closed`. Who awaits the promise gets the error all the same.
 */
export function silence(promise: Promise<unknown>): void {
  promise.catch(() => {});
}

/** How calls are made. */
export interface Caller {
  call(
    target: RemoteHandle,
    method: string,
    values: readonly unknown[],
    options: CallOptions | undefined,
  ): Promise<unknown>;
  /** Gives a reference back that was received so many times. */
  giveBack(id: number, received: number): void;
}

/** Something of the other side, shared by all proxies for it. */
export class RemoteHandle {
  readonly caller: Caller;
  readonly id: number;
  isReleased = false;
  /** Messages that name it and have not been sent: it is given back after them. */
  pins = 0;
  readonly release: () => void;

  constructor(caller: Caller, id: number, release: () => void) {
    this.caller = caller;
    this.id = id;
    this.release = release;
  }
}

interface Proxied {
  readonly handle: RemoteHandle;
  readonly options: CallOptions | undefined;
}

const handles = new WeakMap<object, Proxied>();

/** The handle behind a Remote, undefined when it is none. */
export function handleOf(value: object): RemoteHandle | undefined {
  return handles.get(value)?.handle;
}

/**
 * Gives a Remote back before it would be collected. Calls on it fail from now on, those that wait go on.
 * @throws TypeError when it is no Remote
 */
export function release(value: object): void {
  const handle = handleOf(value);
  if (handle === undefined) throw new TypeError('Only a Remote can be released.');
  handle.release();
}

/**
 * The same Remote, whose calls have options: `withOptions(files, { timeout: 500 }).open(path)`.
 * @throws TypeError when it is no Remote
 */
export function withOptions<T extends object>(value: T, options: CallOptions): T {
  const proxied = handles.get(value);
  if (proxied === undefined) throw new TypeError('Only calls on a Remote have options.');
  return makeProxy(proxied.handle, { ...proxied.options, ...options }) as T;
}

/** What a proxy answers itself, since programs and the engine ask every object for it. */
const unanswered = new Set<string>(['then', 'toJSON', 'constructor', 'prototype', '__proto__']);

/** A proxy that turns every call into one on the other side. */
export function makeProxy(handle: RemoteHandle, options?: CallOptions): object {
  const { caller } = handle;
  const methods = new Map<string, unknown>();
  const caught = (method: string) => {
    return (...values: unknown[]): Promise<unknown> => caller.call(handle, method, values, options);
  };
  const callItself = caught('');
  const proxy: object = new Proxy(() => {}, {
    apply: (_target, _self, values) => callItself(...values),
    construct() {
      throw new TypeError('A function of the other side cannot be called with new.');
    },
    get(_target, key) {
      if (typeof key === 'symbol') {
        return key === Symbol.dispose ? () => handle.release() : undefined;
      }
      const known = methods.get(key);
      if (known !== undefined) return known;
      if (unanswered.has(key)) return undefined;
      const method = key === 'toString' ? () => '[remote reference]' : caught(key);
      methods.set(key, method);
      return method;
    },
    has: () => false,
    getPrototypeOf: () => null,
    set: refuse,
    defineProperty: refuse,
    deleteProperty: refuse,
    setPrototypeOf: refuse,
    preventExtensions: refuse,
  });
  handles.set(proxy, { handle, options });
  return proxy;
}

function refuse(): never {
  throw new TypeError('A reference to the other side cannot be changed.');
}

interface Import {
  /** How many times it was received: all of them are given back together. */
  received: number;
  proxy: WeakRef<object>;
  handle: WeakRef<RemoteHandle>;
}

/** What this side holds of its peer's. */
export class Imports {
  readonly #caller: Caller;
  readonly #entries = new Map<number, Import>();
  readonly #collected = new FinalizationRegistry<{ id: number; entry: Import }>(({ id, entry }) =>
    this.#giveBack(id, entry),
  );

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The proxy for a reference that has come. The same reference gives the same proxy while that lives. */
  receive(id: number): object {
    const before = this.#entries.get(id);
    const proxy = before?.proxy.deref();
    if (before !== undefined && proxy !== undefined && handleOf(proxy)?.isReleased === false) {
      before.received += 1;
      return proxy;
    }
    // One that was collected or released, but not given back yet: the new one inherits its debts.
    return this.#make(id, (before?.received ?? 0) + 1);
  }

  /** Forgets everything: the peer is gone. */
  clear(): void {
    this.#entries.clear();
  }

  #make(id: number, received: number): object {
    const release = (): void => {
      if (handle.isReleased) return;
      handle.isReleased = true;
      this.#collected.unregister(handle);
      if (handle.pins === 0) this.#giveBack(id, entry);
    };
    const handle = new RemoteHandle(this.#caller, id, release);
    const proxy = makeProxy(handle);
    const entry: Import = { received, proxy: new WeakRef(proxy), handle: new WeakRef(handle) };
    this.#entries.set(id, entry);
    // The handle, not the proxy: proxies of withOptions() keep it too.
    this.#collected.register(handle, { id, entry }, handle);
    return proxy;
  }

  /** A message that names a reference waits to be sent. */
  pin(handle: RemoteHandle): void {
    handle.pins += 1;
  }

  /** It has been sent. */
  unpin(handle: RemoteHandle): void {
    handle.pins -= 1;
    if (handle.pins > 0 || !handle.isReleased) return;
    const entry = this.#entries.get(handle.id);
    if (entry?.handle.deref() === handle) this.#giveBack(handle.id, entry);
  }

  #giveBack(id: number, entry: Import): void {
    // After a new proxy was made for it, the old one's end means nothing.
    if (this.#entries.get(id) !== entry) return;
    this.#entries.delete(id);
    this.#caller.giveBack(id, entry.received);
  }
}

/** What calls on something say that was given back. */
export function releasedError(): RpcError {
  return new RpcError('released', 'This reference has been released: it cannot be used any more.');
}
