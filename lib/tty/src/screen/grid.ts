/** The cells of a screen, and what can be done to them without knowing of a cursor. */
import { plainStyle, styleFlag } from './style.ts';

const space = 0x20;

/** Rows of cells. Every operation clips what it is asked for to the grid. */
export class Grid {
  columns: number;
  rows: number;
  /** Code points, row by row; the right half of a wide character is a space with styleFlag.wideTail. */
  points: Uint32Array;
  styles: Uint32Array;
  /** Set to 1 for each row that changed; who draws sets it back. */
  changed: Uint8Array;

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
    this.points = new Uint32Array(columns * rows).fill(space);
    this.styles = new Uint32Array(columns * rows).fill(plainStyle);
    this.changed = new Uint8Array(rows).fill(1);
  }

  /** Puts a character of one or two cells at a place inside; what it cuts in half is erased. */
  put(column: number, row: number, point: number, style: number, width: 1 | 2): void {
    const at = row * this.columns + column;
    this.#split(column, row, style);
    if (width === 2) this.#split(column + 1, row, style);
    this.#splitAfter(column + width - 1, row, style);
    this.points[at] = point;
    this.styles[at] = width === 2 ? style | styleFlag.wide : style;
    if (width === 2) {
      this.points[at + 1] = space;
      this.styles[at + 1] = style | styleFlag.wideTail;
    }
    this.changed[row] = 1;
  }

  /** Joins a mark to the character before a place, where Unicode has one character for both. */
  combine(column: number, row: number, mark: number): void {
    if (column < 0 || column >= this.columns) return;
    const at = row * this.columns + column;
    const joined = String.fromCodePoint(this.points[at] as number, mark).normalize('NFC');
    const point = joined.codePointAt(0) as number;
    if (joined.length !== String.fromCodePoint(point).length) return;
    this.points[at] = point;
    this.changed[row] = 1;
  }

  /** Erases cells of a row, from `start` on and before `end`. */
  erase(row: number, start: number, end: number, style: number): void {
    const from = Math.max(start, 0);
    const to = Math.min(end, this.columns);
    if (from >= to || row < 0 || row >= this.rows) return;
    this.#split(from, row, style);
    this.#splitAfter(to - 1, row, style);
    const at = row * this.columns;
    this.points.fill(space, at + from, at + to);
    this.styles.fill(style, at + from, at + to);
    this.changed[row] = 1;
  }

  /** Erases rows, from `start` on and before `end`. */
  eraseRows(start: number, end: number, style: number): void {
    for (let row = Math.max(start, 0); row < Math.min(end, this.rows); row++) {
      this.erase(row, 0, this.columns, style);
    }
  }

  /** Moves the rows from `top` to `bottom`, both inclusive, up by `count`, or down when it is negative. */
  scroll(top: number, bottom: number, count: number, style: number): void {
    const height = bottom - top + 1;
    const distance = Math.min(Math.abs(count), height);
    if (height <= 0 || distance === 0) return;
    const from = count > 0 ? top + distance : top;
    const to = count > 0 ? top : top + distance;
    const kept = height - distance;
    const cells = (row: number): number => row * this.columns;
    this.points.copyWithin(cells(to), cells(from), cells(from + kept));
    this.styles.copyWithin(cells(to), cells(from), cells(from + kept));
    const cleared = count > 0 ? top + kept : top;
    this.points.fill(space, cells(cleared), cells(cleared + distance));
    this.styles.fill(style, cells(cleared), cells(cleared + distance));
    this.changed.fill(1, top, bottom + 1);
  }

  /** Moves the cells of a row from `column` on to the right; those that leave the row are lost. */
  insert(column: number, row: number, count: number, style: number): void {
    const distance = Math.min(count, this.columns - column);
    if (distance <= 0) return;
    this.#split(column, row, style);
    const at = row * this.columns + column;
    const end = (row + 1) * this.columns;
    this.points.copyWithin(at + distance, at, end - distance);
    this.styles.copyWithin(at + distance, at, end - distance);
    this.#eraseHalves(row, style);
    this.#fill(at, distance, style);
    this.changed[row] = 1;
  }

  /** Takes cells out of a row; those behind move to the left. */
  delete(column: number, row: number, count: number, style: number): void {
    const distance = Math.min(count, this.columns - column);
    if (distance <= 0) return;
    this.#split(column, row, style);
    this.#splitAfter(column + distance - 1, row, style);
    const at = row * this.columns + column;
    const end = (row + 1) * this.columns;
    this.points.copyWithin(at, at + distance, end);
    this.styles.copyWithin(at, at + distance, end);
    this.#fill(end - distance, distance, style);
    this.changed[row] = 1;
  }

  /** Gives the grid another size; what is cut off is lost, what is new is empty. */
  resize(columns: number, rows: number): void {
    const { points, styles } = this;
    const [oldColumns, oldRows] = [this.columns, this.rows];
    this.columns = columns;
    this.rows = rows;
    this.points = new Uint32Array(columns * rows).fill(space);
    this.styles = new Uint32Array(columns * rows).fill(plainStyle);
    this.changed = new Uint8Array(rows).fill(1);
    const width = Math.min(columns, oldColumns);
    for (let row = 0; row < Math.min(rows, oldRows); row++) {
      const from = row * oldColumns;
      this.points.set(points.subarray(from, from + width), row * columns);
      this.styles.set(styles.subarray(from, from + width), row * columns);
      this.#eraseHalves(row, plainStyle);
    }
  }

  /** The text of a row, spaces at its end left out. */
  text(row: number): string {
    let text = '';
    for (let column = 0; column < this.columns; column++) {
      const at = row * this.columns + column;
      if (((this.styles[at] as number) & styleFlag.wideTail) !== 0) continue;
      text += String.fromCodePoint(this.points[at] as number);
    }
    return text.trimEnd();
  }

  #fill(at: number, count: number, style: number): void {
    this.points.fill(space, at, at + count);
    this.styles.fill(style, at, at + count);
  }

  /** A change begins at a column: a wide character whose right half is there goes. */
  #split(column: number, row: number, style: number): void {
    if (column >= this.columns) return;
    const at = row * this.columns + column;
    if (((this.styles[at] as number) & styleFlag.wideTail) !== 0) this.#fill(at - 1, 2, style);
  }

  /** A change ends at a column: a wide character whose left half is there goes. */
  #splitAfter(column: number, row: number, style: number): void {
    const at = row * this.columns + column;
    const isWide = ((this.styles[at] as number) & styleFlag.wide) !== 0;
    if (isWide && column + 1 < this.columns) this.#fill(at + 1, 1, style);
  }

  /** Erases a wide character at the end of a row whose right half was cut off. */
  #eraseHalves(row: number, style: number): void {
    const last = (row + 1) * this.columns - 1;
    if (((this.styles[last] as number) & styleFlag.wide) !== 0) this.#fill(last, 1, style);
  }
}
