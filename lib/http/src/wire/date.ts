/** The Date field: IMF-fixdate (RFC 9110, section 5.6.7). */

/** Formats the time of day, once a second. */
export class HttpDates {
  readonly #wallClock: () => number;
  #second = -1;
  #text = '';

  /** @param wallClock milliseconds since 1970 */
  constructor(wallClock: () => number) {
    this.#wallClock = wallClock;
  }

  /** Now, as in "Sun, 06 Nov 1994 08:49:37 GMT". */
  now(): string {
    const second = Math.floor(this.#wallClock() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = new Date(second * 1000).toUTCString();
    }
    return this.#text;
  }
}
