/** What the isolate of a keyboard's driver is told, beside what every driver is. */
import type { KeyboardLights } from '@runtimejs/tty/keyboard/keys.ts';
import { isRecord, type ReplacementMessage, replacementMessage } from './messages.ts';

/** What is to be lit. */
export interface LightsMessage extends KeyboardLights {
  readonly is: 'lights';
}

/** Checks what a keyboard's driver is told. @returns undefined when it is no such message */
export function keyboardOrder(value: unknown): LightsMessage | ReplacementMessage | undefined {
  if (!isRecord(value) || value.is !== 'lights') return replacementMessage(value);
  const { capsLock, numLock } = value;
  if (typeof capsLock !== 'boolean' || typeof numLock !== 'boolean') return undefined;
  return { is: 'lights', capsLock, numLock };
}
