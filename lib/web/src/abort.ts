/** AbortController and AbortSignal (DOM, section 3). */
import { DOMException } from './dom-exception.ts';
import { Event, EventTarget } from './events.ts';
import { webHost } from './host.ts';

const internal = Symbol('internal');

/** Tells whoever listens that something is to end. Made by AbortController and the static methods. */
export class AbortSignal extends EventTarget {
  #reason: unknown;
  #isAborted = false;
  #handler: ((event: Event) => void) | null = null;
  readonly #dependents: AbortSignal[] = [];

  constructor(key: typeof internal) {
    super();
    if (key !== internal) throw new TypeError('Illegal constructor');
  }

  /** A signal that is aborted already. */
  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal(internal);
    AbortSignal.signal(signal, reason);
    return signal;
  }

  /** A signal that aborts after some milliseconds. */
  static timeout(milliseconds: number): AbortSignal {
    const signal = new AbortSignal(internal);
    webHost().setTimeout(() => {
      AbortSignal.signal(signal, new DOMException('The operation timed out.', 'TimeoutError'));
    }, milliseconds);
    return signal;
  }

  /** A signal that aborts with the first of several. */
  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const combined = new AbortSignal(internal);
    const sources = [...signals];
    const aborted = sources.find((source) => source.aborted);
    if (aborted !== undefined) AbortSignal.signal(combined, aborted.reason);
    else for (const source of sources) source.#dependents.push(combined);
    return combined;
  }

  /** For this module and the server: makes a signal. */
  static create(): AbortSignal {
    return new AbortSignal(internal);
  }

  /** For this module and the server: aborts a signal. */
  static signal(signal: AbortSignal, reason: unknown): void {
    if (signal.#isAborted) return;
    signal.#isAborted = true;
    signal.#reason = reason ?? new DOMException('This operation was aborted.', 'AbortError');
    signal.dispatchEvent(new Event('abort'));
    for (const dependent of signal.#dependents) AbortSignal.signal(dependent, signal.#reason);
    signal.#dependents.length = 0;
  }

  get aborted(): boolean {
    return this.#isAborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  get onabort(): ((event: Event) => void) | null {
    return this.#handler;
  }

  set onabort(handler: ((event: Event) => void) | null) {
    if (this.#handler !== null) this.removeEventListener('abort', this.#handler);
    this.#handler = handler;
    if (handler !== null) this.addEventListener('abort', handler);
  }

  throwIfAborted(): void {
    if (this.#isAborted) throw this.#reason;
  }
}

/** Makes a signal, and aborts it. */
export class AbortController {
  readonly signal: AbortSignal = AbortSignal.create();

  abort(reason?: unknown): void {
    AbortSignal.signal(this.signal, reason);
  }
}
