/**
 * How the memory is divided that the isolate of a keyboard's driver shares with the system isolate and with its device: a
 * page of the isolate's host, a page with notes, a ring of keys, then what is the device's.
 */
import { firstOtherKey, type KeyEvent } from '@runtimejs/tty/keyboard/keys.ts';
import { controlBytes, type RingPlace } from './ring.ts';

const page = 4096;

/** The ring of keys: see keyWord(). */
export const keyRing: RingPlace = { control: page, offset: 2 * page, size: page };
/** Words: what the driver says of its keyboard, 0 until it has started; how many bytes its host had noted then. */
export const keyboardRecord: number = page + controlBytes;
/** Where the device's memory begins. */
export const keyboardReserved: number = 3 * page;

/** Bytes of a key in the ring: the key, and how many bytes the host had noted when it came. */
export const keyBytes = 8;
const downFlag = 0x100;
/** Stands for keys that were lost: none counts as held any more. */
export const lostWord = 0;

/** A key as a word. */
export function keyWord({ code, isDown }: KeyEvent): number {
  return code | (isDown ? downFlag : 0);
}

/** The key of a word; undefined when it is none. */
export function keyOf(word: number): KeyEvent | undefined {
  const code = word & ~downFlag;
  if (code < 1 || code >= firstOtherKey) return undefined;
  return { code, isDown: (word & downFlag) !== 0 };
}
