/** Objects and functions that the other side may call: what is exposed of them, and until when. */
import { RpcError } from './errors.ts';
import { type Caller, handleOf, makeProxy, RemoteHandle, releasedError } from './imports.ts';
import type { AnyFunction, MethodName, Reference, Remote } from './types.ts';

/** Something that calls can be made on. */
export interface Target {
  /** Calls a method; '' is the function itself. Throws an RpcError when there is none of that name. */
  invoke(method: string, values: unknown[]): unknown;
  /** Targets of the same identity are the same reference. */
  readonly identity: object;
  /** What a program gets when the peer sends the reference home. */
  readonly home: object;
  /** The peer has given its last reference back. */
  released(): void;
}

/** What may be told about a reference. */
export interface ReferenceOptions {
  /** Is called each time a peer gives its last reference back, or has ended. */
  readonly released?: () => void;
}

class LocalReference implements Target {
  readonly identity: object;
  readonly #methods: ReadonlyMap<string, (values: unknown[]) => unknown>;
  readonly #released: (() => void) | undefined;

  constructor(
    original: object,
    methods: ReadonlyMap<string, (values: unknown[]) => unknown>,
    released: (() => void) | undefined,
  ) {
    this.identity = original;
    this.#methods = methods;
    this.#released = released;
  }

  get home(): object {
    return typeof this.identity === 'function' ? this.identity : localRemote(this);
  }

  invoke(method: string, values: unknown[]): unknown {
    const run = this.#methods.get(method);
    if (run === undefined) throw noSuchMethod(method, [...this.#methods.keys()]);
    return run(values);
  }

  released(): void {
    this.#released?.();
  }
}

/** A method is looked up when it is called, so that it may be replaced; its name is fixed here. */
function bound(object: object, name: string): (values: unknown[]) => unknown {
  return (values) =>
    Reflect.apply((object as Record<string, AnyFunction>)[name] as AnyFunction, object, values);
}

/**
 * Makes an object go to the other side as a reference: its methods can be called there.
 * @param methods what can be called. Of an object literal it may be left out: all its functions then. An instance of a
 *   class needs it, because TypeScript's `private` is not there any more when the program runs
 * @throws TypeError when something that is named is no function
 */
export function remote<T extends object>(
  object: T,
  methods?: readonly MethodName<T>[],
  options: ReferenceOptions = {},
): Reference<T> {
  const names = methods ?? ownMethods(object);
  const table = new Map<string, (values: unknown[]) => unknown>();
  for (const name of names) {
    if (name === '' || name === 'constructor' || typeof Reflect.get(object, name) !== 'function') {
      throw new TypeError(
        `${name === '' ? 'The empty name' : name} is no method that can be exposed.`,
      );
    }
    table.set(name, bound(object, name));
  }
  return new LocalReference(object, table, options.released) as unknown as Reference<T>;
}

function ownMethods(object: object): string[] {
  if (!isPlain(object)) {
    const { name } = object.constructor;
    throw new TypeError(
      `Say which methods of this ${name} can be called: remote(object, ['one', 'other']). Private ones could be otherwise.`,
    );
  }
  return Object.keys(object).filter((key) => typeof Reflect.get(object, key) === 'function');
}

/** Whether an object is a literal's. */
export function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === Object.prototype || prototype === null;
}

/** What a function exposes: that it can be called. */
export function functionTarget(original: AnyFunction): Target {
  const methods = new Map([
    ['', (values: unknown[]) => Reflect.apply(original, undefined, values)],
  ]);
  return new LocalReference(original, methods, undefined);
}

/** The target behind what remote() or revocable() has made, undefined for anything else. */
export function targetOf(value: object): Target | undefined {
  if (value instanceof LocalReference || value instanceof RevocableReference) return value;
  const caller = handleOf(value)?.caller;
  return caller instanceof LocalCaller ? caller.target : undefined;
}

/** Calls on something of this side's that came home. */
class LocalCaller implements Caller {
  readonly target: Target;

  constructor(target: Target) {
    this.target = target;
  }

  async call(handle: RemoteHandle, method: string, values: readonly unknown[]): Promise<unknown> {
    if (handle.isReleased) throw releasedError();
    return this.target.invoke(method, [...values]);
  }

