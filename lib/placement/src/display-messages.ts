/** What the isolate of a display's driver says, beside what every driver does. */
import type { TerminalSize } from '@runtimejs/tty/device.ts';
import { type DriverMessage, driverMessage, isRecord } from './messages.ts';

/** How many cells the display has. */
export interface SizeMessage extends TerminalSize {
  readonly is: 'size';
}

/** Checks what a display's driver says. @returns undefined when it is no such message */
export function displayMessage(value: unknown): SizeMessage | DriverMessage | undefined {
  if (!isRecord(value) || value.is !== 'size') return driverMessage(value);
  const { columns, rows } = value;
  return isSize(columns) && isSize(rows) ? { is: 'size', columns, rows } : undefined;
}

function isSize(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65_535;
}
