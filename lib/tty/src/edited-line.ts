/** The line that is being typed in canonical mode, and how wide what is shown of it is. */

/** Longest line, its end included; as on Linux (N_TTY_BUF_SIZE). */
export const lineCapacity = 4096;

const tab = 0x09;
const space = 0x20;
const deleteCharacter = 0x7f;
const tabStop = 8;

const isWithinCharacter = (byte: number): boolean => (byte & 0xc0) === 0x80;
const isControl = (byte: number): boolean => byte < space || byte === deleteCharacter;

/** How bytes are shown, which decides how wide they are. */
export interface Shown {
  readonly isUtf8: boolean;
  /** Control characters are shown as ^X. */
  readonly showsControl: boolean;
}

/** Wipes what was shown of a character. */
export type Wipe = (columns: number, isTab: boolean) => void;

/** A line under construction. */
export class EditedLine {
  readonly #bytes = new Uint8Array(lineCapacity);
  #length = 0;
  /** Column that the cursor was in when the line was begun. */
  startColumn = 0;

  get length(): number {
    return this.#length;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Whether only a character that ends the line has room. */
  get isFull(): boolean {
    return this.#length >= lineCapacity - 1;
  }

  /** Adds a byte; there is room for the last one that ends a full line. */
  push(byte: number): void {
    this.#bytes[this.#length] = byte;
    this.#length += 1;
  }

  clear(): void {
    this.#length = 0;
  }

  /** Columns between the line's beginning and the end of its first `length` bytes. */
  #columnsTo(length: number, shown: Shown): number {
    let column = this.startColumn;
    for (let index = 0; index < length; index += 1) {
      const byte = this.#bytes[index] as number;
      if (byte === tab) column += tabStop - (column % tabStop);
      else if (isControl(byte)) column += shown.showsControl ? 2 : 0;
      else if (!shown.isUtf8 || !isWithinCharacter(byte)) column += 1;
    }
    return column - this.startColumn;
  }

  /** Takes the last character off, and says to `wipe` how many columns it took, and whether it was a tab. */
  eraseCharacter(shown: Shown, wipe: Wipe): void {
    if (this.#length === 0) return;
    const before = this.#columnsTo(this.#length, shown);
    this.#length -= 1;
    const isTab = this.#bytes[this.#length] === tab;
    if (shown.isUtf8) {
      // A byte inside a character belongs to the one that begins it, if there is one.
      let begin = this.#length;
      while (begin > 0 && isWithinCharacter(this.#bytes[begin] as number)) begin -= 1;
      if (!isWithinCharacter(this.#bytes[begin] as number)) this.#length = begin;
    }
    wipe(before - this.#columnsTo(this.#length, shown), isTab);
  }

  /** Takes the last word off, with the blanks behind it. */
  eraseWord(shown: Shown, wipe: Wipe): void {
    const isBlank = (byte: number | undefined): boolean => byte === space || byte === tab;
    while (this.#length > 0 && isBlank(this.#bytes[this.#length - 1])) {
      this.eraseCharacter(shown, wipe);
    }
    while (this.#length > 0 && !isBlank(this.#bytes[this.#length - 1])) {
      this.eraseCharacter(shown, wipe);
    }
  }

  /** Takes all of it off. */
  eraseAll(shown: Shown, wipe: Wipe): void {
    while (this.#length > 0) this.eraseCharacter(shown, wipe);
  }
}
