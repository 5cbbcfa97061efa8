/** Calls of this side: those that wait for their answer, and those that the peer does not take yet. */
import type { Attachment } from '../channel.ts';
import type { Encoder } from '../codec/encoder.ts';
import type { RpcHost } from './connection.ts';
import { addCallSite, type CallSite, ProtocolError, RpcError } from './errors.ts';
import { type Caller, type CallOptions, type RemoteHandle, releasedError } from './imports.ts';
import type { Outbox } from './outbox.ts';
import type { Luggage } from './values.ts';
import { type Allowance, frame, kind } from './wire.ts';

/** The parts of a connection that calls touch. */
export interface CallsParts {
  readonly host: RpcHost;
  readonly outbox: Outbox;
  /** Milliseconds; undefined: for ever. */
  readonly timeout: number | undefined;
  readonly mostWaiting: number;
  readonly tracesCalls: boolean;
  encode(
    write: (encoder: Encoder) => void,
    take: (encoder: Encoder, luggage: Luggage | undefined) => void,
  ): void;
  cancel(id: number, reason: unknown): void;
  abort(signal: number, reason: unknown): void;
  giveBack(id: number, received: number): void;
  unpin(handle: RemoteHandle): void;
  forgetSignal(id: number): void;
}

interface Pending {
  readonly id: number;
  promise: Promise<unknown> | undefined;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly site: CallSite | undefined;
  readonly luggage: Luggage | undefined;
  /** Bytes of its message. */
  length: number;
  /** The caller has been told: the answer, when it comes, is for nobody. */
  isSettled: boolean;
  timer: unknown;
  /** Stops to listen to the signal of the call's options. */
  unlisten: (() => void) | undefined;
  /** What was not sent yet. */
  unsent: Unsent | undefined;
}

interface Unsent {
  readonly bytes: Uint8Array;
  readonly attachments: readonly Attachment[];
  readonly handles: readonly RemoteHandle[];
}

/**
 * Makes a promise that nobody looks at no unhandled rejection. A peer that dies must not end whoever tells it things
 * without waiting: that it is gone is in `closed`. Who awaits the promise gets the error all the same.
 */
function silent(promise: Promise<never>): Promise<never>;
function silent(promise: Promise<unknown>): Promise<unknown>;
function silent(promise: Promise<unknown>): Promise<unknown> {
  promise.catch(() => {});
  return promise;
}

/** Bytes of calls that wait to be sent. */
const mostWaitingBytes = 64 << 20;

export class Calls implements Caller {
  readonly tracesCalls: boolean;
  readonly #parts: CallsParts;
  readonly #pending = new Map<number, Pending>();
  readonly #callOfSignal = new Map<number, Pending>();
  #waiting: Pending[] = [];
  #waitingBytes = 0;
  #next = 1;
  #sentCalls = 0;
  #sentBytes = 0;
  #allowance: Allowance | undefined;
  #end: Error | undefined;

  constructor(parts: CallsParts) {
    this.#parts = parts;
    this.tracesCalls = parts.tracesCalls;
  }

  get called(): number {
    return this.#next - 1;
  }

