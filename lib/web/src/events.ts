/** Event and EventTarget (DOM, sections 2.2 and 2.7): without a tree, so without bubbling. */
import { webHost } from './host.ts';

export interface EventInit {
  readonly bubbles?: boolean;
  readonly cancelable?: boolean;
  readonly composed?: boolean;
}

/** Something that has happened. */
export class Event {
  readonly type: string;
  readonly bubbles: boolean;
  readonly cancelable: boolean;
  readonly composed: boolean;
  readonly timeStamp: number;
  readonly isTrusted: boolean = false;
  readonly #state = { stopped: false, prevented: false, target: null as EventTarget | null };

  constructor(type: string, init: EventInit = {}) {
    this.type = String(type);
    this.bubbles = init.bubbles ?? false;
    this.cancelable = init.cancelable ?? false;
    this.composed = init.composed ?? false;
    this.timeStamp = webHost().now();
  }

  /** For EventTarget: calls listeners one after the other, until one stops that. */
  static dispatch(
    event: Event,
    target: EventTarget,
    call: (stopped: () => boolean) => void,
  ): boolean {
    const state = event.#state;
    state.target = target;
    state.stopped = false;
    call(() => state.stopped);
    return !state.prevented;
  }

  get target(): EventTarget | null {
    return this.#state.target;
  }

  get currentTarget(): EventTarget | null {
    return this.#state.target;
  }

  get defaultPrevented(): boolean {
    return this.#state.prevented;
  }

  preventDefault(): void {
    if (this.cancelable) this.#state.prevented = true;
  }

  stopPropagation(): void {}

  stopImmediatePropagation(): void {
    this.#state.stopped = true;
  }
}

export type EventListener = ((event: Event) => void) | { handleEvent(event: Event): void };

/** How a listener is added; `signal` takes it away when it aborts. */
export interface ListenerOptions {
  readonly once?: boolean;
  readonly signal?: EventTarget & { readonly aborted: boolean };
}

interface Registration {
  readonly listener: EventListener;
  readonly once: boolean;
  removed: boolean;
}

/** Something that events happen to. */
export class EventTarget {
  readonly #listeners = new Map<string, Registration[]>();

  addEventListener(
    type: string,
    listener: EventListener | null,
    options: ListenerOptions | boolean = {},
  ): void {
    if (listener === null) return;
    const { once = false, signal } = typeof options === 'boolean' ? {} : options;
    if (signal?.aborted) return;
    const registered = this.#listeners.get(type) ?? [];
    if (registered.some((one) => one.listener === listener)) return;
    this.#listeners.set(type, [...registered, { listener, once, removed: false }]);
    signal?.addEventListener('abort', () => this.removeEventListener(type, listener));
  }

  removeEventListener(type: string, listener: EventListener | null): void {
    const registered = this.#listeners.get(type) ?? [];
    for (const one of registered) if (one.listener === listener) one.removed = true;
    this.#listeners.set(
      type,
      registered.filter((one) => !one.removed),
    );
  }

  /** Calls the listeners. An exception of one is reported, and the others are called. */
  dispatchEvent(event: Event): boolean {
    return Event.dispatch(event, this, (isStopped) => {
      for (const one of this.#listeners.get(event.type) ?? []) {
        if (one.removed) continue;
        if (one.once) this.removeEventListener(event.type, one.listener);
        try {
          if (typeof one.listener === 'function') one.listener.call(this, event);
          else one.listener.handleEvent(event);
        } catch (error) {
          webHost().report(error);
        }
        if (isStopped()) break;
      }
    });
  }
}
