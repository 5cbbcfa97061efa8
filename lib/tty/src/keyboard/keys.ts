/**
 * Keys by number, as Linux's input events have them (virtio 1.2 section 5.8 refers to these): the same on every
 * keyboard, whatever is printed on it. Names are those of the keys on a US keyboard.
 */
export const key = {
  escape: 1,
  backspace: 14,
  tab: 15,
  enter: 28,
  leftControl: 29,
  leftShift: 42,
  rightShift: 54,
  keypadAsterisk: 55,
  leftAlt: 56,
  space: 57,
  capsLock: 58,
  f1: 59,
  f10: 68,
  numLock: 69,
  scrollLock: 70,
  keypad7: 71,
  keypadMinus: 74,
  keypadPlus: 78,
  keypad0: 82,
  keypadPeriod: 83,
  f11: 87,
  f12: 88,
  keypadEnter: 96,
  rightControl: 97,
  keypadSlash: 98,
  printScreen: 99,
  rightAlt: 100,
  home: 102,
  up: 103,
  pageUp: 104,
  left: 105,
  right: 106,
  end: 107,
  down: 108,
  pageDown: 109,
  insert: 110,
  delete: 111,
  pause: 119,
  leftMeta: 125,
  rightMeta: 126,
  menu: 127,
} as const;

/** Numbers from here on are buttons of mice and the like, or keys that no text comes from. */
export const firstOtherKey = 128;

/** A key went down or up. */
export interface KeyEvent {
  /** One of `key`, or another below firstOtherKey. */
  readonly code: number;
  readonly isDown: boolean;
}

/** What is lit on a keyboard. */
export interface KeyboardLights {
  readonly capsLock: boolean;
  readonly numLock: boolean;
}

/** A keyboard, as drivers make it. */
export interface Keyboard {
  /** For the log: where it is. */
  readonly name: string;
  readonly counters: Readonly<Record<string, number>>;
  /** Its driver is being started again: a key that counts as held may have been released. Left out: it never is. */
  readonly isAway?: boolean;
  /**
   * Names who gets the keys; once. Repeats of a key that is held are left out: who listens repeats it.
   * @param lost runs when events were lost, so that no key counts as held any more
   */
  listen(take: (event: KeyEvent) => void, lost: () => void): void;
  /** Lights its lamps, where it has some. */
  setLights(lights: KeyboardLights): void;
  stop(): void;
}
