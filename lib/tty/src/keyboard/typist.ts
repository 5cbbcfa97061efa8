/**
 * From keys to what a terminal sends: layout, modifiers, dead keys, and the sequences of xterm (ctlseqs, "PC-Style
 * Function Keys"). Pure: time is somebody else's.
 */
import { type KeyboardLights, type KeyEvent, key } from './keys.ts';
import type { KeySymbol, Layout } from './layouts.ts';

/** What of a terminal's modes changes keys. */
export interface KeyModes {
  readonly applicationCursorKeys: boolean;
}

/** Sequences by key: `CSI 1 ; modifiers letter`, or `CSI number ; modifiers ~`. */
const cursorLetters: Readonly<Record<number, string>> = {
  [key.up]: 'A',
  [key.down]: 'B',
  [key.right]: 'C',
  [key.left]: 'D',
  [key.home]: 'H',
  [key.end]: 'F',
};
const functionLetters: Readonly<Record<number, string>> = { 59: 'P', 60: 'Q', 61: 'R', 62: 'S' };
const editingNumbers: Readonly<Record<number, number>> = {
  [key.insert]: 2,
  [key.delete]: 3,
  [key.pageUp]: 5,
  [key.pageDown]: 6,
  63: 15,
  64: 17,
  65: 18,
  66: 19,
  67: 20,
  [key.f10]: 21,
  [key.f11]: 23,
  [key.f12]: 24,
};
/** The keypad from 7 to the period, with num lock and without. */
const keypadText = '789-456+1230.';
const keypadKeys: readonly number[] = [
  ...[key.home, key.up, key.pageUp, 0],
  ...[key.left, 0, key.right, 0],
  ...[key.end, key.down, key.pageDown, key.insert, key.delete],
];
const keypadOther: Readonly<Record<number, string>> = {
  [key.keypadAsterisk]: '*',
  [key.keypadSlash]: '/',
  [key.keypadMinus]: '-',
  [key.keypadPlus]: '+',
  [key.keypadEnter]: '\r',
};
/** With Ctrl, keys without a control character of their own, by the character on them. */
const controlText: Readonly<Record<string, string>> = {
  ' ': '\0',
  '2': '\0',
  '3': '\x1b',
  '4': '\x1c',
  '5': '\x1d',
  '6': '\x1e',
  '7': '\x1f',
  '8': '\x7f',
  '/': '\x1f',
  '-': '\x1f',
  '?': '\x7f',
};

const modifierKeys: readonly number[] = [
  key.leftShift,
  key.rightShift,
  key.leftControl,
  key.rightControl,
  key.leftAlt,
  key.rightAlt,
  key.leftMeta,
  key.rightMeta,
];

/** What a key does. */
export interface Typed {
  /** What the terminal sends; empty for none. */
  readonly text: string;
  /** Ctrl and Break. */
  readonly isBreak: boolean;
  /** Whether holding it down types it again. */
  readonly repeats: boolean;
}

const nothing: Typed = { text: '', isBreak: false, repeats: false };

/** One person at the keyboards of a screen. */
export class Typist {
  readonly #layout: Layout;
  readonly #held = new Set<number>();
  #capsLock = false;
  #numLock = true;
  #dead: KeySymbol | undefined;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  get lights(): KeyboardLights {
    return { capsLock: this.#capsLock, numLock: this.#numLock };
  }

  /** Takes a key; of repeats (down, and down again) the first one counts, until type() is asked again. */
  take({ code, isDown }: KeyEvent, modes: KeyModes): Typed {
    if (!isDown) {
      this.#held.delete(code);
      return nothing;
    }
    if (this.#held.has(code)) return nothing;
    // Pause has no release.
    if (code !== key.pause) this.#held.add(code);
    if (code === key.capsLock) this.#capsLock = !this.#capsLock;
    if (code === key.numLock) this.#numLock = !this.#numLock;
    return this.type(code, modes);
  }

  /** Whether a key is held. */
  isHeld(code: number): boolean {
    return this.#held.has(code);
  }

  /** No key counts as held any more. */
  releaseAll(): void {
    this.#held.clear();
  }

  /** What a key that is held types, once more. */
  type(code: number, modes: KeyModes): Typed {
    if (modifierKeys.includes(code) || code === key.capsLock || code === key.numLock)
      return nothing;
    if (code === key.pause) return { ...nothing, isBreak: this.#isControl };
    const text = this.#special(code, modes) ?? this.#symbol(code);
    return text === undefined ? nothing : { text, isBreak: false, repeats: true };
  }

  get #isShift(): boolean {
    return this.#held.has(key.leftShift) || this.#held.has(key.rightShift);
  }

  get #isControl(): boolean {
    return this.#held.has(key.leftControl) || this.#held.has(key.rightControl);
  }

