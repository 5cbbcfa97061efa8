/** What the network stack underneath an app counts. */
import { readFileSync } from 'node:fs';

/** Where the kernel shows what the network service publishes. */
const countersPath = '/proc/net/runtime';
const capturePath = '/proc/net/capture';

/**
 * Counters by part of the stack, such as `tcp`, `ipv4`, `interface.eth0`, `device.eth0`, and by name;
 * names that begin with `drop` count what was dropped, each for one reason.
 */
export type NetworkStatistics = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** The network of the machine. */
export interface Network {
  /**
   * Reads all counters, as they were about a second ago, five seconds at most.
   * @returns an empty object while the network service has not started yet
   */
  statistics(): NetworkStatistics;
  /**
   * Reads the recording of the newest packets, as a pcapng file for Wireshark, tshark or tcpdump.
   * @returns undefined when the composition of the system isolate records none
   */
  capture(): Uint8Array | undefined;
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
  const readIfThere = (path: string): string | undefined => {
    check();
    try {
      return read(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  };
  return {
    statistics: () => {
      const text = readIfThere(countersPath);
      return text === undefined || text === '' ? {} : (JSON.parse(text) as NetworkStatistics);
    },
    capture: () => {
      const text = readIfThere(capturePath);
      return text === undefined || text === ''
        ? undefined
        : new Uint8Array(Buffer.from(text, 'base64'));
    },
  };
}
