/** Header fields (RFC 9112, section 5), strictly: what two recipients could read differently is refused. */
import {
  carriageReturn,
  colon,
  isFieldContent,
  isToken,
  lineFeed,
  space,
  tab,
} from './characters.ts';
import type { Refusal } from './refusal.ts';

/** Field lines of a message, as places in its text; strings are made for those that are asked for. */
export class FieldLines {
  readonly #text: string;
  /** Four numbers for each line: start and end of the name, start and end of the value. */
  readonly #places: readonly number[];

  constructor(text: string, places: readonly number[]) {
    this.#text = text;
    this.#places = places;
  }

  /** How many lines there are. */
  get count(): number {
    return this.#places.length / 4;
  }

  /** Name of a line, in lower case. */
  name(index: number): string {
    return this.#cut(index * 4).toLowerCase();
  }

  /** Value of a line, without the space around it; its bytes as code units. */
  value(index: number): string {
    return this.#cut(index * 4 + 2);
  }

  #cut(at: number): string {
    return this.#text.slice(this.#places[at], this.#places[at + 1]);
  }
}

/**
 * Looks for the empty line that ends a head or a trailer section.
 * @param start where the lines begin
 * @param from where to go on: what is before has been looked at, as far as the last whole line
 * @returns the place after the empty line; -1 when there is none yet; a refusal for a line that ends without
 * a carriage return
 */
export function findSectionEnd(
  bytes: Uint8Array,
  start: number,
  from: number,
  end: number,
): number | Refusal {
  let at = bytes.indexOf(lineFeed, from);
  while (at >= 0 && at < end) {
    if (at === start || bytes[at - 1] !== carriageReturn) return 'bareLineFeed';
    const lineStart = at - 1;
    if (lineStart === start || (lineStart > start && bytes[lineStart - 1] === lineFeed)) {
      return at + 1;
    }
    at = bytes.indexOf(lineFeed, at + 1);
  }
  return -1;
}

/**
 * Reads field lines up to the empty line.
 * @param bytes the lines, which end at `end` with an empty one
 * @param places gets four numbers for each line, less `origin`: see FieldLines
 * @param most how many lines there may be
 * @returns null, or why they are refused
 */
export function parseFieldLines(
  bytes: Uint8Array,
  start: number,
  end: number,
  origin: number,
  most: number,
  places: number[],
): Refusal | null {
  let at = start;
  const last = end - 2;
  while (at < last) {
    const first = bytes[at] as number;
    if (first === space || first === tab) return 'folded';
    const nameStart = at;
    while (isToken(bytes[at] as number)) at += 1;
    const nameEnd = at;
    if (bytes[at] !== colon) {
      if (nameEnd > nameStart && (bytes[at] === space || bytes[at] === tab)) {
        return 'spaceBeforeColon';
      }
      return 'fieldName';
    }
    if (nameEnd === nameStart) return 'fieldName';
    at += 1;
    while (bytes[at] === space || bytes[at] === tab) at += 1;
    const valueStart = at;
    while (isFieldContent(bytes[at] as number)) at += 1;
    if (bytes[at] !== carriageReturn) return 'fieldValue';
    if (bytes[at + 1] !== lineFeed) return 'bareCarriageReturn';
    let valueEnd = at;
    while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1] as number)) valueEnd -= 1;
    if (places.length >= most * 4) return 'tooManyFields';
    places.push(nameStart - origin, nameEnd - origin, valueStart - origin, valueEnd - origin);
    at += 2;
  }
  return null;
}

function isBlank(byte: number): boolean {
  return byte === space || byte === tab;
}
