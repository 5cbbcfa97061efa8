/**
 * What a driver in an isolate of its own leaves when it ends. Whoever reads a byte takes it from the controller, so the
 * isolate's host notes each one (RUNTIME_KEYBOARD_NOTES in native/abi/isolate.abi.ts): those after the last key that came out
 * of the isolate are read again here.
 */
import type { KeyboardRemains, KeyboardSettlement } from '@runtimejs/placement/keyboard-device.ts';
import type { KeyEvent } from '@runtimejs/tty/keyboard/keys.ts';
import { status } from './controller.ts';
import { KeyReader } from './key-reader.ts';

/** The notes: where they are, and how many. */
export const notes = { offset: 2048, count: 1024 } as const;

/** What the next driver has to know. */
export interface Ps2Remains {
  /** The set of scan codes that the controller was set up for. */
  readonly set: 1 | 2;
  /** Keys that are held. */
  readonly held: readonly number[];
  /** Bytes of a scan code that has begun. */
  readonly begun: readonly number[];
}

/** Nothing is known: the keyboard is set up anew. */
const unknown: KeyboardSettlement = { keys: [], hasLost: true, remains: undefined };

/** Reads what the driver had taken from the controller and not given as keys. */
export function settleKeyboard(left: KeyboardRemains): KeyboardSettlement {
  const { memory, start, note, position, held } = left;
  const before = left.remains as unknown as Ps2Remains | undefined;
  const count = ((memory.words[start / 4] as number) - position) >>> 0;
  if ((note !== 1 && note !== 2) || count > notes.count) return unknown;
  const { buffer, byteOffset } = memory.bytes;
  const entries = new Uint16Array(buffer, byteOffset + start + notes.offset, notes.count);
  const reader = new KeyReader(note, held, left.hasGivenKeys ? [] : before?.begun);
  const keys: KeyEvent[] = [];
  let hasLost = false;
  for (let at = 0; at < count; at++) {
    const entry = entries[(position + at) % notes.count] as number;
    if (((entry >> 8) & status.fromMouse) !== 0) continue;
    const meaning = reader.take(entry & 0xff);
    if (meaning === 'plugged') return { ...unknown, keys };
    if (typeof meaning === 'object') keys.push(meaning);
    hasLost ||= meaning === 'overrun';
  }
  return { keys, hasLost, remains: { set: note, held: [...reader.held], begun: reader.begun } };
}
