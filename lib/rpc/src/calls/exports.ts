/** What the peer may call: only what it was given, by number, for as long as it holds it. */
import { ProtocolError, RpcError, tell } from './errors.ts';
import type { Target } from './reference.ts';
import { root } from './wire.ts';

interface Export {
  readonly target: Target;
  /** How many times it was sent, less what the peer has given back. */
  sent: number;
}

const nothing: Target = {
  identity: {},
  home: {},
  released: () => {},
  invoke() {
    throw new RpcError('no-such-method', 'The other side serves nothing here.');
  },
};

/** The references that were given to the peer. */
export class Exports {
  readonly #entries = new Map<number, Export>();
  readonly #numbers = new Map<object, number>();
  #next = root + 1;
  #root: Target = nothing;

  /** What calls on the peer's `remote` reach. May be replaced. */
  serve(target: Target | undefined): void {
    this.#root = target ?? nothing;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * Counts that a reference is sent.
   * @param most references that the peer holds
   * @returns its number; undefined when the peer holds too many
   */
  send(target: Target, most: number): number | undefined {
    const known = this.#numbers.get(target.identity);
    const entry = known === undefined ? undefined : this.#entries.get(known);
    if (known !== undefined && entry !== undefined) {
      entry.sent += 1;
      return known;
    }
    if (this.#entries.size >= most) return undefined;
    const number = this.#next;
    this.#next += 1;
    this.#entries.set(number, { target, sent: 1 });
    this.#numbers.set(target.identity, number);
    return number;
  }

  /** The message with the reference was never sent. */
  takeBack(number: number): void {
    const entry = this.#entry(number);
    entry.sent -= 1;
    if (entry.sent === 0) this.#forget(number, entry);
  }

  /** The peer gives a reference back. */
  release(number: number, times: number): void {
    const entry = this.#entries.get(number);
    if (entry === undefined || times < 1 || times > entry.sent) {
      throw new ProtocolError(`reference ${number} was given back ${times} times too often`);
    }
    entry.sent -= times;
    if (entry.sent > 0) return;
    this.#forget(number, entry);
    tell(() => entry.target.released());
  }

  #forget(number: number, entry: Export): void {
    this.#entries.delete(number);
    this.#numbers.delete(entry.target.identity);
  }

  /** What a call is for. */
  target(number: number): Target {
    return number === root ? this.#root : this.#entry(number).target;
  }

  /** What a reference stands for that comes home. */
  home(number: number): object {
    return this.#entry(number).target.home;
  }

  #entry(number: number): Export {
    const entry = this.#entries.get(number);
    if (entry !== undefined) return entry;
    throw new ProtocolError(`reference ${number} is used without having been given`);
  }

  /** The peer is gone: everything is given back. */
  clear(): void {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    this.#numbers.clear();
    for (const { target } of entries) tell(() => target.released());
  }
}
