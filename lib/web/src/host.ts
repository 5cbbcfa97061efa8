/** What the web's API needs of whoever runs it. */

/** Clocks, randomness, and what the engine does faster than JavaScript. */
export interface WebHost {
  /** Milliseconds on a clock that never goes back, since the program began. */
  now(): number;
  /** When that was: milliseconds since 1970. */
  readonly timeOrigin: number;
  /** Fills an array with bytes that nobody can predict. */
  random(into: Uint8Array): void;
  /** Bytes as text; what is no UTF-8 becomes U+FFFD, as the Encoding standard has it. */
  decodeUtf8(bytes: Uint8Array): string;
  encodeUtf8(text: string): Uint8Array<ArrayBuffer>;
  /**
   * A deep copy (HTML, section 2.7).
   * @throws when something cannot be copied
   */
  clone(value: unknown): unknown;
  /** An exception that nobody catches. */
  report(error: unknown): void;
  setTimeout(run: () => void, milliseconds: number): unknown;
}

let provided: WebHost | undefined;

/** Says who runs the program; once, before anything else here is used. */
export function provideHost(host: WebHost): void {
  provided = host;
}

/** Who runs the program. */
export function webHost(): WebHost {
  if (provided === undefined) throw new Error('No host was provided: see provideHost().');
  return provided;
}
