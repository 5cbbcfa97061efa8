/** How many cells a character takes: 0, 1 or 2 (Unicode Standard Annex 11). */

/** Ranges of East Asian wide characters, first and last, in order. */
const wideRanges: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x20000, 0x2fffd],
  [0x30000, 0x3fffd],
];

/** Below here every printable character takes one cell; the soft hyphen, of Cf, takes one as well. */
const firstUnusual = 0x300;

/** @param point a code point that is no control character */
export function cellWidth(point: number): 0 | 1 | 2 {
  if (point < firstUnusual) return 1;
  for (const [first, last] of wideRanges) {
    if (point < first) break;
    if (point <= last) return 2;
  }
  const character = String.fromCodePoint(point);
  // Here, not outside: V8 takes long to read them, and most screens never show such a character.
  if (/^[\p{Mn}\p{Me}\p{Cf}]$/u.test(character)) return 0;
  return /^\p{Emoji_Presentation}$/u.test(character) ? 2 : 1;
}
