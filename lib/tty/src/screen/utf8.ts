/** UTF-8 that arrives in pieces (WHATWG Encoding Standard, section 8.1.1); a bare isolate has no TextDecoder. */

const replacement = 0xfffd;

/** Decodes bytes to code points; what is no UTF-8 becomes U+FFFD, as browsers have it. */
export class Utf8Decoder {
  #point = 0;
  #seen = 0;
  #needed = 0;
  #lower = 0x80;
  #upper = 0xbf;

  /** Decodes a piece; a sequence that it does not end goes on in the next one. */
  decode(bytes: Uint8Array, take: (point: number) => void): void {
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (this.#needed === 0) {
        this.#begin(byte, take);
      } else if (byte < this.#lower || byte > this.#upper) {
        this.#reset();
        take(replacement);
        at -= 1; // it may begin a sequence of its own
      } else {
        this.#lower = 0x80;
        this.#upper = 0xbf;
        this.#point = (this.#point << 6) | (byte & 0x3f);
        this.#seen += 1;
        if (this.#seen < this.#needed) continue;
        const point = this.#point;
        this.#reset();
        take(point);
      }
    }
  }

  #begin(byte: number, take: (point: number) => void): void {
    if (byte < 0x80) {
      take(byte);
    } else if (byte >= 0xc2 && byte <= 0xdf) {
      this.#needed = 1;
      this.#point = byte & 0x1f;
    } else if (byte >= 0xe0 && byte <= 0xef) {
      if (byte === 0xe0) this.#lower = 0xa0; // shorter ways to write it exist
      if (byte === 0xed) this.#upper = 0x9f; // surrogates
      this.#needed = 2;
      this.#point = byte & 0x0f;
    } else if (byte >= 0xf0 && byte <= 0xf4) {
      if (byte === 0xf0) this.#lower = 0x90;
      if (byte === 0xf4) this.#upper = 0x8f; // above U+10FFFF
      this.#needed = 3;
      this.#point = byte & 0x07;
    } else {
      take(replacement);
    }
  }

  #reset(): void {
    this.#point = 0;
    this.#seen = 0;
    this.#needed = 0;
    this.#lower = 0x80;
    this.#upper = 0xbf;
  }
}

/** Encodes text; a bare isolate has no TextEncoder. Lone surrogates become U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text.toWellFormed()) {
    const point = character.codePointAt(0) as number;
    if (point < 0x80) bytes.push(point);
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), tail(point));
    else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), tail(point >> 6), tail(point));
    else bytes.push(0xf0 | (point >> 18), tail(point >> 12), tail(point >> 6), tail(point));
  }
  return Uint8Array.from(bytes);
}

function tail(point: number): number {
  return 0x80 | (point & 0x3f);
}
