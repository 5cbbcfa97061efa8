/**
 * A terminal as xterm has it, without a picture: bytes go in, cells and replies come out. Controls follow
 * ECMA-48 and DEC's VT220, extensions follow xterm's ctlseqs; what is unknown does nothing. Colours are
 * brought down to the 16 that a text screen has.
 */
import { controlSequences } from './control-sequences.ts';
import { escapeSequences } from './escape-sequences.ts';
import { Grid } from './grid.ts';
import { type Parameters, Parser } from './parser.ts';
import { erasedStyle, plainStyle } from './style.ts';
import { encodeUtf8, Utf8Decoder } from './utf8.ts';
import { cellWidth } from './width.ts';

/** What a terminal tells whoever has it. */
export interface TerminalEvents {
  /** Answers to what the program asked, as if they were typed. */
  reply(bytes: Uint8Array): void;
  /** The program set the window's title. */
  title?(text: string): void;
  bell?(): void;
}

/** Modes that a program sets (xterm ctlseqs, DECSET and SM). */
export interface TerminalModes {
  /** Arrow keys send SS3 sequences instead of CSI ones (DECCKM). */
  applicationCursorKeys: boolean;
  /** DECKPAM. */
  applicationKeypad: boolean;
  autoWrap: boolean;
  bracketedPaste: boolean;
  cursorVisible: boolean;
  insert: boolean;
  /** A line feed returns to the first column as well (LNM). */
  newLine: boolean;
  /** Rows count from the top of the scroll region (DECOM). */
  origin: boolean;
  /** The whole screen is shown with colours swapped (DECSCNM). */
  reverseVideo: boolean;
}

/** Where the next character goes, and how. What DECSC saves. */
export interface CursorState {
  /** From 0; equal to the width after the last column was written, when the next character wraps. */
  column: number;
  row: number;
  style: number;
  /** Which of the two character sets are DEC's line drawing, and which one is in use. */
  lineDrawing: readonly [boolean, boolean];
  charset: 0 | 1;
  origin: boolean;
}

/** Larger grids than these make no sense, and smaller ones do not exist. */
const largestSide = 1024;
const tabWidth = 8;

/** DEC special graphics (VT100 user guide, table 3-9), from ` on. */
const lineDrawingCharacters = '◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·';

function freshModes(): TerminalModes {
  return {
    applicationCursorKeys: false,
    applicationKeypad: false,
    autoWrap: true,
    bracketedPaste: false,
    cursorVisible: true,
    insert: false,
    newLine: false,
    origin: false,
    reverseVideo: false,
  };
}

function freshCursor(): CursorState {
  return {
    column: 0,
    row: 0,
    style: plainStyle,
    lineDrawing: [false, false],
    charset: 0,
    origin: false,
  };
}

/** The terminal. */
export class Terminal {
  /** The cells that are shown: those of the main or of the alternate screen. */
  grid: Grid;
  modes: TerminalModes = freshModes();
  cursor: CursorState = freshCursor();
  /** The scroll region, both ends inclusive. */
  top = 0;
  bottom: number;
  tabStops: Set<number> = new Set();
  /** The last character that was printed, for REP; 0: none. */
  lastPoint = 0;
  /** Control and escape sequences that meant nothing. */
  readonly counters = { unknown: 0 };
  readonly events: TerminalEvents;
  readonly #main: Grid;
  readonly #alternate: Grid;
  readonly #saved = new Map<Grid, CursorState>();
  readonly #decoder = new Utf8Decoder();
  readonly #parser: Parser;
  readonly #take: (point: number) => void;

