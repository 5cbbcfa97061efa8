/** What the isolate of a driver of terminals says, beside the rings of bytes. */
import type { TerminalSize } from '@runtimejs/tty/device.ts';
import { type DriverMessage, driverMessage, isCounters, isRecord } from './messages.ts';

/** About the terminal that has the index. */
export type TerminalMessage =
  | {
      readonly is: 'terminal';
      readonly index: number;
      readonly isConnected: boolean;
      readonly size: TerminalSize | null;
    }
  | { readonly is: 'break'; readonly index: number }
  | {
      readonly is: 'terminalCounters';
      readonly index: number;
      readonly counters: Readonly<Record<string, number>>;
    };

/** Checks what a driver of terminals says. @returns undefined when it is no such message */
export function terminalMessage(value: unknown): TerminalMessage | DriverMessage | undefined {
  if (!isRecord(value) || !isWhole(value.index, 0, 255)) return driverMessage(value);
  const { index, isConnected, size, counters } = value;
  switch (value.is) {
    case 'terminal':
      if (typeof isConnected !== 'boolean' || !(size === null || isSize(size))) return undefined;
      return { is: 'terminal', index, isConnected, size };
    case 'break':
      return { is: 'break', index };
    case 'terminalCounters':
      return isCounters(counters) ? { is: 'terminalCounters', index, counters } : undefined;
    default:
      return undefined;
  }
}

function isSize(value: unknown): value is TerminalSize {
  return isRecord(value) && isWhole(value.columns, 1, 65535) && isWhole(value.rows, 1, 65535);
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}
