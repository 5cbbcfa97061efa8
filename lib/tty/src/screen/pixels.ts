/** Cells as pixels: draws glyphs into a framebuffer. */
import type { PixelLayout } from '@runtimejs/platform/platform.ts';
import type { TerminalSize } from '../device.ts';
import { coloursOf } from './colours.ts';
import type { View } from './display.ts';
import type { Font } from './font.ts';
import { palette, plainStyle, styleFlag } from './style.ts';

/** A part of the picture, in pixels. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const space = 0x20;
const cursorFlag = 1 << 30;

/** Draws into memory. */
export class PixelScreen {
  readonly size: TerminalSize;
  readonly layout: PixelLayout;
  readonly #font: Font;
  readonly #memory: Uint8Array;
  /** The same as words, where a pixel is one. */
  readonly #words: Uint32Array | undefined;
  readonly #pixelBytes: number;
  /** The palette in the framebuffer's own form. */
  readonly #colours: readonly number[];
  /** What is shown: code points, and colours with flags. */
  readonly #points: Uint32Array;
  readonly #looks: Uint32Array;
  #shownCursorRow = -1;
  readonly #line: Uint8Array;

  /** @param memory at least layout.pitch times layout.height bytes. Throws when not even one cell fits. */
  constructor(memory: Uint8Array, layout: PixelLayout, font: Font) {
    const columns = Math.floor(layout.width / font.width);
    const rows = Math.floor(layout.height / font.height);
    if (columns < 1 || rows < 1) throw new Error('it is too small for a character');
    if (layout.pitch * layout.height > memory.length) throw new Error('its memory is too small');
    this.size = { columns, rows };
    this.layout = layout;
    this.#font = font;
    this.#memory = memory;
    this.#pixelBytes = (layout.bitsPerPixel + 7) >> 3;
    const { buffer, byteOffset, byteLength } = memory;
    const areWords = this.#pixelBytes === 4 && ((layout.pitch | byteOffset) & 3) === 0;
    this.#words = areWords ? new Uint32Array(buffer, byteOffset, byteLength >> 2) : undefined;
    this.#colours = palette.map((colour) => encodeColour(layout, colour));
    this.#points = new Uint32Array(columns * rows);
    this.#looks = new Uint32Array(columns * rows);
    this.#line = new Uint8Array(font.width * this.#pixelBytes);
    this.clear();
  }

  /** Makes everything black: all cells are empty, and drawn again where they are not. */
  clear(): void {
    const { pitch, height } = this.layout;
    this.#memory.fill(0, 0, pitch * height);
    this.#points.fill(space);
    this.#looks.fill(this.#lookOf(plainStyle, false));
    this.#shownCursorRow = -1;
  }

  /**
   * Draws what differs from what is shown, in rows that changed and those with the cursor.
   * @returns the part of the picture that changed, undefined when nothing did
   */
  draw({ grid, cursor, reverseVideo }: View): Rectangle | undefined {
    const columns = Math.min(this.size.columns, grid.columns);
    let [left, top, right, bottom] = [this.size.columns, this.size.rows, -1, -1];
    for (let row = 0; row < Math.min(this.size.rows, grid.rows); row++) {
      const hasCursor = cursor?.row === row;
      if (grid.changed[row] === 0 && !hasCursor && row !== this.#shownCursorRow) continue;
      for (let column = 0; column < columns; column++) {
        const at = row * grid.columns + column;
        const style = grid.styles[at] as number;
        const point = grid.points[at] as number;
        const isCursor = hasCursor && cursor.column === column;
        const look = this.#lookOf(style, reverseVideo) | (isCursor ? cursorFlag : 0);
        const shown = row * this.size.columns + column;
        if (this.#looks[shown] === look && this.#points[shown] === point) continue;
        this.#looks[shown] = look;
        this.#points[shown] = point;
        this.#drawCell(column, row, point, look);
        left = Math.min(left, column);
        right = Math.max(right, column);
        top = Math.min(top, row);
        bottom = Math.max(bottom, row);
      }
    }
    this.#shownCursorRow = cursor?.row ?? -1;
    if (right < 0) return undefined;
    const { width, height } = this.#font;
    return {
      x: left * width,
      y: top * height,
      width: (right - left + 1) * width,
      height: (bottom - top + 1) * height,
    };
  }

  /** Colours, and the flags that change how a glyph is drawn. */
  #lookOf(style: number, swaps: boolean): number {
    const flags = style & (styleFlag.underline | styleFlag.strike);
    return coloursOf(style, swaps, true) | flags;
  }

  #drawCell(column: number, row: number, point: number, look: number): void {
    const { width, height, rowBytes, bytes } = this.#font;
    const foreground = this.#colours[(look >> 4) & 15] as number;
    const background = this.#colours[look & 15] as number;
    const glyph = this.#font.glyphOf(point);
    const { pitch } = this.layout;
    const pixelBytes = this.#pixelBytes;
    let at = row * height * pitch + column * width * pixelBytes;
    const underlined = (look & styleFlag.underline) !== 0 ? height - 2 : -1;
    const struck = (look & styleFlag.strike) !== 0 ? height >> 1 : -1;
    const cursorFrom = (look & cursorFlag) !== 0 ? height - 2 : height;
    for (let line = 0; line < height; line++, at += pitch) {
      const isSolid = line === underlined || line === struck || line >= cursorFrom;
      const from = glyph + line * rowBytes;
      if (this.#words !== undefined) {
        const word = at >> 2;
        for (let x = 0; x < width; x++) {
          const byte = isSolid ? 0xff : (bytes[from + (x >> 3)] as number);
          this.#words[word + x] = (byte & (0x80 >> (x & 7))) !== 0 ? foreground : background;
        }
        continue;
      }
      for (let x = 0; x < width; x++) {
        const byte = isSolid ? 0xff : (bytes[from + (x >> 3)] as number);
        const isSet = (byte & (0x80 >> (x & 7))) !== 0;
        this.#setPixel(x * pixelBytes, isSet ? foreground : background);
      }
      this.#memory.set(this.#line, at);
    }
  }

  /** Sets a pixel of the line that is put together; lines go to the framebuffer whole. */
  #setPixel(at: number, value: number): void {
    for (let byte = 0; byte < this.#pixelBytes; byte++) {
      this.#line[at + byte] = value >>> (8 * byte);
    }
  }
}

function encodeColour(
  { red, green, blue }: PixelLayout,
  [r, g, b]: readonly [number, number, number],
): number {
  let value = 0;
  for (const [field, level] of [
    [red, r],
    [green, g],
    [blue, b],
  ] as const) {
    value |= (level >> (8 - field.size)) << field.position;
  }
  return value >>> 0;
}
