/** DOMException (Web IDL, section 2.8.1). */

/** The old numbers, by name. */
const codes: Readonly<Record<string, number>> = {
  NotSupportedError: 9,
  InvalidStateError: 11,
  SyntaxError: 12,
  InvalidAccessError: 15,
  TypeMismatchError: 17,
  AbortError: 20,
  QuotaExceededError: 22,
  TimeoutError: 23,
  DataCloneError: 25,
};

/** An error of the web platform; `name` says which. */
export class DOMException extends Error {
  override readonly name: string;

  constructor(message = '', name = 'Error') {
    super(message);
    this.name = name;
  }

  get code(): number {
    return codes[this.name] ?? 0;
  }
}
