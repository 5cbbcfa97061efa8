/** Calls of the peer's: each is run, and answered once. */
import { ProtocolError } from './errors.ts';
import { isThenable, type Target } from './reference.ts';
import { Slots } from './slots.ts';
import type { ReceivedSignal } from './values.ts';
import type { Allowance } from './wire.ts';

/** The parts of a connection that services touch. */
export interface ServicesParts {
  /** Throws when the value cannot be sent; then nothing was. */
  result(id: number, value: unknown): void;
  failure(id: number, error: unknown): void;
  /** Whether answers pile up, so that no call should begin. */
  isCongested(): boolean;
  readonly allowance: Allowance;
}

/** A call that has come. */
export interface ServedCall {
  readonly id: number;
  /** Bytes of its message. */
  readonly length: number;
  readonly signals: readonly ReceivedSignal[];
  readonly target: Target;
  readonly method: string;
  readonly values: unknown[];
}

export class Services {
  readonly #parts: ServicesParts;
  readonly #open = new Slots<ServedCall>();
  readonly #signals = new Map<number, ReceivedSignal>();
  #held: ServedCall[] = [];
  #openBytes = 0;
  #served = 0;
  #hasEnded = false;

  constructor(parts: ServicesParts) {
    this.#parts = parts;
  }

  get served(): number {
    return this.#served;
  }

  get running(): number {
    return this.#open.size;
  }

  call(call: ServedCall): void {
    const { calls, callBytes } = this.#parts.allowance;
    if (this.#open.get(call.id) !== undefined) {
      throw new ProtocolError(`call ${call.id} was made twice`);
    }
    const isFirst = this.#open.size === 0;
    if (this.#open.size >= calls || (!isFirst && this.#openBytes + call.length > callBytes)) {
      throw new ProtocolError('more calls were made at once than are allowed');
    }
    if (!this.#open.set(call.id, call)) throw new ProtocolError('a call has too high a number');
    this.#openBytes += call.length;
    for (const signal of call.signals) this.#signals.set(signal.id, signal);
    if (this.#held.length > 0 || this.#parts.isCongested()) this.#held.push(call);
    else this.#run(call);
  }

  /** Answers have gone out: begins what was held back. */
  resume(): void {
    while (this.#held.length > 0 && !this.#parts.isCongested()) {
      this.#run(this.#held.shift() as ServedCall);
    }
  }

  /** Nobody waits for a call any longer. */
  cancel(id: number, reason: unknown): void {
    for (const { aborter } of this.#open.get(id)?.signals ?? []) aborter.abort(reason);
  }

  abort(id: number, reason: unknown): void {
    this.#signals.get(id)?.aborter.abort(reason);
  }

  /** The peer is gone: what runs for it may stop. */
  end(reason: Error): void {
    this.#hasEnded = true;
    this.#held = [];
    const signals = [...this.#signals.values()];
    this.#signals.clear();
    this.#open.clear();
    for (const { aborter } of signals) aborter.abort(reason);
  }

  #run(call: ServedCall): void {
    this.#served += 1;
    try {
      const result = call.target.invoke(call.method, call.values);
      if (isThenable(result)) {
        result.then(
          (value) => this.#succeed(call, value),
          (error: unknown) => this.#fail(call, error),
        );
      } else this.#succeed(call, result);
    } catch (error) {
      this.#fail(call, error);
    }
  }

  #succeed(call: ServedCall, value: unknown): void {
    if (!this.#close(call)) return;
    try {
      this.#parts.result(call.id, value);
    } catch (error) {
      this.#parts.failure(call.id, error);
    }
  }

  #fail(call: ServedCall, error: unknown): void {
    if (this.#close(call)) this.#parts.failure(call.id, error);
  }

  /** @returns whether the call is still to be answered */
  #close(call: ServedCall): boolean {
    if (this.#hasEnded || !this.#open.delete(call.id)) return false;
    this.#openBytes -= call.length;
    for (const { id } of call.signals) this.#signals.delete(id);
    return true;
  }
}
