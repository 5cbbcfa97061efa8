/**
 * The driver for VGA's text screen: 80 by 25 cells of a character (code page 437) and an attribute, and a cursor
 * in the CRT controller (IBM VGA technical reference, sections 2 and 4).
 */
import type { Platform, TextScreenDevice } from '@runtimejs/platform/platform.ts';
import type { TerminalSize } from '@runtimejs/tty/device.ts';
import { codeOf } from '@runtimejs/tty/screen/code-page-437.ts';
import { coloursOf } from '@runtimejs/tty/screen/colours.ts';
import type { Display, View } from '@runtimejs/tty/screen/display.ts';

const columns = 80;
const rows = 25;
/** Cells of the screen. */
export const size: TerminalSize = { columns, rows };
/** What it is, whoever drives it. */
export const identity = {
  name: 'VGA text screen',
  isTextScreen: true,
  replacesTextScreen: false,
  size,
} as const;
/** Registers of the CRT controller. */
const crt = {
  cursorStart: 0x0a,
  cursorEnd: 0x0b,
  startHigh: 0x0c,
  startLow: 0x0d,
  cursorHigh: 0x0e,
  cursorLow: 0x0f,
} as const;
const cursorOff = 0x20;
/** Lines of a cell that the cursor fills: the lowest two of 16. */
const cursorLines = { first: 13, last: 14 } as const;
const index = 0;
const data = 1;

/** The red and blue bits of VGA's colours are the other way round than ECMA-48 has them. */
function vgaColour(colour: number): number {
  return (colour & 0b1010) | ((colour & 1) << 2) | ((colour >> 2) & 1);
}

/** The screen. Made by attach(). */
export class VgaTextDisplay implements Display {
  readonly name = identity.name;
  readonly size = size;
  readonly isTextScreen = identity.isTextScreen;
  readonly replacesTextScreen = identity.replacesTextScreen;
  readonly counters = { cells: 0 };
  readonly #device: TextScreenDevice;
  /** What is shown; the adapter's own memory is slow to read. */
  readonly #shown = new Uint16Array(columns * rows);
  #cursor = -1;
  #isStopped = false;

  constructor(device: TextScreenDevice) {
    this.#device = device;
    this.#write(crt.startHigh, 0);
    this.#write(crt.startLow, 0);
    this.#shown.fill(0x0720);
    for (let at = 0; at < columns * rows; at++) device.memory.halves[at] = 0x0720;
    this.#showCursor(0);
  }

  /** The screen keeps its size. */
  onChange(): void {}

  draw({ grid, cursor, reverseVideo }: View): void {
    if (this.#isStopped) return;
    const { halves } = this.#device.memory;
    for (let row = 0; row < Math.min(rows, grid.rows); row++) {
      if (grid.changed[row] === 0) continue;
      for (let column = 0; column < Math.min(columns, grid.columns); column++) {
        const from = row * grid.columns + column;
        const colours = coloursOf(grid.styles[from] as number, reverseVideo, false);
        const attribute = (vgaColour(colours & 15) << 4) | vgaColour(colours >> 4);
        // The highest bit of the attribute makes it blink: bright backgrounds are shown as dark ones.
        const cell = ((attribute & 0x7f) << 8) | codeOf(grid.points[from] as number);
        const at = row * columns + column;
        if (this.#shown[at] === cell) continue;
        this.#shown[at] = cell;
        halves[at] = cell;
        this.counters.cells += 1;
      }
    }
    this.#showCursor(cursor === undefined ? -2 : cursor.row * columns + cursor.column);
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** @param at its cell, negative to hide it */
  #showCursor(at: number): void {
    if (at === this.#cursor) return;
    const wasHidden = this.#cursor < 0;
    this.#cursor = at;
    if (at < 0) {
      this.#write(crt.cursorStart, cursorOff);
      return;
    }
    if (wasHidden) {
      this.#write(crt.cursorStart, cursorLines.first);
      this.#write(crt.cursorEnd, cursorLines.last);
    }
    this.#write(crt.cursorHigh, at >> 8);
    this.#write(crt.cursorLow, at & 0xff);
  }

  #write(register: number, value: number): void {
    this.#device.ports.write(index, 1, register);
    this.#device.ports.write(data, 1, value);
  }
}

/** The text screen, where the machine has one; it is not touched. */
export function find(platform: Platform): readonly TextScreenDevice[] {
  return platform
    .platformDevices()
    .filter((device) => device.kind === 'text-screen')
    .filter(({ memory }) => memory.size >= columns * rows * 2);
}

/** Takes the text screen, where the machine has one. */
export function attach(platform: Platform): readonly VgaTextDisplay[] {
  return find(platform).map((device) => new VgaTextDisplay(device));
}
