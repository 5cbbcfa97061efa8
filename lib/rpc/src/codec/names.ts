/**
 * Names that were read before: of methods, and of properties. A connection says the same few again and again, and to
 * compare bytes costs a fraction of what it costs to make a string, and to look that up among all names.
 */

const slots = 64;
/** Longer names are not kept. */
const longest = 32;

interface Name {
  readonly codes: Uint8Array;
  readonly text: string;
}

/** The names of one decoder: a few, in a table whose entries push each other out. */
export class Names {
  readonly #names: (Name | undefined)[] = new Array(slots).fill(undefined);

  /** @returns the name that those bytes are in Latin-1, undefined when it was not kept */
  find(bytes: Uint8Array, start: number, length: number): string | undefined {
    if (length === 0 || length > longest) return undefined;
    const first = bytes[start] as number;
    const name = this.#names[slotOf(first, bytes[start + length - 1] as number, length)];
    if (name === undefined || name.codes.length !== length) return undefined;
    for (let index = 0; index < length; index += 1) {
      if (name.codes[index] !== bytes[start + index]) return undefined;
    }
    return name.text;
  }

  /** Keeps a name of Latin-1 that was not found. */
  keep(text: string): void {
    const { length } = text;
    if (length === 0 || length > longest) return;
    const codes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    this.#names[slotOf(codes[0] as number, codes[length - 1] as number, length)] = { codes, text };
  }
}

function slotOf(first: number, last: number, length: number): number {
  return (first * 7 + last * 3 + length) & (slots - 1);
}
