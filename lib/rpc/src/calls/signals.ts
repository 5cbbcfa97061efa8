/** AbortSignals in arguments: the caller's listens here, the callee gets one of its own that follows it. */
import { AbortController } from '@runtimejs/web/abort.ts';
import type { SignalLike } from './types.ts';

/** What aborts a signal on this side. */
export interface Aborter {
  readonly signal: SignalLike;
  abort(reason: unknown): void;
}

/** Makes a signal: the engine's own kind where there is one, otherwise the web package's. */
export function makeAborter(): Aborter {
  const Native = (globalThis as { AbortController?: new () => Aborter }).AbortController;
  return new (Native ?? (AbortController as unknown as new () => Aborter))();
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
