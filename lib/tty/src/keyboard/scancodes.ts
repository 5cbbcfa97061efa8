/**
 * Scan codes of PS/2 keyboards, sets 1 and 2 (Microsoft, "Keyboard Scan Code Specification" 1.3a), as keys.
 */
import { firstOtherKey, type KeyEvent, key } from './keys.ts';

/** Set 1 and Linux's numbers are the same up to F12; these come behind E0. */
const extendedSet1: Readonly<Record<number, number>> = {
  28: key.keypadEnter,
  29: key.rightControl,
  53: key.keypadSlash,
  55: key.printScreen,
  56: key.rightAlt,
  70: key.pause, // with Ctrl: Break
  71: key.home,
  72: key.up,
  73: key.pageUp,
  75: key.left,
  77: key.right,
  79: key.end,
  80: key.down,
  81: key.pageDown,
  82: key.insert,
  83: key.delete,
  91: key.leftMeta,
  92: key.rightMeta,
  93: key.menu,
};
/** Set 1 has no more keys than these without E0. */
const lastSet1 = 0x58;

/** Set 2 as set 1, as the keyboard controller translates it; index is the code in set 2. */
const set2ToSet1: readonly number[] = [
  0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
  0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
  0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
  0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
  0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
  0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
  0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
  0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
  0x80, 0x81, 0x82, 0x41, 0x54,
];

const extendedPrefix = 0xe0;
const pausePrefix = 0xe1;
const releasePrefix = 0xf0;
/** The keyboard's own buffer ran over, or it saw an impossible combination. */
const overruns: readonly number[] = [0x00, 0xff];
/** Shift codes that keyboards wrap around extended keys, for software older than those keys. */
const fakeShifts: readonly number[] = [0x2a, 0x36];

/** What a byte means, if it ends a scan code. */
export type ScanResult = KeyEvent | 'overrun' | 'unknown' | undefined;

/** Turns bytes into keys. */
export class ScancodeDecoder {
  readonly #set: 1 | 2;
  #isExtended = false;
  #isRelease = false;
  /** Bytes of the sequence for Pause that are still to come; it has no release. */
  #pauseLeft = 0;

  constructor(set: 1 | 2) {
    this.#set = set;
  }

  /** Takes a byte. */
  take(byte: number): ScanResult {
    if (this.#pauseLeft > 0) {
      this.#pauseLeft -= 1;
      return this.#pauseLeft === 0 ? { code: key.pause, isDown: true } : undefined;
    }
    if (byte === extendedPrefix) {
      this.#isExtended = true;
      return undefined;
    }
    if (byte === pausePrefix) {
      // E1 1D 45 E1 9D C5, and in set 2 E1 14 77 E1 F0 14 F0 77.
      this.#pauseLeft = this.#set === 1 ? 5 : 7;
      return undefined;
    }
    if (this.#set === 2 && byte === releasePrefix) {
      this.#isRelease = true;
      return undefined;
    }
    const isExtended = this.#isExtended;
    const isRelease = this.#set === 1 ? byte >= 0x80 : this.#isRelease;
    this.reset();
    if (!isExtended && overruns.includes(byte)) return 'overrun';
    const inSet1 = this.#set === 1 ? byte & 0x7f : (set2ToSet1[byte] ?? 0xff);
    if (isExtended && fakeShifts.includes(inSet1)) return undefined;
    const code = isExtended ? extendedSet1[inSet1] : inSet1 <= lastSet1 ? inSet1 : undefined;
    if (code === undefined || code === 0 || code >= firstOtherKey) return 'unknown';
    return { code, isDown: !isRelease };
  }

  /** Forgets what has begun. */
  reset(): void {
    this.#isExtended = false;
    this.#isRelease = false;
    this.#pauseLeft = 0;
  }
}
