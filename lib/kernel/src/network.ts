/** What the network stack underneath an app counts. */
import { readFileSync } from 'node:fs';

/** Where the kernel shows what the network service publishes. */
const countersPath = '/proc/net/runtime';

/**
 * Counters by part of the stack, such as `tcp`, `ipv4`, `interface.eth0`, `device.eth0`, and by name;
 * names that begin with `drop` count what was dropped, each for one reason.
 */
export type NetworkStatistics = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** The network of the machine. */
export interface Network {
  /**
   * Reads all counters, as they were at most about a second ago.
   * @returns an empty object while the network service has not started yet
   */
  statistics(): NetworkStatistics;
}

/**
 * Makes the functions of this part.
 * @param read reads a file as text; throws when it is not there
 * @param check throws when there is no such kernel underneath
 */
export function createNetwork(
  check: () => void,
  read: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): Network {
  return {
    statistics: () => {
      check();
      let text: string;
      try {
        text = read(countersPath);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
        throw error;
      }
      return text === '' ? {} : (JSON.parse(text) as NetworkStatistics);
    },
  };
}
