/** What sockets of services work with: the stack, memory, and its turns. */
import type { RingMemory } from '@runtimejs/http/server/ring-memory.ts';
import { anyV6, type Endpoint } from '@runtimejs/net/address.ts';
import { formatAddress, parseAddress } from '@runtimejs/net/address-text.ts';
import type { SocketError } from '@runtimejs/net/errors.ts';
import type { NetworkService } from '@runtimejs/net/network-service.ts';
import type { BindFlags, PortBinding } from '@runtimejs/net/tcp/types.ts';
import type { LocalAddress, SocketAddress } from './types.ts';

/** What is asked of a network. */
export type SocketNetwork = Pick<NetworkService, 'stack' | 'tcp' | 'udp'>;

/** Most sockets and connections of one service. */
export const mostSockets = 1024;

/** What was opened, and ends with who has opened it. */
export interface Closable {
  close(): void;
}

/** The sockets of one life of a service. */
export class ClientSockets {
  readonly #open = new Set<Closable>();
  #isGone = false;

  /** Whether another one may be opened. */
  get hasRoom(): boolean {
    return !this.#isGone && this.#open.size < mostSockets;
  }

  /** @throws Error with the code EMFILE when there are too many */
  checkRoom(what: string): void {
    if (this.hasRoom) return;
    throw Object.assign(new Error(`${what}: EMFILE, ${mostSockets} sockets are open already`), {
      code: 'EMFILE',
    });
  }

  /** Notes one that is open; one that comes too late is closed. */
  add(socket: Closable): void {
    if (this.#isGone) socket.close();
    else this.#open.add(socket);
  }

  delete(socket: Closable): void {
    this.#open.delete(socket);
  }

  /** The service has ended. */
  end(): void {
    this.#isGone = true;
    for (const socket of [...this.#open]) socket.close();
  }
}

/** See the top of the file. */
export class SocketsHost {
  readonly network: SocketNetwork;
  readonly rings: RingMemory;
  readonly #wake: () => void;
  #jobs: (() => void)[] = [];

  /**
   * @param wake has the stack take a turn
   * @param rings memory of connections
   */
  constructor(network: SocketNetwork, rings: RingMemory, wake: () => void) {
    this.network = network;
    this.rings = rings;
    this.#wake = wake;
    network.stack.addWork({
      run: () => {
        const jobs = this.#jobs;
        if (jobs.length === 0) return false;
        this.#jobs = [];
        for (const job of jobs) job();
        network.tcp.flush(); // whose own turn is over
        return this.#jobs.length > 0 || network.tcp.hasPending;
      },
    });
  }

  /** Runs something within a turn of the stack, whose clock is right then. */
  inTurn<Value>(run: () => Value): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.#jobs.push(() => {
        try {
          resolve(run());
        } catch (error) {
          reject(error);
        }
      });
      this.#wake();
    });
  }

  /** Runs something that may find no way while the network is being configured: then it is run again. */
  async configured<Value>(run: () => Value | SocketError): Promise<Value | SocketError> {
    const { network } = this.network.stack;
    for (;;) {
      const isConfiguring = network.configuring;
      const result = await this.inTurn(run);
      const waits = result === 'EADDRNOTAVAIL' || result === 'ENETUNREACH';
      if (!waits || !isConfiguring) return result;
      await new Promise<void>((resolve) => network.onConfigured(resolve));
    }
  }

  /**
   * Takes a local address and port.
   * @param what for errors, such as `listen`
   */
  async bind(
    api: { bind(local: Endpoint, flags: BindFlags): PortBinding | SocketError },
    what: string,
    given: LocalAddress,
    reuseAddress: boolean,
  ): Promise<PortBinding> {
    const { address, port = 0 } = given;
    const local: Endpoint =
      address === undefined
        ? { address: anyV6, port: checkPort(port, true), scope: 0 }
        : toEndpoint({ address, port }, true);
    const flags = { reuseAddress, reusePort: false, v6Only: false };
    const binding = await this.configured(() => api.bind(local, flags));
    if (typeof binding === 'string') throw socketError(what, binding, local);
    return binding;
  }
}

function checkPort(port: number, mayBeZero: boolean): number {
  if (Number.isInteger(port) && port >= (mayBeZero ? 0 : 1) && port <= 65_535) return port;
  throw new RangeError(`${String(port)} is no port: a whole number up to 65535.`);
}

/** @throws TypeError, RangeError for what is none */
export function toEndpoint(from: SocketAddress, mayBeZero = false): Endpoint {
  const { address: text, port, scope = 0 } = from ?? {};
  const address = typeof text === 'string' ? parseAddress(text) : undefined;
  if (address === undefined) {
    throw new TypeError(`"${String(text)}" is no IP address; names are not looked up here.`);
  }
  return { address, port: checkPort(port, mayBeZero), scope: Number(scope) | 0 };
}

/** For services. */
export function fromEndpoint({ address, port, scope }: Endpoint): SocketAddress {
  const text = formatAddress(address);
  return scope === 0 ? { address: text, port } : { address: text, port, scope };
}

/** An error of the stack's as Node has it. */
export function socketError(what: string, code: SocketError, at?: Endpoint): Error {
  const place = at === undefined ? '' : ` ${formatAddress(at.address)} port ${at.port}`;
  return Object.assign(new Error(`${what}${place}: ${code}`), { code, syscall: what });
}

/** @throws TypeError for what is no array of bytes */
export function checkBytes(bytes: unknown): asserts bytes is Uint8Array {
  if (!(bytes instanceof Uint8Array)) throw new TypeError('Bytes have to be a Uint8Array.');
}