  get unanswered(): number {
    return this.#pending.size;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  call(
    target: RemoteHandle,
    method: string,
    values: readonly unknown[],
    options: CallOptions | undefined,
    site: CallSite | undefined,
  ): Promise<unknown> {
    let begun: Pending | undefined;
    if (this.#end !== undefined) return silent(Promise.reject(this.#end));
    const promise = new Promise((resolve, reject) => {
      if (target.isReleased) throw releasedError();
      options?.signal?.throwIfAborted();
      // Taken before the arguments are read: a getter of theirs may make a call too.
      const id = this.#next;
      this.#next += 1;
      const write = (to: Encoder): void => {
        to.byte(frame.last);
        to.byte(kind.call);
        to.unsigned(id);
        to.unsigned(target.id);
        to.string(method);
        to.unsigned(values.length);
        for (const [index, value] of values.entries()) to.value(value, `arguments[${index}]`);
      };
      this.#parts.encode(write, (encoder, luggage) => {
        const pending: Pending = {
          id,
          promise: undefined,
          resolve,
          reject,
          site,
          luggage,
          length: encoder.length,
          isSettled: false,
          timer: undefined,
          unlisten: undefined,
          unsent: undefined,
        };
        this.#begin(pending, encoder, target);
        this.#watch(pending, options);
        begun = pending;
      });
    });
    if (begun !== undefined) (begun as Pending).promise = promise;
    return promise;
  }

  giveBack(id: number, received: number): void {
    if (this.#end === undefined) this.#parts.giveBack(id, received);
  }

  /** The peer has said how much it takes. */
  allow(allowance: Allowance): void {
    this.#allowance = allowance;
    this.#pump();
  }

  /** An answer has come. */
  answered(id: number, value: unknown, isFailure: boolean): void {
    const pending = this.#pending.get(id);
    if (pending === undefined || pending.unsent !== undefined) {
      throw new ProtocolError(`call ${id} was answered, but not made`);
    }
    this.#pending.delete(id);
    this.#sentCalls -= 1;
    this.#sentBytes -= pending.length;
    if (!pending.isSettled) {
      this.#unwatch(pending);
      if (isFailure) {
        addCallSite(value, pending.site);
        pending.reject(value);
      } else pending.resolve(value);
    }
    if (this.#waiting.length > 0) this.#pump();
  }

  /** A signal among the arguments of a call has aborted. */
  aborted(signal: number, reason: unknown): void {
    const pending = this.#callOfSignal.get(signal);
    if (pending === undefined) return;
    if (pending.unsent === undefined) this.#parts.abort(signal, reason);
    this.#giveUp(pending, reason);
  }

  /** The peer is gone. */
  end(error: Error): void {
    this.#end = error;
    const all = [...this.#pending.values()];
    this.#pending.clear();
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const pending of all) {
      if (pending.isSettled) continue;
      this.#unwatch(pending);
      const own = new RpcError('peer-gone', error.message, { cause: error.cause });
      addCallSite(own, pending.site);
      if (pending.promise !== undefined) silent(pending.promise);
      pending.reject(own);
    }
  }

  /** Sends a call, or keeps it until the peer takes more. */
  #begin(pending: Pending, encoder: Encoder, target: RemoteHandle): void {
    const { attachments, length } = encoder;
    if (this.#waiting.length === 0 && this.#mayGo(length)) {
      this.#sentCalls += 1;
      this.#sentBytes += length;
      this.#register(pending);
      this.#parts.outbox.post(encoder.bytes, attachments);
      return;
    }
    const { mostWaiting } = this.#parts;
    if (this.#waiting.length >= mostWaiting || this.#waitingBytes + length > mostWaitingBytes) {
      for (const undo of pending.luggage?.undo ?? []) undo();
      throw new RpcError(
        'overload',
        `${this.#waiting.length} calls wait for the other side already: await some before making more`,
      );
    }
    const handles = [target, ...(pending.luggage?.handles ?? [])];
    for (const handle of handles) handle.pins += 1;
    pending.unsent = {
      bytes: encoder.bytes.slice(),
      attachments: attachments.map((item) =>
        item instanceof ArrayBuffer ? item.transfer() : item,
      ),
      handles,
    };
    this.#waiting.push(pending);
    this.#waitingBytes += length;
    this.#register(pending);
  }

  #register(pending: Pending): void {
    this.#pending.set(pending.id, pending);
    for (const signal of pending.luggage?.signals ?? []) this.#callOfSignal.set(signal, pending);
  }

  #mayGo(length: number): boolean {
    const allowance = this.#allowance;
    if (allowance === undefined || this.#sentCalls >= allowance.calls) return false;
    return this.#sentCalls === 0 || this.#sentBytes + length <= allowance.callBytes;
  }

  #pump(): void {
    let sent = 0;
    for (const pending of this.#waiting) {
      const { unsent, length } = pending;
      if (unsent === undefined || !this.#mayGo(length)) break;
      sent += 1;
      this.#sentCalls += 1;
      this.#sentBytes += length;
      this.#waitingBytes -= length;
      pending.unsent = undefined;
      this.#parts.outbox.post(unsent.bytes, unsent.attachments);
      for (const handle of unsent.handles) this.#parts.unpin(handle);
    }
    if (sent > 0) this.#waiting.splice(0, sent);
  }

  #watch(pending: Pending, options: CallOptions | undefined): void {
    const timeout = options?.timeout ?? this.#parts.timeout;
    if (timeout !== undefined) {
      pending.timer = this.#parts.host.setTimeout(() => {
        const error = new RpcError('timed-out', `No answer came within ${timeout} ms.`);
        addCallSite(error, pending.site);
        this.#cancel(pending, error);
      }, timeout);
    }
    const signal = options?.signal;
    if (signal === undefined) return;
    const listener = (): void => this.#cancel(pending, signal.reason);
    signal.addEventListener('abort', listener);
    pending.unlisten = () => signal.removeEventListener('abort', listener);
  }

  #unwatch(pending: Pending): void {
    if (pending.timer !== undefined) this.#parts.host.clearTimeout(pending.timer);
    pending.unlisten?.();
    for (const signal of pending.luggage?.signals ?? []) {
      this.#callOfSignal.delete(signal);
      this.#parts.forgetSignal(signal);
    }
  }

  /** Nobody waits for a call any longer, and its method is to know. */
  #cancel(pending: Pending, reason: unknown): void {
    if (pending.isSettled) return;
    if (pending.unsent === undefined) this.#parts.cancel(pending.id, reason);
    this.#giveUp(pending, reason);
  }

  #giveUp(pending: Pending, reason: unknown): void {
    if (pending.isSettled) return;
    pending.isSettled = true;
    this.#unwatch(pending);
    if (pending.unsent !== undefined) this.#withdraw(pending, pending.unsent);
    pending.reject(reason);
  }

  /** Takes back a call that was not sent. */
  #withdraw(pending: Pending, unsent: Unsent): void {
    this.#pending.delete(pending.id);
    this.#waiting.splice(this.#waiting.indexOf(pending), 1);
    this.#waitingBytes -= pending.length;
    for (const undo of pending.luggage?.undo ?? []) undo();
    for (const handle of unsent.handles) this.#parts.unpin(handle);
  }
}
