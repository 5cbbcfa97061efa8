/**
 * Control sequences (ECMA-48 8.3; xterm ctlseqs), by marks and final character after CSI. A parameter
 * that is 0 or not there counts as the default, which is 1 unless it says otherwise.
 */
import { privateModes, publicModes, setMode } from './modes.ts';
import type { Parameters } from './parser.ts';
import { applyGraphics } from './style.ts';
import type { Terminal } from './terminal.ts';

type Run = (terminal: Terminal, parameters: Parameters) => void;

function count({ values }: Parameters, at = 0): number {
  return values[at] || 1;
}

function moveBy(terminal: Terminal, columns: number, rows: number): void {
  const { cursor } = terminal;
  terminal.moveTo(Math.min(cursor.column, terminal.columns - 1) + columns, cursor.row + rows);
}

/** Up, but not out of the region when the cursor is in it or below. */
function moveUp(terminal: Terminal, rows: number): void {
  const room = terminal.cursor.row - terminal.top;
  moveBy(terminal, 0, -(room >= 0 ? Math.min(room, rows) : rows));
}

function moveDown(terminal: Terminal, rows: number): void {
  const room = terminal.bottom - terminal.cursor.row;
  moveBy(terminal, 0, room >= 0 ? Math.min(room, rows) : rows);
}

function eraseInLine(terminal: Terminal, { values }: Parameters): void {
  const { grid, cursor, columns, erased } = terminal;
  switch (values[0] ?? 0) {
    case 0:
      grid.erase(cursor.row, cursor.column, columns, erased);
      return;
    case 1:
      grid.erase(cursor.row, 0, cursor.column + 1, erased);
      return;
    case 2:
      grid.erase(cursor.row, 0, columns, erased);
  }
}

function eraseInDisplay(terminal: Terminal, { values }: Parameters): void {
  const { grid, cursor, columns, rows, erased } = terminal;
  switch (values[0] ?? 0) {
    case 0:
      grid.erase(cursor.row, cursor.column, columns, erased);
      grid.eraseRows(cursor.row + 1, rows, erased);
      return;
    case 1:
      grid.eraseRows(0, cursor.row, erased);
      grid.erase(cursor.row, 0, cursor.column + 1, erased);
      return;
    case 2:
      grid.eraseRows(0, rows, erased);
  }
}

/** Inserts rows at the cursor, or deletes them when `rows` is negative; only within the region. */
function shiftRows(terminal: Terminal, rows: number): void {
  const { grid, cursor, top, bottom, erased } = terminal;
  moveBy(terminal, 0, 0);
  if (cursor.row < top || cursor.row > bottom) return;
  grid.scroll(cursor.row, bottom, -rows, erased);
  cursor.column = 0;
}

function setRegion(terminal: Terminal, { values }: Parameters): void {
  const first = Math.max(values[0] ?? 0, 1);
  const wanted = values[1] ?? 0;
  const last = wanted === 0 || wanted > terminal.rows ? terminal.rows : wanted;
  if (last <= first) return;
  terminal.top = first - 1;
  terminal.bottom = last - 1;
  terminal.moveWithin(0, 0);
}

function clearTabs(terminal: Terminal, { values }: Parameters): void {
  if ((values[0] ?? 0) === 0) terminal.tabStops.delete(terminal.cursor.column);
  else if (values[0] === 3) terminal.tabStops.clear();
}

function reportStatus(terminal: Terminal, values: readonly number[], mark: string): void {
  const { cursor, modes } = terminal;
  if (values[0] === 5 && mark === '') terminal.reply('\x1b[0n');
  if (values[0] !== 6) return;
  const row = cursor.row + 1 - (modes.origin ? terminal.top : 0);
  const column = Math.min(cursor.column, terminal.columns - 1) + 1;
  terminal.reply(`\x1b[${mark}${row};${column}R`);
}

function reportWindow(terminal: Terminal, { values }: Parameters): void {
  if (values[0] === 18) terminal.reply(`\x1b[8;${terminal.rows};${terminal.columns}t`);
}

/** DECRQM: 1 set, 2 reset, 0 unknown. */
function reportMode(terminal: Terminal, { values }: Parameters): void {
  const mode = values[0] ?? 0;
  const known = privateModes.get(mode)?.get(terminal);
  const state = known === undefined ? 0 : known ? 1 : 2;
  terminal.reply(`\x1b[?${mode};${state}$y`);
}