  giveBack(): void {}
}

const locals = new WeakMap<Target, WeakRef<object>>();

/** A Remote for something of this side's, so that whoever gets one need not ask whose it is. */
function localRemote(target: Target): object {
  const known = locals.get(target)?.deref();
  if (known !== undefined && handleOf(known)?.isReleased === false) return known;
  const release = (): void => {
    handle.isReleased = true;
  };
  const handle = new RemoteHandle(new LocalCaller(target), 0, release);
  const made = makeProxy(handle);
  locals.set(target, new WeakRef(made));
  return made;
}

/**
 * The object behind a Remote that this side has given out itself with remote() and got back; undefined for what
 * is another side's, or can be revoked.
 */
export function localObject<T extends object>(value: Remote<T>): T | undefined {
  const target = targetOf(value);
  return target instanceof LocalReference ? (target.identity as T) : undefined;
}

/** What a program serves, as a target: a reference, a function, or an object literal. */
export function servedTarget(served: object): Target {
  if (typeof served === 'function') return functionTarget(served as AnyFunction);
  return targetOf(served) ?? (remote(served) as unknown as Target);
}

/** A reference that can be taken back. */
export interface Revocable<T> {
  readonly reference: Reference<T>;
  /** From now on every call on it fails, also those that wait for their answer, wherever it was passed on to. */
  revoke(reason?: string): void;
}

class RevocableReference implements Target {
  #target: Target | undefined;
  #reason = '';
  readonly #waiting = new Set<(error: Error) => void>();

  constructor(target: Target) {
    this.#target = target;
  }

  get identity(): object {
    return this;
  }

  /** Whoever gets it back gets what can be revoked, not what is behind it. */
  get home(): object {
    return localRemote(this);
  }

  invoke(method: string, values: unknown[]): unknown {
    if (this.#target === undefined) throw this.#revoked();
    const result = this.#target.invoke(method, values);
    if (!isThenable(result)) return result;
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      const done = (): void => void this.#waiting.delete(reject);
      result.then(resolve, reject).then(done, done);
    });
  }

  released(): void {
    this.#target?.released();
  }

  revoke(reason: string): void {
    if (this.#target === undefined) return;
    this.#target = undefined;
    this.#reason = reason;
    for (const reject of this.#waiting) reject(this.#revoked());
    this.#waiting.clear();
  }

  #revoked(): RpcError {
    const why = this.#reason === '' ? '' : `: ${this.#reason}`;
    return new RpcError('revoked', `This reference has been revoked by its owner${why}`);
  }
}

/**
 * Makes a reference that its owner can take back. What was got by calls on it is not taken back with it.
 * @param value what remote() has made, a function, or a Remote of any connection, to pass on
 */
export function revocable<T>(value: Reference<T> | (T & AnyFunction)): Revocable<T> {
  const object = value as object;
  const target = targetOf(object) ?? (typeof object === 'function' ? forwarded(object) : undefined);
  if (target === undefined) {
    throw new TypeError('Only what remote() has made, a function or a Remote can be revocable.');
  }
  const made = new RevocableReference(target);
  return {
    reference: made as unknown as Reference<T>,
    revoke: (reason = '') => made.revoke(reason),
  };
}

/** What stands for a function, or for a Remote of another connection: whose peer knows its methods. */
export function forwarded(value: object): Target {
  return {
    identity: value,
    home: value,
    released: () => {},
    invoke(method, values) {
      if (method === '') return Reflect.apply(value as AnyFunction, undefined, values);
      if (handleOf(value) === undefined) throw noSuchMethod(method, ['']);
      return Reflect.apply(Reflect.get(value, method) as AnyFunction, undefined, values);
    },
  };
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}

function noSuchMethod(method: string, names: readonly string[]): RpcError {
  const has = names.filter((name) => name !== '');
  const shown =
    has.length === 0 ? 'only be called itself' : `be asked for ${has.slice(0, 20).join(', ')}`;
  const what = method === '' ? 'It is no function' : `It has no method ${method}`;
  return new RpcError('no-such-method', `${what}; it can ${shown}. Has its interface changed?`);
}
