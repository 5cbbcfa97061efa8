/** What arrives, until somebody takes it; and that something has. */

/** Wakes who waits, also when it happened before anybody did. */
export class News {
  /** How often something has happened. */
  count = 0;
  #waiting: (() => void)[] = [];

  /** Something has happened. */
  tell(): void {
    this.count += 1;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) each();
  }

  /** Waits until more has happened than at a time when `count` was so much. */
  after(count: number): Promise<void> {
    if (this.count !== count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** A bounded queue with one reader. */
export class Arrivals<Item> implements AsyncIterableIterator<Item, undefined, undefined> {
  readonly #items: Item[] = [];
  readonly #most: number;
  readonly #size: (item: Item) => number;
  #held = 0;
  #isOver = false;
  #error: Error | undefined;
  #isRead = false;
  readonly #news = new News();
  readonly #left: () => void;

  /**
   * @param most what all items together may have, by their sizes
   * @param left called when the reader wants no more
   */
  constructor(most: number, size: (item: Item) => number = () => 1, left: () => void = () => {}) {
    this.#most = most;
    this.#size = size;
    this.#left = left;
  }

  /** Whether somebody reads. */
  get isRead(): boolean {
    return this.#isRead;
  }

  /** How many wait. */
  get length(): number {
    return this.#items.length;
  }

  /** Adds one. @returns false when there is no room, or nothing is taken any more */
  push(item: Item): boolean {
    const size = this.#size(item);
    if (this.#isOver || this.#held + size > this.#most) return false;
    this.#held += size;
    this.#items.push(item);
    this.#news.tell();
    return true;
  }

  /** Nothing follows. @returns what nobody has taken, when it is dropped */
  end(error?: Error, drops = false): readonly Item[] {
    this.#isOver = true;
    this.#error ??= error;
    const left = drops ? this.#items.splice(0) : [];
    this.#news.tell();
    return left;
  }

  /** Begins to read. @throws Error when somebody does already */
  read(): this {
    if (this.#isRead) throw new Error('It is read already: there is one reader at a time.');
    this.#isRead = true;
    return this;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Item, undefined>> {
    while (this.#isRead && this.#items.length === 0 && !this.#isOver) {
      await this.#news.after(this.#news.count);
    }
    const item = this.#isRead ? this.#items.shift() : undefined;
    if (item !== undefined) {
      this.#held -= this.#size(item);
      return { done: false, value: item };
    }
    if (this.#isRead && this.#error !== undefined) throw this.#error;
    return { done: true, value: undefined };
  }

  /** The reader wants no more: another one may go on. */
  async return(): Promise<IteratorResult<Item, undefined>> {
    this.#isRead = false;
    this.#news.tell();
    this.#left();
    return { done: true, value: undefined };
  }
}
