// Ports of this host for tests that forward them to a guest. Another run of the tests may go on beside.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below what Linux gives to connections (ip_local_port_range, ip(7)): those come and go. */
const first = 10_000;
const end = 32_000;
const attempts = 200;

/** Whether TCP and UDP servers can have a port, on any address. */
async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const socket = createSocket('udp6');
  try {
    server.listen(port);
    await once(server, 'listening');
    socket.bind(port);
    await once(socket, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
    socket.close();
  }
}

/**
 * Finds ports that nobody listens on.
 * @param count how many, one after the other
 * @returns the first one
 * @throws Error when there seem to be none
 */
export async function freePorts(count: number): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const base = first + Math.floor(Math.random() * (end - first - count));
    const free = [];
    for (let port = base; port < base + count; port++) free.push(await isFree(port));
    if (free.every(Boolean)) return base;
  }
  throw new Error(`No ${count} free ports in a row were found between ${first} and ${end}.`);
}

/** A port of this host that nobody listens on. */
export function freePort(): Promise<number> {
  return freePorts(1);
}
