/** AbortSignals in arguments: the caller's listens here, the callee gets one of its own that follows it. */
import { tell } from './errors.ts';
import type { SignalLike } from './types.ts';

/** What aborts a signal on this side. */
export interface Aborter {
  readonly signal: SignalLike;
  abort(reason: unknown): void;
}

/** Makes a signal: an AbortSignal where the program has those, otherwise one that does what SignalLike asks. */
export function makeAborter(): Aborter {
  const { AbortController } = globalThis as { AbortController?: new () => Aborter };
  return AbortController === undefined ? new PlainAborter() : new AbortController();
}

/** For isolates that have the language alone, as those of drivers do. */
class PlainAborter implements Aborter, SignalLike {
  aborted = false;
  reason: unknown;
  readonly #listeners = new Set<() => void>();

  get signal(): SignalLike {
    return this;
  }

  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) tell(listener);
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    if (!this.aborted) this.#listeners.add(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.delete(listener);
  }
}

/** Whether a value is an AbortSignal, whoever has made it. */
export function isSignal(value: object): value is SignalLike {
  const { aborted, throwIfAborted, addEventListener } = value as Partial<SignalLike>;
  return (
    typeof aborted === 'boolean' &&
    typeof throwIfAborted === 'function' &&
    typeof addEventListener === 'function'
  );
}

/** Signals of this side that calls carry. */
export class SentSignals {
  readonly #listening = new Map<number, () => void>();
  #next = 1;

  /**
   * Listens to a signal until forget().
   * @param aborted is called at most once, not from within
   */
  send(signal: SignalLike, aborted: (id: number, reason: unknown) => void): number {
    const id = this.#next;
    this.#next += 1;
    const listener = (): void => {
      this.forget(id);
      aborted(id, signal.reason);
    };
    signal.addEventListener('abort', listener);
    this.#listening.set(id, () => signal.removeEventListener('abort', listener));
    return id;
  }

  forget(id: number): void {
    this.#listening.get(id)?.();
    this.#listening.delete(id);
  }

  clear(): void {
    for (const id of [...this.#listening.keys()]) this.forget(id);
  }
}
