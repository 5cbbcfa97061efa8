/** Headers (Fetch standard, section 5.1). */

import { isFieldText, isTokenText } from '@runtimejs/http/wire/characters.ts';
import type { FieldLines } from '@runtimejs/http/wire/fields.ts';

export type HeadersInit =
  | Headers
  | Iterable<readonly [string, string]>
  | Readonly<Record<string, string>>;

/** Header fields of a request or a response. */
export class Headers {
  /** Name in lower case and value, in turns, in the order in which they were added. */
  #pairs: string[] = [];
  /** Fields that were received, until somebody looks at them. */
  #lines: FieldLines | null = null;

  constructor(init?: HeadersInit) {
    if (init === undefined || init === null) return;
    if (init instanceof Headers) {
      this.#pairs = init.#list.slice();
    } else if (Symbol.iterator in init) {
      for (const pair of init) {
        const [name, value, ...rest] = pair;
        if (name === undefined || value === undefined || rest.length > 0) {
          throw new TypeError('A header field is a pair of name and value.');
        }
        this.append(name, value);
      }
    } else {
      for (const [name, value] of Object.entries(init)) this.append(name, value);
    }
  }

  /** For the server: those of a request. */
  static received(lines: FieldLines): Headers {
    const headers = new Headers();
    headers.#lines = lines;
    return headers;
  }

  /** For the server: names and values in turns. */
  static pairs(headers: Headers): readonly string[] {
    return headers.#list;
  }

  append(name: string, value: string): void {
    this.#list.push(checkName(name), normalise(name, value));
  }

  delete(name: string): void {
    const lower = checkName(name);
    const list = this.#list;
    let kept = 0;
    for (let index = 0; index < list.length; index += 2) {
      if (list[index] === lower) continue;
      list[kept] = list[index] as string;
      list[kept + 1] = list[index + 1] as string;
      kept += 2;
    }
    list.length = kept;
  }

  get(name: string): string | null {
    const lower = checkName(name);
    const list = this.#list;
    let found: string | null = null;
    for (let index = 0; index < list.length; index += 2) {
      if (list[index] !== lower) continue;
      found = found === null ? (list[index + 1] as string) : `${found}, ${list[index + 1]}`;
    }
    return found;
  }

  getSetCookie(): string[] {
    const list = this.#list;
    const found: string[] = [];
    for (let index = 0; index < list.length; index += 2) {
      if (list[index] === 'set-cookie') found.push(list[index + 1] as string);
    }
    return found;
  }

  has(name: string): boolean {
    const lower = checkName(name);
    const list = this.#list;
    for (let index = 0; index < list.length; index += 2) if (list[index] === lower) return true;
    return false;
  }

  set(name: string, value: string): void {
    const normalised = normalise(name, value);
    this.delete(name);
    this.#list.push(name.toLowerCase(), normalised);
  }

  forEach(
    callback: (this: unknown, value: string, name: string, headers: Headers) => void,
    self?: unknown,
  ): void {
    for (const [name, value] of this) callback.call(self, value, name, this);
  }

  *entries(): Generator<[string, string]> {
    const list = this.#list;
    const names = new Set<string>();
    for (let index = 0; index < list.length; index += 2) names.add(list[index] as string);
    for (const name of [...names].sort()) {
      if (name === 'set-cookie') {
        for (const cookie of this.getSetCookie()) yield [name, cookie];
      } else {
        yield [name, this.get(name) as string];
      }
    }
  }

  *keys(): Generator<string> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): Generator<string> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): Generator<[string, string]> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return 'Headers';
  }

  get #list(): string[] {
    const lines = this.#lines;
    if (lines !== null) {
      this.#lines = null;
      for (let index = 0; index < lines.count; index += 1) {
        this.#pairs.push(lines.name(index), lines.value(index));
      }
    }
    return this.#pairs;
  }
}

function checkName(name: string): string {
  const text = String(name);
  if (!isTokenText(text)) throw new TypeError(`"${text}" is no name of a header field`);
  return text.toLowerCase();
}

function normalise(name: string, value: string): string {
  const text = String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
  if (!isFieldText(text)) {
    throw new TypeError(`The header field ${name} cannot have this value: ${text}`);
  }
  return text;
}