  get #isAlt(): boolean {
    return this.#held.has(key.leftAlt);
  }

  get #isAltGr(): boolean {
    return this.#held.has(key.rightAlt);
  }

  /** xterm's number for the modifiers: 1 and the sum of 1 shift, 2 alt, 4 control. */
  get #modifiers(): number {
    const alt = this.#isAlt || this.#isAltGr;
    return 1 + (this.#isShift ? 1 : 0) + (alt ? 2 : 0) + (this.#isControl ? 4 : 0);
  }

  /** Keys whose text does not depend on the layout; undefined when it does. */
  #special(code: number, modes: KeyModes): string | undefined {
    const sequence = this.#sequence(code, modes);
    if (sequence !== undefined) return sequence;
    const at = code - key.keypad7;
    if (at >= 0 && at < keypadText.length) {
      const other = keypadKeys[at] as number;
      if (this.#numLock || other === 0) return this.#withAlt(keypadText[at] as string);
      return this.#sequence(other, modes);
    }
    const keypad = keypadOther[code];
    if (keypad !== undefined) return this.#withAlt(keypad);
    switch (code) {
      case key.escape:
        return this.#withAlt('\x1b');
      case key.enter:
        return this.#withAlt('\r');
      case key.backspace:
        return this.#withAlt(this.#isControl ? '\b' : '\x7f');
      case key.tab:
        return this.#isShift ? '\x1b[Z' : this.#withAlt('\t');
    }
    return undefined;
  }

  #sequence(code: number, modes: KeyModes): string | undefined {
    const modifiers = this.#modifiers;
    const cursor = cursorLetters[code];
    if (cursor !== undefined) {
      if (modifiers > 1) return `\x1b[1;${modifiers}${cursor}`;
      return `${modes.applicationCursorKeys ? '\x1bO' : '\x1b['}${cursor}`;
    }
    const letter = functionLetters[code];
    if (letter !== undefined) {
      return modifiers > 1 ? `\x1b[1;${modifiers}${letter}` : `\x1bO${letter}`;
    }
    const number = editingNumbers[code];
    if (number === undefined) return undefined;
    return modifiers > 1 ? `\x1b[${number};${modifiers}~` : `\x1b[${number}~`;
  }

  /** What the layout has on a key; undefined when it has nothing. */
  #symbol(code: number): string | undefined {
    const symbol = this.#lookUp(code);
    if (symbol === undefined) return undefined;
    if (this.#isControl && !this.#isAltGr) {
      this.#dead = undefined;
      return this.#withAlt(controlCharacter(symbol.text));
    }
    const dead = this.#dead;
    this.#dead = undefined;
    if (dead === undefined) {
      if (symbol.mark === undefined) return this.#withAlt(symbol.text);
      this.#dead = symbol;
      return '';
    }
    if (symbol.text === ' ' || symbol.text === dead.text) return dead.text;
    const joined = (symbol.text + dead.mark).normalize('NFC');
    return joined.length === symbol.text.length ? joined : dead.text + symbol.text;
  }

  #lookUp(code: number): KeySymbol | undefined {
    if (code === key.space) return { text: ' ' };
    const levels = this.#layout.get(code);
    const plain = levels?.[0];
    if (levels === undefined || plain === undefined) return undefined;
    const upper = levels[1];
    // Caps lock is for letters, in whichever alphabet they are.
    const isLetter = plain.text.toUpperCase() === upper?.text && plain.text !== upper.text;
    const isShift = this.#isShift !== (this.#capsLock && isLetter);
    const hasAlternates = levels[2] !== undefined || levels[3] !== undefined;
    if (this.#isAltGr && hasAlternates) return levels[isShift ? 3 : 2];
    return isShift ? upper : plain;
  }

  #withAlt(text: string): string {
    return this.#isAlt ? `\x1b${text}` : text;
  }
}

function controlCharacter(text: string): string {
  const known = controlText[text];
  if (known !== undefined) return known;
  const code = text.toUpperCase().charCodeAt(0);
  return code >= 0x40 && code <= 0x5f ? String.fromCharCode(code & 0x1f) : text;
}
