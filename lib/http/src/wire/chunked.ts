/** The chunked transfer coding (RFC 9112, section 7.1). */
import {
  carriageReturn,
  isFieldContent,
  isHexadecimal,
  isToken,
  lineFeed,
  space,
  tab,
} from './characters.ts';
import { findSectionEnd, parseFieldLines } from './fields.ts';
import type { Refusal } from './refusal.ts';

/** Bytes of a line with the size of a chunk and its extensions. */
const longestLine = 1024;
/** Bytes of extensions in one message: they are not content, so that the content's limit does not hold them. */
const mostExtensions = 16 * 1024;
/** Digits of a size: as many as a number can hold exactly. */
const mostDigits = 13;

/** What a step has found. */
export type ChunkStep =
  /** More bytes are needed. */
  | 'more'
  /** Content lies from `dataStart` to `dataEnd`. */
  | 'data'
  /** The content, its trailer section included, is complete. */
  | 'done'
  /** Something was taken that is not content. */
  | 'framing'
  /** Not chunked: `refusal` says why. */
  | 'refused';

type Part = 'size' | 'data' | 'dataEnd' | 'trailer';

/** Decodes one message's content, in place. Each step takes what it understands: `next` is where to go on. */
export class ChunkedDecoder {
  /** Where the next step begins. */
  next = 0;
  dataStart = 0;
  dataEnd = 0;
  refusal: Refusal | null = null;
  readonly #trailerLimit: number;
  readonly #fieldLimit: number;
  #part: Part = 'size';
  #left = 0;
  #extensions = 0;

  /**
   * @param trailerLimit bytes of the trailer section
   * @param fieldLimit lines of it
   */
  constructor(trailerLimit: number, fieldLimit: number) {
    this.#trailerLimit = trailerLimit;
    this.#fieldLimit = fieldLimit;
  }

  /** Bytes of the chunk that are still to come. */
  get left(): number {
    return this.#left;
  }

  /** Takes one step. @param start the first byte that was not taken */
  step(bytes: Uint8Array, start: number, end: number): ChunkStep {
    this.next = start;
    switch (this.#part) {
      case 'size':
        return this.#size(bytes, start, end);
      case 'data':
        return this.#data(start, end);
      case 'dataEnd':
        return this.#dataEnd(bytes, start, end);
      case 'trailer':
        return this.#trailer(bytes, start, end);
      default:
        return this.#part satisfies never;
    }
  }

  #refuse(refusal: Refusal): ChunkStep {
    this.refusal = refusal;
    return 'refused';
  }

  #size(bytes: Uint8Array, start: number, end: number): ChunkStep {
    let at = start;
    let size = 0;
    while (at < end && isHexadecimal(bytes[at] as number)) {
      const byte = bytes[at] as number;
      size = size * 16 + (byte <= 0x39 ? byte - 0x30 : (byte & 0xdf) - 0x37);
      at += 1;
      if (at - start > mostDigits) return this.#refuse('chunkSize');
    }
    if (at === end) return 'more';
    if (at === start) return this.#refuse('chunkSize');
    const extensionStart = at;
    if (bytes[at] !== carriageReturn) {
      const extended = skipExtensions(bytes, at, end);
      if (extended === malformed) {
        return this.#refuse(extensionRefusal(bytes, at, end));
      }
      if (extended === incomplete) {
        return end - start > longestLine ? this.#refuse('chunkExtension') : 'more';
      }
      at = extended;
    }
    if (at + 1 >= end) return 'more';
    if (bytes[at + 1] !== lineFeed) return this.#refuse('bareCarriageReturn');
    this.#extensions += at - extensionStart;
    if (at - start > longestLine || this.#extensions > mostExtensions) {
      return this.#refuse('chunkExtension');
    }
    this.#left = size;
    this.#part = size === 0 ? 'trailer' : 'data';
    this.next = at + 2;
    return 'framing';
  }

  #data(start: number, end: number): ChunkStep {
    if (start === end) return 'more';
    this.dataStart = start;
    this.dataEnd = Math.min(end, start + this.#left);
    this.next = this.dataEnd;
    this.#left -= this.dataEnd - start;
    if (this.#left === 0) this.#part = 'dataEnd';
    return 'data';
  }

  #dataEnd(bytes: Uint8Array, start: number, end: number): ChunkStep {
    if (start < end && bytes[start] !== carriageReturn) return this.#refuse('chunkEnd');
    if (start + 1 >= end) return 'more';
    if (bytes[start + 1] !== lineFeed) return this.#refuse('chunkEnd');
    this.#part = 'size';
    this.next = start + 2;
    return 'framing';
  }

  /** Fields after the content: checked, and dropped, as RFC 9110, section 6.5.1, allows. */
  #trailer(bytes: Uint8Array, start: number, end: number): ChunkStep {
    const sectionEnd = findSectionEnd(bytes, start, start, end);
    if (typeof sectionEnd === 'string') return this.#refuse(sectionEnd);
    const length = (sectionEnd < 0 ? end : sectionEnd) - start;
    if (length > this.#trailerLimit) return this.#refuse('headTooLarge');
    if (sectionEnd < 0) return 'more';
    const refusal = parseFieldLines(bytes, start, sectionEnd, start, this.#fieldLimit, []);
    if (refusal !== null) return this.#refuse(refusal);
    this.next = sectionEnd;
    return 'done';
  }
}

const incomplete = -1;
const malformed = -2;
const semicolon = 0x3b;
const equals = 0x3d;
const quote = 0x22;
const backslash = 0x5c;

function extensionRefusal(bytes: Uint8Array, at: number, end: number): Refusal {
  // Anything else after the digits belongs to the size.
  if (bytes[skipBlanks(bytes, at, end)] !== semicolon) return 'chunkSize';
  for (let index = at; index < end && bytes[index] !== carriageReturn; index += 1) {
    if (bytes[index] === lineFeed) return 'bareLineFeed';
  }
  return 'chunkExtension';
}

/**
 * Skips *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] ). Blanks are bad there, but are to be read over
 * (RFC 9110, section 5.6.3); after the last extension they are part of nothing.
 * @returns where the carriage return is, or incomplete, or malformed
 */
function skipExtensions(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] !== carriageReturn) {
    at = skipBlanks(bytes, at, end);
    if (at === end) return incomplete;
    if (bytes[at] !== semicolon) return malformed;
    at = skipToken(bytes, skipBlanks(bytes, at + 1, end), end);
    if (at < 0) return at;
    const mark = skipBlanks(bytes, at, end);
    if (mark === end) return incomplete;
    if (bytes[mark] !== equals) continue;
    const value = skipBlanks(bytes, mark + 1, end);
    if (value === end) return incomplete;
    at = bytes[value] === quote ? skipQuoted(bytes, value + 1, end) : skipToken(bytes, value, end);
    if (at < 0) return at;
  }
  return at < end ? at : incomplete;
}

function skipBlanks(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] === space || bytes[at] === tab)) at += 1;
  return at;
}

function skipToken(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isToken(bytes[at] as number)) at += 1;
  if (at === end) return incomplete;
  return at === start ? malformed : at;
}

/** @returns the place after the closing quote, which is not the last byte */
function skipQuoted(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at += 1) {
    if (bytes[at] === quote) return at + 1 < end ? at + 1 : incomplete;
    if (bytes[at] === backslash) at += 1;
    if (at < end && !isFieldContent(bytes[at] as number)) return malformed;
  }
  return incomplete;
}
