/** Bytes one after the other, in memory that grows as needed and is used again. */
import { tag } from './tags.ts';

/** Memory that is kept from one message to the next. */
const keptBytes = 64 << 10;
const leastBytes = 1024;
/** Messages shorter than this have views that are kept. */
const keptViews = 256;
/** Room is asked for before it is known how many bytes a number takes. */
const slack = 64;

export abstract class ByteWriter {
  #bytes = new Uint8Array(leastBytes);
  #view = new DataView(this.#bytes.buffer);
  #views: (Uint8Array | undefined)[] = [];
  #length = 0;
  readonly #most: number;

  /** @param most bytes that a message may have */
  constructor(most: number) {
    this.#most = most;
  }

  /** What was written: valid until the next call of anything here. */
  get bytes(): Uint8Array {
    const length = this.#length;
    if (length >= keptViews) return this.#bytes.subarray(0, length);
    // Short messages are nearly all there are, and a view costs more than they do.
    this.#views[length] ??= this.#bytes.subarray(0, length);
    return this.#views[length];
  }

  get length(): number {
    return this.#length;
  }

  /** Forgets what was written. */
  protected clear(): void {
    this.#length = 0;
    if (this.#bytes.length > keptBytes) this.#replace(new Uint8Array(leastBytes));
  }

  /** Is called when more than the most was to be written; throws. */
  protected abstract overflow(): never;

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length++] = value;
  }

  /** A whole number from 0 to 2^53 - 1, LEB128. */
  unsigned(value: number): void {
    if (this.#length + 8 > this.#bytes.length) this.#grow(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = rest < 0x8000_0000 ? rest >>> 7 : Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  double(value: number): void {
    if (this.#length + 8 > this.#bytes.length) this.#grow(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** A number as a value, with its tag. */
  number(value: number): void {
    if ((value | 0) === value && !Object.is(value, -0)) {
      this.byte(tag.integer);
      this.unsigned(((value << 1) ^ (value >> 31)) >>> 0);
    } else {
      this.byte(tag.double);
      this.double(value);
    }
  }

  /** A string as a value, with its tag. */
  string(value: string): void {
    const { length } = value;
    const start = this.#length;
    this.byte(tag.latin1);
    this.unsigned(length);
    if (this.latin1(value)) return;
    this.#length = start;
    this.byte(tag.utf16);
    this.unsigned(length);
    if (this.#length + 2 * length > this.#bytes.length) this.#grow(2 * length);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let index = 0; index < length; index += 1) {
      const code = value.charCodeAt(index);
      bytes[at++] = code & 0xff;
      bytes[at++] = code >> 8;
    }
    this.#length = at;
  }

  /** Characters of one byte each. @returns false when one does not fit: then what was written means nothing */
  latin1(value: string): boolean {
    const { length } = value;
    if (this.#length + length > this.#bytes.length) this.#grow(length);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let index = 0; index < length; index += 1) {
      const code = value.charCodeAt(index);
      if (code > 0xff) return false;
      bytes[at++] = code;
    }
    this.#length = at;
    return true;
  }

  copy(from: Uint8Array): void {
    if (this.#length + from.length > this.#bytes.length) this.#grow(from.length);
    this.#bytes.set(from, this.#length);
    this.#length += from.length;
  }

  #grow(more: number): void {
    const needed = this.#length + more;
    if (needed > this.#most + slack) this.overflow();
    const doubled = Math.min(2 * this.#bytes.length, this.#most + slack);
    const larger = new Uint8Array(Math.max(needed, doubled));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#replace(larger);
  }

  #replace(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
    this.#views = [];
  }
}
