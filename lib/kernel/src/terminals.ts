/** What the terminals underneath an app count. */
import { readFileSync } from 'node:fs';

/** Where the kernel shows what the terminal service publishes. */
const countersPath = '/proc/tty/runtime';

/**
 * Counters by terminal (`console`, `ttyS1`, ...), by device or part of it (`serial`, `virtio`, `screen`, `discipline`), and
 * by name, such as bytes in each direction, and what was dropped and why.
 */
export type TerminalStatistics = Readonly<
  Record<string, Readonly<Record<string, Readonly<Record<string, number>>>>>
>;

/** The terminals of the machine. */
export interface Terminals {
  /**
   * Reads all counters, as they were about a second ago.
   * @returns an empty object while the terminal service has not started yet
   */
  statistics(): TerminalStatistics;
}

/**
 * Makes the functions of this part.
 * @param check throws when there is no such kernel underneath
 * @param read reads a file as text
 */
export function createTerminals(
  check: () => void,
  read: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): Terminals {
  return {
    statistics: () => {
      check();
      const text = read(countersPath);
      return text === '' ? {} : (JSON.parse(text) as TerminalStatistics);
    },
  };
}
