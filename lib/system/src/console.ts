/** The console of a bare isolate: formats in TypeScript, writes to the kernel log. */
import { format } from './format.ts';

/** Levels of the kernel log (RUNTIME_LOG_* in native/abi/kernel.abi.ts). */
export const level = { error: 0, warn: 1, info: 2, debug: 3 } as const;

/** What there is of the console that browsers and Node have. */
export interface Console {
  log(...values: readonly unknown[]): void;
  info(...values: readonly unknown[]): void;
  warn(...values: readonly unknown[]): void;
  error(...values: readonly unknown[]): void;
  debug(...values: readonly unknown[]): void;
}

/**
 * Makes a console.
 * @param write gets each message with its level
 */
export function createConsole(write: (atLevel: number, text: string) => void): Console {
  const at =
    (chosen: number) =>
    (...values: readonly unknown[]): void =>
      write(chosen, format(...values));
  return {
    log: at(level.info),
    info: at(level.info),
    warn: at(level.warn),
    error: at(level.error),
    debug: at(level.debug),
  };
}
