/** How a cell looks, in one number: two colours of 16 or the default, and flags. SGR (ECMA-48 8.3.117). */
import type { Parameters } from './parser.ts';

/** The colour that a screen has where nobody chose one; it stands beside the 16 of the palette. */
export const defaultColour = 16;

const foregroundMask = 0x1f;
const backgroundShift = 5;
const backgroundMask = 0x1f << backgroundShift;

/** Flags of a style. */
export const styleFlag = {
  bold: 1 << 10,
  faint: 1 << 11,
  italic: 1 << 12,
  underline: 1 << 13,
  blink: 1 << 14,
  inverse: 1 << 15,
  invisible: 1 << 16,
  strike: 1 << 17,
  /** The left half of a character that is two cells wide, and its right half. */
  wide: 1 << 20,
  wideTail: 1 << 21,
} as const;

/** What a new terminal writes with. */
export const plainStyle: number = defaultColour | (defaultColour << backgroundShift);

/** 0 to 15, or defaultColour. */
export function foregroundOf(style: number): number {
  return style & foregroundMask;
}

/** 0 to 15, or defaultColour. */
export function backgroundOf(style: number): number {
  return (style & backgroundMask) >> backgroundShift;
}

/** What erased cells look like: the background stays (xterm's "back color erase"). */
export function erasedStyle(style: number): number {
  return (style & backgroundMask) | defaultColour;
}

/** The 16 colours as red, green, blue: those of VGA's text mode, in the order of ECMA-48. */
export const palette: readonly (readonly [number, number, number])[] = [
  [0x00, 0x00, 0x00],
  [0xaa, 0x00, 0x00],
  [0x00, 0xaa, 0x00],
  [0xaa, 0x55, 0x00],
  [0x00, 0x00, 0xaa],
  [0xaa, 0x00, 0xaa],
  [0x00, 0xaa, 0xaa],
  [0xaa, 0xaa, 0xaa],
  [0x55, 0x55, 0x55],
  [0xff, 0x55, 0x55],
  [0x55, 0xff, 0x55],
  [0xff, 0xff, 0x55],
  [0x55, 0x55, 0xff],
  [0xff, 0x55, 0xff],
  [0x55, 0xff, 0xff],
  [0xff, 0xff, 0xff],
];

/** The colour of the palette that is nearest to one of 24 bits. */
export function nearestColour(red: number, green: number, blue: number): number {
  let best = 0;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const [index, [r, g, b]] of palette.entries()) {
    // The eye sees differences of green best, of blue least.
    const distance = 3 * (r - red) ** 2 + 4 * (g - green) ** 2 + 2 * (b - blue) ** 2;
    if (distance >= bestDistance) continue;
    bestDistance = distance;
    best = index;
  }
  return best;
}

/** The colour of the palette that stands for one of xterm's 256. */
export function indexedColour(index: number): number {
  if (index < 16) return index;
  if (index >= 232) {
    const grey = 8 + (Math.min(index, 255) - 232) * 10;
    return nearestColour(grey, grey, grey);
  }
  const level = (step: number): number => (step === 0 ? 0 : 55 + 40 * step);
  const cube = index - 16;
  return nearestColour(
    level(Math.floor(cube / 36)),
    level(Math.floor(cube / 6) % 6),
    level(cube % 6),
  );
}

const setFlags: Readonly<Record<number, number>> = {
  1: styleFlag.bold,
  2: styleFlag.faint,
  3: styleFlag.italic,
  4: styleFlag.underline,
  5: styleFlag.blink,
  6: styleFlag.blink,
  7: styleFlag.inverse,
  8: styleFlag.invisible,
  9: styleFlag.strike,
  21: styleFlag.underline,
};

const clearFlags: Readonly<Record<number, number>> = {
  22: styleFlag.bold | styleFlag.faint,
  23: styleFlag.italic,
  24: styleFlag.underline,
  25: styleFlag.blink,
  27: styleFlag.inverse,
  28: styleFlag.invisible,
  29: styleFlag.strike,
};

function withForeground(style: number, colour: number): number {
  return (style & ~foregroundMask) | colour;
}

function withBackground(style: number, colour: number): number {
  return (style & ~backgroundMask) | (colour << backgroundShift);
}

/** Applies the parameters of SGR; what is unknown changes nothing. */
export function applyGraphics(style: number, { values, joined }: Parameters): number {
  if (values.length === 0) return plainStyle;
  let result = style;
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number;
    let end = at + 1;
    while (joined[end] === true) end += 1;
    const parts = values.slice(at + 1, end);
    if (value === 38 || value === 48 || value === 58) {
      const isJoined = parts.length > 0;
      const read = readColour(isJoined ? parts : values.slice(at + 1), isJoined);
      if (value === 38 && read.colour !== undefined) result = withForeground(result, read.colour);
      if (value === 48 && read.colour !== undefined) result = withBackground(result, read.colour);
      at = isJoined ? end - 1 : at + read.length;
      continue;
    }
    at = end - 1;
    if (value === 4 && parts[0] === 0) result &= ~styleFlag.underline;
    else result = applyOne(result, value);
  }
  return result;
}

function applyOne(style: number, value: number): number {
  if (value === 0) return plainStyle;
  if (setFlags[value] !== undefined) return style | setFlags[value];
  if (clearFlags[value] !== undefined) return style & ~clearFlags[value];
  if (value >= 30 && value <= 37) return withForeground(style, value - 30);
  if (value === 39) return withForeground(style, defaultColour);
  if (value >= 40 && value <= 47) return withBackground(style, value - 40);
  if (value === 49) return withBackground(style, defaultColour);
  if (value >= 90 && value <= 97) return withForeground(style, value - 90 + 8);
  if (value >= 100 && value <= 107) return withBackground(style, value - 100 + 8);
  return style;
}

/**
 * Reads an extended colour: `5;index` or `2;red;green;blue`, where colons may put a colour space in front.
 * @returns the colour, undefined when there is none, and how many parameters belong to it
 */
function readColour(
  values: readonly number[],
  isJoined: boolean,
): { readonly colour: number | undefined; readonly length: number } {
  const [kind, ...rest] = values;
  if (kind === 5) {
    const [index] = rest;
    const isKnown = index !== undefined && index <= 255;
    return { colour: isKnown ? indexedColour(index) : undefined, length: 2 };
  }
  if (kind === 2) {
    const parts = isJoined && rest.length > 3 ? rest.slice(1) : rest;
    const [red, green, blue] = parts;
    const isWhole = red !== undefined && green !== undefined && blue !== undefined;
    const isKnown = isWhole && Math.max(red, green, blue) <= 255;
    return { colour: isKnown ? nearestColour(red, green, blue) : undefined, length: 4 };
  }
  return { colour: undefined, length: kind === undefined ? 0 : 1 };
}
