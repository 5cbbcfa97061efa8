/** Modes that programs set and reset: SM and RM (ECMA-48), DECSET and DECRST (xterm ctlseqs). */
import type { Terminal, TerminalModes } from './terminal.ts';

/** One mode. */
export interface Mode {
  get(terminal: Terminal): boolean;
  set(terminal: Terminal, isOn: boolean): void;
}

function flag(name: keyof TerminalModes): Mode {
  return {
    get: ({ modes }) => modes[name],
    set: ({ modes }, isOn) => {
      modes[name] = isOn;
    },
  };
}

const originMode: Mode = {
  get: ({ modes }) => modes.origin,
  set: (terminal, isOn) => {
    terminal.modes.origin = isOn;
    terminal.moveWithin(0, 0);
  },
};

const reverseVideo: Mode = {
  get: ({ modes }) => modes.reverseVideo,
  set: ({ modes, grid }, isOn) => {
    modes.reverseVideo = isOn;
    grid.changed.fill(1);
  },
};

/** @param savesCursor whether the cursor returns to its place after the visit */
function alternateScreen(savesCursor: boolean): Mode {
  return {
    get: ({ isAlternate }) => isAlternate,
    set: (terminal, isOn) => {
      if (isOn && savesCursor) terminal.saveCursor();
      if (isOn !== terminal.isAlternate) {
        terminal.useScreen(isOn);
        if (isOn) terminal.clear();
      }
      if (!isOn && savesCursor) terminal.restoreCursor();
    },
  };
}

const savedCursor: Mode = {
  get: () => false,
  set: (terminal, isOn) => {
    if (isOn) terminal.saveCursor();
    else terminal.restoreCursor();
  },
};

export const publicModes: ReadonlyMap<number, Mode> = new Map([
  [4, flag('insert')],
  [20, flag('newLine')],
]);

export const privateModes: ReadonlyMap<number, Mode> = new Map([
  [1, flag('applicationCursorKeys')],
  [5, reverseVideo],
  [6, originMode],
  [7, flag('autoWrap')],
  [25, flag('cursorVisible')],
  [47, alternateScreen(false)],
  [66, flag('applicationKeypad')],
  [1047, alternateScreen(false)],
  [1048, savedCursor],
  [1049, alternateScreen(true)],
  [2004, flag('bracketedPaste')],
]);

/** Sets or resets modes; those that are unknown are counted. */
export function setMode(
  terminal: Terminal,
  known: ReadonlyMap<number, Mode>,
  numbers: readonly number[],
  isOn: boolean,
): void {
  for (const number of numbers) {
    const mode = known.get(number);
    if (mode === undefined) terminal.counters.unknown += 1;
    else mode.set(terminal, isOn);
  }
}
