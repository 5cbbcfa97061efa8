import { networkInterfaces } from 'node:os';

/**
 * Lists where a server that listens on every address can be reached.
 *
 * @param port the server's
 * @returns URLs, those of the network before those of the loopback interface
 */
export function reachableAt(port: number): string[] {
  return Object.entries(networkInterfaces())
    .flatMap(([name, addresses = []]) => addresses.map((address) => ({ name, ...address })))
    .sort((left, right) => Number(left.internal) - Number(right.internal))
    .map(({ name, address, family }) => {
      const isLinkLocal = family === 'IPv6' && /^fe[89ab]/i.test(address);
      const host = family === 'IPv6' ? `[${address}]` : address;
      return `http://${host}:${port}${isLinkLocal ? `  (on the link of ${name} only)` : ''}`;
    });
}