  /** @param columns, rows at least 1 */
  constructor(columns: number, rows: number, events: TerminalEvents) {
    const [width, height] = [clampSide(columns), clampSide(rows)];
    this.events = events;
    this.#main = new Grid(width, height);
    this.#alternate = new Grid(width, height);
    this.grid = this.#main;
    this.bottom = height - 1;
    this.#setDefaultTabs(0);
    this.#parser = new Parser({
      print: (point) => this.#print(point),
      control: (code) => this.#control(code),
      sequence: (marks, parameters, final) => this.#sequence(marks, parameters, final),
      escape: (marks, final) => this.#escape(marks, final),
      command: (text) => this.#command(text),
    });
    this.#take = (point) => this.#parser.take(point);
  }

  get columns(): number {
    return this.grid.columns;
  }

  get rows(): number {
    return this.grid.rows;
  }

  /** Takes what a program writes, in any pieces. */
  write(bytes: Uint8Array): void {
    this.#decoder.decode(bytes, this.#take);
  }

  /** Changes the size; both screens keep what fits, from the top left. */
  resize(columns: number, rows: number): void {
    const [width, height] = [clampSide(columns), clampSide(rows)];
    const before = this.columns;
    // The row with the cursor stays: what is above it goes.
    const lost = Math.max(0, this.cursor.row - height + 1);
    if (lost > 0) this.grid.scroll(0, this.rows - 1, lost, plainStyle);
    this.#main.resize(width, height);
    this.#alternate.resize(width, height);
    this.top = 0;
    this.bottom = height - 1;
    this.#setDefaultTabs(before);
    this.moveTo(this.cursor.column, this.cursor.row - lost);
  }

  /** Back to how it began (RIS). */
  reset(): void {
    this.useScreen(false);
    for (const grid of [this.#main, this.#alternate]) grid.eraseRows(0, grid.rows, plainStyle);
    this.#saved.clear();
    this.tabStops.clear();
    this.#setDefaultTabs(0);
    this.cursor = freshCursor();
    this.softReset();
    this.modes = freshModes();
  }

  /** DECSTR: modes, region, style and character sets; cells and cursor stay. */
  softReset(): void {
    const { column, row } = this.cursor;
    this.modes = { ...freshModes(), newLine: this.modes.newLine };
    this.top = 0;
    this.bottom = this.rows - 1;
    this.cursor = { ...freshCursor(), column, row };
    this.#saved.delete(this.grid);
    this.lastPoint = 0;
  }

  /** Shows the main or the alternate screen. */
  useScreen(isAlternate: boolean): void {
    const next = isAlternate ? this.#alternate : this.#main;
    if (next === this.grid) return;
    this.grid = next;
    next.changed.fill(1);
  }

  get isAlternate(): boolean {
    return this.grid === this.#alternate;
  }

  /** Erases the whole screen that is shown. */
  clear(): void {
    this.grid.eraseRows(0, this.rows, this.erased);
  }

  saveCursor(): void {
    this.#saved.set(this.grid, { ...this.cursor, origin: this.modes.origin });
  }

  restoreCursor(): void {
    const saved = this.#saved.get(this.grid) ?? freshCursor();
    this.cursor = { ...saved };
    this.modes.origin = saved.origin;
    this.moveTo(saved.column, saved.row);
  }

  /** The style of what is erased now. */
  get erased(): number {
    return erasedStyle(this.cursor.style);
  }

  /** Puts the cursor on a cell of the screen. */
  moveTo(column: number, row: number): void {
    this.cursor.column = Math.min(Math.max(column, 0), this.columns - 1);
    this.cursor.row = Math.min(Math.max(row, 0), this.rows - 1);
  }

  /** Puts the cursor where a program asks for: in origin mode, rows count within the region and stay there. */
  moveWithin(column: number, row: number): void {
    if (!this.modes.origin) {
      this.moveTo(column, row);
      return;
    }
    this.moveTo(column, Math.min(Math.max(row + this.top, this.top), this.bottom));
  }

  /** One row down; at the end of the region, the region moves up (IND). */
  index(): void {
    const { cursor } = this;
    if (cursor.row === this.bottom) this.grid.scroll(this.top, this.bottom, 1, this.erased);
    else if (cursor.row < this.rows - 1) cursor.row += 1;
    // A wrap that was pending is off once the cursor has moved.
    cursor.column = Math.min(cursor.column, this.columns - 1);
  }

  /** One row up; at the beginning of the region, the region moves down (RI). */
  reverseIndex(): void {
    const { cursor } = this;
    this.moveTo(cursor.column, cursor.row);
    if (cursor.row === this.top) this.grid.scroll(this.top, this.bottom, -1, this.erased);
    else if (cursor.row > 0) cursor.row -= 1;
  }

  /** On to the next tab stop, `count` times; the last column is the end. */
  tab(count: number): void {
    if (this.cursor.column >= this.columns) return;
    let { column } = this.cursor;
    for (let left = count; left > 0 && column < this.columns - 1; left--) {
      do column += 1;
      while (column < this.columns - 1 && !this.tabStops.has(column));
    }
    this.cursor.column = column;
  }

  /** Back to the tab stop before, `count` times. */
  backTab(count: number): void {
    let { column } = this.cursor;
    if (column >= this.columns) return;
    for (let left = count; left > 0 && column > 0; left--) {
      do column -= 1;
      while (column > 0 && !this.tabStops.has(column));
    }
    this.cursor.column = column;
  }

  /** Prints a character again (REP). */
  repeat(count: number): void {
    const most = this.columns * this.rows;
    for (let left = Math.min(count, most); left > 0; left--) this.#printPoint(this.lastPoint);
  }

  /** Answers a program. */
  reply(text: string): void {
    this.events.reply(encodeUtf8(text));
  }

  #setDefaultTabs(from: number): void {
    for (let column = 0; column < this.columns; column += tabWidth) {
      if (column >= from) this.tabStops.add(column);
    }
  }

  #print(point: number): void {
    const { cursor } = this;
    const isDrawing = cursor.lineDrawing[cursor.charset] && point >= 0x60 && point <= 0x7e;
    this.#printPoint(isDrawing ? lineDrawingCharacters.charCodeAt(point - 0x60) : point);
  }

  #printPoint(point: number): void {
    const { cursor, grid, columns } = this;
    const width = cellWidth(point);
    if (width === 0) {
      this.#combine(point);
      return;
    }
    if (width > columns) return;
    if (cursor.column + width > columns) {
      if (this.modes.autoWrap) {
        // What a wide character leaves free at the end of the row is empty.
        grid.erase(cursor.row, cursor.column, columns, this.erased);
        cursor.column = 0;
        this.index();
      } else if (width === 2) return;
      else cursor.column = columns - 1;
    }
    if (this.modes.insert) grid.insert(cursor.column, cursor.row, width, this.erased);
    grid.put(cursor.column, cursor.row, point, cursor.style, width);
    cursor.column += width;
    this.lastPoint = point;
  }

  #combine(mark: number): void {
    const { column, row } = this.cursor;
    this.grid.combine(Math.min(column, this.columns) - 1, row, mark);
  }

  #control(code: number): void {
    const { cursor } = this;
    this.lastPoint = 0;
    switch (code) {
      case 0x07:
        this.events.bell?.();
        return;
      case 0x08: // back space
        this.moveTo(Math.min(cursor.column, this.columns - 1) - 1, cursor.row);
        return;
      case 0x09:
        this.tab(1);
        return;
      case 0x0a: // line feed, vertical tab, form feed
      case 0x0b:
      case 0x0c:
        this.#lineFeed();
        return;
      case 0x0d:
        cursor.column = 0;
        return;
      case 0x0e:
        cursor.charset = 1;
        return;
      case 0x0f:
        cursor.charset = 0;
        return;
      case 0x84: // IND
        this.index();
        return;
      case 0x85: // NEL
        cursor.column = 0;
        this.index();
        return;
      case 0x88: // HTS
        this.tabStops.add(cursor.column);
    }
  }

  #lineFeed(): void {
    if (this.modes.newLine) this.cursor.column = 0;
    this.index();
  }

  #sequence(marks: string, parameters: Parameters, final: string): void {
    const run = controlSequences.get(marks + final);
    if (run === undefined) this.counters.unknown += 1;
    else run(this, parameters);
    if (final !== 'b') this.lastPoint = 0;
  }

  #escape(marks: string, final: string): void {
    const run = escapeSequences.get(marks + final);
    if (run === undefined) this.counters.unknown += 1;
    else run(this);
    this.lastPoint = 0;
  }

  #command(text: string): void {
    const match = /^[02];(.*)$/s.exec(text);
    if (match === null) this.counters.unknown += 1;
    else this.events.title?.(match[1] as string);
  }
}

function clampSide(value: number): number {
  return Math.min(Math.max(Math.trunc(value) || 1, 1), largestSide);
}
