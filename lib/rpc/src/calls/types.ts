/**
 * What an interface becomes when it is called from the other side. The interface is written as if both sides were one:
 *
 *     interface Files {
 *       open(path: string, changed: (size: number) => void): Reference<File>;
 *       lines(path: string, signal?: AbortSignal): AsyncIterable<string>;
 *     }
 *
 * Who calls has a Remote<Files>, who implements it writes a Served<Files>.
 */

/** A function of any kind. */
export type AnyFunction = (...values: never[]) => unknown;

/** A value, or a promise of it. */
export type Awaitable<T> = T | PromiseLike<T>;

declare const referred: unique symbol;

/** An object that goes to the other side as a reference instead of a copy; remote() makes it. */
export interface Reference<T> {
  readonly [referred]: T;
}

/** Names of the methods of T. */
export type MethodName<T> = {
  [K in keyof T]-?: T[K] extends AnyFunction ? K : never;
}[keyof T] &
  string;

/** A function of the other side. */
export type RemoteFunction<F> = F extends (...values: infer A) => infer R
  ? ((...values: OutgoingList<A>) => Promise<Incoming<Awaited<R>>>) & Disposable
  : never;

/** An object of the other side: its methods, each with a promise. */
export type Remote<T> = T extends AnyFunction
  ? RemoteFunction<T>
  : { readonly [K in MethodName<T>]: RemoteMethod<T[K]> } & Disposable;

type RemoteMethod<F> = F extends (...values: infer A) => infer R
  ? (...values: OutgoingList<A>) => Promise<Incoming<Awaited<R>>>
  : never;

/** How the methods of T look to the one who implements them. */
export type Served<T> = T extends (...values: infer A) => infer R
  ? (...values: IncomingList<A>) => Awaitable<Outgoing<Awaited<R>>>
  : { readonly [K in MethodName<T>]: ServedMethod<T[K]> };

type ServedMethod<F> = F extends (...values: infer A) => infer R
  ? (...values: IncomingList<A>) => Awaitable<Outgoing<Awaited<R>>>
  : never;

type OutgoingList<A extends readonly unknown[]> = { [K in keyof A]: Outgoing<A[K]> };
type IncomingList<A extends readonly unknown[]> = { [K in keyof A]: Incoming<A[K]> };

/**
 * Objects with methods that go as they are, under any key. Who makes a channel that carries more adds to it by
 * declaration merging.
 */
export interface Carried {
  readonly signal: SignalLike;
}

/** What arrives as it was. */
type Plain =
  | string
  | number
  | boolean
  | bigint
  | null
  | undefined
  | Date
  | RegExp
  | Error
  | ArrayBuffer
  | SharedArrayBuffer
  | ArrayBufferView
  | Carried[keyof Carried];

/** A value of the interface, as it arrives. */
export type Incoming<V> = V extends Plain
  ? V
  : V extends Reference<infer T>
    ? Remote<T>
    : V extends AnyFunction
      ? RemoteFunction<V>
      : V extends AsyncIterable<infer T>
        ? RemoteStream<Incoming<T>>
        : V extends Map<infer K, infer T>
          ? Map<Incoming<K>, Incoming<T>>
          : V extends Set<infer T>
            ? Set<Incoming<T>>
            : V extends object
              ? { [K in keyof V]: Incoming<V[K]> }
              : V;

/** A value of the interface, as it may be sent. */
export type Outgoing<V> = V extends Plain
  ? V
  : V extends Reference<infer T>
    ? Reference<T> | Remote<T>
    : V extends AnyFunction
      ? Served<V> | RemoteFunction<V>
      : V extends AsyncIterable<infer T>
        ? AsyncIterable<Outgoing<T>>
        : V extends Map<infer K, infer T>
          ? Map<Outgoing<K>, Outgoing<T>>
          : V extends Set<infer T>
            ? Set<Outgoing<T>>
            : V extends object
              ? { [K in keyof V]: Outgoing<V[K]> }
              : V;

/** Values of the other side, one after the other. It can be gone through once. */
export interface RemoteStream<T> extends AsyncIterableIterator<T, undefined, undefined> {
  next(): Promise<IteratorResult<T, undefined>>;
  /** Tells the other side that no more is wanted. */
  return(): Promise<IteratorResult<T, undefined>>;
  [Symbol.asyncIterator](): RemoteStream<T>;
  /** The same as return(). */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What is asked of an AbortSignal: Node's, the web package's and a browser's all have it. */
export interface SignalLike {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}