export const controlSequences: ReadonlyMap<string, Run> = new Map<string, Run>([
  ['A', (terminal, parameters) => moveUp(terminal, count(parameters))],
  ['B', (terminal, parameters) => moveDown(terminal, count(parameters))],
  ['C', (terminal, parameters) => moveBy(terminal, count(parameters), 0)],
  ['D', (terminal, parameters) => moveBy(terminal, -count(parameters), 0)],
  [
    'E',
    (terminal, parameters) => {
      moveDown(terminal, count(parameters));
      terminal.cursor.column = 0;
    },
  ],
  [
    'F',
    (terminal, parameters) => {
      moveUp(terminal, count(parameters));
      terminal.cursor.column = 0;
    },
  ],
  ['G', (terminal, parameters) => terminal.moveTo(count(parameters) - 1, terminal.cursor.row)],
  ['`', (terminal, parameters) => terminal.moveTo(count(parameters) - 1, terminal.cursor.row)],
  [
    'H',
    (terminal, parameters) => terminal.moveWithin(count(parameters, 1) - 1, count(parameters) - 1),
  ],
  [
    'f',
    (terminal, parameters) => terminal.moveWithin(count(parameters, 1) - 1, count(parameters) - 1),
  ],
  ['I', (terminal, parameters) => terminal.tab(count(parameters))],
  ['Z', (terminal, parameters) => terminal.backTab(count(parameters))],
  ['J', eraseInDisplay],
  ['?J', eraseInDisplay],
  ['K', eraseInLine],
  ['?K', eraseInLine],
  ['L', (terminal, parameters) => shiftRows(terminal, count(parameters))],
  ['M', (terminal, parameters) => shiftRows(terminal, -count(parameters))],
  [
    '@',
    (terminal, parameters) => {
      moveBy(terminal, 0, 0);
      const { grid, cursor, erased } = terminal;
      grid.insert(cursor.column, cursor.row, count(parameters), erased);
    },
  ],
  [
    'P',
    (terminal, parameters) => {
      moveBy(terminal, 0, 0);
      const { grid, cursor, erased } = terminal;
      grid.delete(cursor.column, cursor.row, count(parameters), erased);
    },
  ],
  [
    'X',
    (terminal, parameters) => {
      moveBy(terminal, 0, 0);
      const { grid, cursor, erased } = terminal;
      grid.erase(cursor.row, cursor.column, cursor.column + count(parameters), erased);
    },
  ],
  [
    'S',
    (terminal, parameters) =>
      terminal.grid.scroll(terminal.top, terminal.bottom, count(parameters), terminal.erased),
  ],
  [
    'T',
    (terminal, parameters) =>
      terminal.grid.scroll(terminal.top, terminal.bottom, -count(parameters), terminal.erased),
  ],
  ['a', (terminal, parameters) => moveBy(terminal, count(parameters), 0)],
  ['e', (terminal, parameters) => moveBy(terminal, 0, count(parameters))],
  [
    'd',
    (terminal, parameters) => terminal.moveWithin(terminal.cursor.column, count(parameters) - 1),
  ],
  [
    'b',
    (terminal, parameters) => {
      if (terminal.lastPoint !== 0) terminal.repeat(count(parameters));
    },
  ],
  ['c', (terminal) => terminal.reply('\x1b[?1;2c')], // a VT100 with advanced video
  ['>c', (terminal) => terminal.reply('\x1b[>0;100;0c')],
  ['g', clearTabs],
  ['h', (terminal, { values }) => setMode(terminal, publicModes, values, true)],
  ['l', (terminal, { values }) => setMode(terminal, publicModes, values, false)],
  ['?h', (terminal, { values }) => setMode(terminal, privateModes, values, true)],
  ['?l', (terminal, { values }) => setMode(terminal, privateModes, values, false)],
  [
    'm',
    ({ cursor }, parameters) => {
      cursor.style = applyGraphics(cursor.style, parameters);
    },
  ],
  ['n', (terminal, { values }) => reportStatus(terminal, values, '')],
  ['?n', (terminal, { values }) => reportStatus(terminal, values, '?')],
  ['!p', (terminal) => terminal.softReset()],
  ['?$p', reportMode],
  ['r', setRegion],
  ['s', (terminal) => terminal.saveCursor()],
  ['u', (terminal) => terminal.restoreCursor()],
  ['t', reportWindow],
]);
