/** Escape sequences (ECMA-48 5.3; VT220 programmer reference), by their characters after ESC. */
import type { Terminal } from './terminal.ts';

type Run = (terminal: Terminal) => void;

function chooseCharset(slot: 0 | 1, isLineDrawing: boolean): Run {
  return ({ cursor }) => {
    const [first, second] = cursor.lineDrawing;
    cursor.lineDrawing = slot === 0 ? [isLineDrawing, second] : [first, isLineDrawing];
  };
}

/** DECALN: fills the screen with E. */
function alignmentPattern(terminal: Terminal): void {
  const { grid, cursor } = terminal;
  terminal.top = 0;
  terminal.bottom = terminal.rows - 1;
  terminal.moveTo(0, 0);
  for (let row = 0; row < grid.rows; row++) {
    for (let column = 0; column < grid.columns; column++) {
      grid.put(column, row, 0x45, cursor.style, 1);
    }
  }
}

export const escapeSequences: ReadonlyMap<string, Run> = new Map<string, Run>([
  ['7', (terminal) => terminal.saveCursor()],
  ['8', (terminal) => terminal.restoreCursor()],
  ['c', (terminal) => terminal.reset()],
  ['D', (terminal) => terminal.index()],
  [
    'E',
    (terminal) => {
      terminal.cursor.column = 0;
      terminal.index();
    },
  ],
  ['H', (terminal) => terminal.tabStops.add(terminal.cursor.column)],
  ['M', (terminal) => terminal.reverseIndex()],
  [
    '=',
    ({ modes }) => {
      modes.applicationKeypad = true;
    },
  ],
  [
    '>',
    ({ modes }) => {
      modes.applicationKeypad = false;
    },
  ],
  ['#8', alignmentPattern],
  ['(0', chooseCharset(0, true)],
  ['(B', chooseCharset(0, false)],
  [')0', chooseCharset(1, true)],
  [')B', chooseCharset(1, false)],
  ['\\', () => {}], // the end of a string, ST
  ['%G', () => {}], // UTF-8 it is
]);
