/**
 * The cells of a screen in memory that the system isolate and a display's driver share. The system isolate writes rows and
 * then marks them; the driver takes the mark away and then reads. So a row that is read while it is written is read again.
 */

import type { View } from '@runtimejs/tty/screen/display.ts';
import { Grid } from '@runtimejs/tty/screen/grid.ts';
import { type PicturePlace, pictureControl } from './picture-layout.ts';

const hidden = -1;

/** What both sides have. */
class SharedPicture {
  protected readonly words: Int32Array;
  protected readonly place: PicturePlace;

  constructor(words: Int32Array, place: PicturePlace) {
    this.words = words;
    this.place = place;
  }

  protected load(word: number): number {
    return Atomics.load(this.words, this.place.control + word);
  }

  protected store(word: number, value: number): void {
    Atomics.store(this.words, this.place.control + word, value);
  }
}

/** The side that says what is to be seen. */
export class PictureWriter extends SharedPicture {
  #columns = 0;
  #rows = 0;
  #written = 0;

  /** Whether the driver has drawn all that was written. */
  get isShown(): boolean {
    return this.load(pictureControl.shown) === this.#written;
  }

  /** Writes the rows that changed (grid.changed), and the cursor. @returns true when the driver is to be woken */
  write({ grid, cursor, reverseVideo }: View): boolean {
    const { most } = this.place;
    const columns = Math.min(grid.columns, most.columns);
    const rows = Math.min(grid.rows, most.rows);
    const isOther = columns !== this.#columns || rows !== this.#rows;
    this.#columns = columns;
    this.#rows = rows;
    this.store(pictureControl.columns, columns);
    this.store(pictureControl.rows, rows);
    for (let row = 0; row < rows; row++) {
      if (isOther || grid.changed[row] !== 0) this.#writeRow(grid, row, columns);
    }
    const at = cursor === undefined ? hidden : (cursor.row << 16) | cursor.column;
    this.store(pictureControl.cursor, at);
    this.store(pictureControl.reverseVideo, reverseVideo ? 1 : 0);
    this.#written = (this.#written + 1) | 0;
    this.store(pictureControl.written, this.#written);
    return Atomics.exchange(this.words, this.place.control + pictureControl.isAsleep, 0) !== 0;
  }

  #writeRow(grid: Grid, row: number, columns: number): void {
    const { points, styles, changed, most } = this.place;
    const from = row * grid.columns;
    const to = row * most.columns;
    this.words.set(grid.points.subarray(from, from + columns), points + to);
    this.words.set(grid.styles.subarray(from, from + columns), styles + to);
    Atomics.store(this.words, changed + row, 1);
  }
}

/** The side that shows it. */
export class PictureReader extends SharedPicture {
  #grid: Grid | undefined;
  #taken = 0;

  /** What is to be seen; undefined when nothing has changed. Rows that changed are marked in its grid. */
  take(): View | undefined {
    const written = this.load(pictureControl.written);
    if (written === this.#taken) return undefined;
    this.#taken = written;
    return this.#view();
  }

  /** The same with all rows marked; undefined when nothing was written yet. */
  takeAll(): View | undefined {
    this.#taken = this.load(pictureControl.written);
    if (this.#taken === 0) return undefined;
    this.#grid?.changed.fill(1);
    return this.#view();
  }

  /** What was taken has been drawn. */
  drawn(): void {
    this.#grid?.changed.fill(0);
    this.store(pictureControl.shown, this.#taken);
  }

  /** Asks to be woken when there is something new, or does not any more. @returns true when there is */
  sleep(on: boolean): boolean {
    this.store(pictureControl.isAsleep, on ? 1 : 0);
    return on && this.load(pictureControl.written) !== this.#taken;
  }

  #view(): View {
    const { most } = this.place;
    const columns = within(this.load(pictureControl.columns), most.columns);
    const rows = within(this.load(pictureControl.rows), most.rows);
    const isOther = this.#grid?.columns !== columns || this.#grid.rows !== rows;
    if (isOther) this.#grid = new Grid(columns, rows);
    const grid = this.#grid as Grid;
    for (let row = 0; row < rows; row++) {
      const isMarked = Atomics.exchange(this.words, this.place.changed + row, 0) !== 0;
      if (isOther || isMarked) this.#readRow(grid, row);
    }
    const at = this.load(pictureControl.cursor);
    const cursor = { row: at >> 16, column: at & 0xffff };
    const isInside = at >= 0 && cursor.row < rows && cursor.column < columns;
    return {
      grid,
      cursor: isInside ? cursor : undefined,
      reverseVideo: this.load(pictureControl.reverseVideo) !== 0,
    };
  }

  #readRow(grid: Grid, row: number): void {
    const { points, styles, most } = this.place;
    const from = row * most.columns;
    const to = row * grid.columns;
    grid.points.set(this.words.subarray(points + from, points + from + grid.columns), to);
    grid.styles.set(this.words.subarray(styles + from, styles + from + grid.columns), to);
    grid.changed[row] = 1;
  }
}

function within(value: number, most: number): number {
  return Math.min(Math.max(value, 1), most);
}
