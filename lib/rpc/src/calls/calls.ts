/** Calls of this side: those that wait for their answer, and those that the peer does not take yet. */
import type { Attachment } from '../channel.ts';
import type { Encoder } from '../codec/encoder.ts';
import type { RpcHost } from './connection.ts';
import { ProtocolError, RpcError, withCallSite } from './errors.ts';
import {
  type Caller,
  type CallOptions,
  type RemoteHandle,
  releasedError,
  silence,
} from './imports.ts';
import type { Outbox } from './outbox.ts';
import { mostSlots, Slots } from './slots.ts';
import type { Luggage, Messages } from './values.ts';
import { type Allowance, frame, kind } from './wire.ts';

/** The parts of a connection that calls touch. */
export interface CallsParts {
  readonly host: RpcHost;
  readonly outbox: Outbox;
  /** Milliseconds; undefined: for ever. */
  readonly timeout: number | undefined;
  readonly mostWaiting: number;
  readonly tracesCalls: boolean;
  readonly messages: Messages;
  cancel(id: number, reason: unknown): void;
  abort(signal: number, reason: unknown): void;
  giveBack(id: number, received: number): void;
  unpin(handle: RemoteHandle): void;
  forgetSignal(id: number): void;
}

class Pending {
  readonly id: number;
  readonly promise: Promise<unknown>;
  resolve!: (value: unknown) => void;
  reject!: (error: unknown) => void;
  luggage: Luggage | undefined;
  /** Bytes of its message. */
  length = 0;
  /** The caller has been told: the answer, when it comes, is for nobody. */
  isSettled = false;
  timer: unknown;
  /** Stops to listen to the signal of the call's options. */
  unlisten: (() => void) | undefined;
  /** What was not sent yet. */
  unsent: Unsent | undefined;

  constructor(id: number) {
    this.id = id;
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

interface Unsent {
  readonly bytes: Uint8Array;
  readonly attachments: readonly Attachment[];
  readonly handles: readonly RemoteHandle[];
}

/** Bytes of calls that wait to be sent. */
const mostWaitingBytes = 64 << 20;

export class Calls implements Caller {
  readonly #parts: CallsParts;
  readonly #pending = new Slots<Pending>();
  readonly #callOfSignal = new Map<number, Pending>();
  #waiting: Pending[] = [];
  #waitingBytes = 0;
  #called = 0;
  #sentCalls = 0;
  #sentBytes = 0;
  #allowance: Allowance | undefined;
  #end: Error | undefined;

  constructor(parts: CallsParts) {
    this.#parts = parts;
  }

  get called(): number {
    return this.#called;
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
  ): Promise<unknown> {
    // Taken before the arguments are read: a getter of theirs may make a call too.
    const id = this.#end === undefined ? (this.#pending.take() ?? mostSlots) : mostSlots;
    const pending = new Pending(id);
    this.#called += 1;
    if (this.#end !== undefined) {
      silence(pending.promise);
      this.#fail(pending, this.#end);
      return pending.promise;
    }
    try {
      if (id === mostSlots) throw overload(mostSlots);
      if (target.isReleased) throw releasedError();
      options?.signal?.throwIfAborted();
      const to = this.#encode(id, target, method, values);
      pending.length = to.length;
      pending.luggage = this.#parts.messages.end();
      this.#begin(pending, to, target);
      if (options !== undefined || this.#parts.timeout !== undefined) {
        this.#watch(pending, options);
      }
    } catch (error) {
      if (id !== mostSlots) this.#pending.giveBack(id);
      this.#fail(pending, error);
    }
    return pending.promise;
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
    this.#pending.giveBack(id);
    this.#sentCalls -= 1;
    this.#sentBytes -= pending.length;
    if (!pending.isSettled) {
      this.#unwatch(pending);
      if (isFailure) this.#fail(pending, value);
      else pending.resolve(value);
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
    const all = this.#pending.clear();
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const pending of all) {
      if (pending.isSettled) continue;
      this.#unwatch(pending);
      const own = new RpcError('peer-gone', error.message, { cause: error.cause });
      silence(pending.promise);
      this.#fail(pending, own);
    }
  }

  /** @returns the encoder with the message, which is not ended yet */
  #encode(id: number, target: RemoteHandle, method: string, values: readonly unknown[]): Encoder {
    const { messages } = this.#parts;
    const to = messages.begin(true);
    try {
      to.byte(frame.last);
      to.byte(kind.call);
      to.unsigned(id);
      to.unsigned(target.id);
      to.string(method);
      to.unsigned(values.length);
      for (let index = 0; index < values.length; index += 1) to.value(values[index], index);
    } catch (error) {
      messages.abandon();
      throw error;
    }
    return to;
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
      throw overload(this.#waiting.length);
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
    if (pending.luggage === undefined) return;
    for (const signal of pending.luggage.signals) this.#callOfSignal.set(signal, pending);
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
        this.#cancel(pending, new RpcError('timed-out', `No answer came within ${timeout} ms.`));
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
    if (pending.luggage === undefined) return;
    for (const signal of pending.luggage.signals) {
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
    this.#fail(pending, reason);
  }

  #fail(pending: Pending, error: unknown): void {
    if (this.#parts.tracesCalls) pending.resolve(withCallSite(error));
    else pending.reject(error);
  }

  /** Takes back a call that was not sent. */
  #withdraw(pending: Pending, unsent: Unsent): void {
    this.#pending.giveBack(pending.id);
    this.#waiting.splice(this.#waiting.indexOf(pending), 1);
    this.#waitingBytes -= pending.length;
    for (const undo of pending.luggage?.undo ?? []) undo();
    for (const handle of unsent.handles) this.#parts.unpin(handle);
  }
}

function overload(waiting: number): RpcError {
  return new RpcError(
    'overload',
    `${waiting} calls wait for the other side already: await some before making more.`,
  );
}
