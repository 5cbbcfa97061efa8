/** Bytes that depend on where they are, so that whatever is lost, doubled or moved shows. */

/** A stream of the pattern, to be made or to be checked. */
export interface Pattern {
  /** Makes the next block. */
  next(): Uint8Array;
  /** Compares what came next. @returns where and how it differs, undefined when it does not */
  check(bytes: Uint8Array): string | undefined;
  readonly checked: number;
}

/** Starts a stream at its first byte. @param blockBytes of next() */
export function createPattern(blockBytes: number): Pattern {
  let state = 0x1234_5678;
  let checked = 0;
  const byte = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  };
  return {
    next() {
      const block = new Uint8Array(blockBytes);
      for (let at = 0; at < blockBytes; at++) block[at] = byte();
      return block;
    },
    check(bytes) {
      for (const each of bytes) {
        const expected = byte();
        if (each !== expected) return `byte ${checked}: ${each} instead of ${expected}`;
        checked += 1;
      }
      return undefined;
    },
    get checked() {
      return checked;
    },
  };
}
