/**
 * The client as a service, which may have an isolate of its own:
 *
 * ```ts
 * services: [{
 *   service: '@runtimejs/sntp/service.ts',
 *   placement: 'own',
 *   endpoints: ['sockets', 'clock'],
 *   argument: { servers: ['192.168.1.1'] },
 * }]
 * ```
 */
import type { Remote } from '@runtimejs/rpc/calls/types.ts';
import type { Clock } from '@runtimejs/system/service/clock.ts';
import type { SocketAddress, Sockets, UdpSocket } from '@runtimejs/system/service/sockets/types.ts';
import type { PlaceableService, ServiceContext } from '@runtimejs/system/service/types.ts';
import { SntpClient, type SntpOptions } from './client.ts';
import { ntpPort } from './wire.ts';

/** What the composition gives the service as its argument. */
export interface SntpServiceOptions extends SntpOptions {
  /** Addresses of the servers. Names are not looked up: nothing here speaks DNS. */
  readonly servers: readonly string[];
  /** Their port, 123 by default. */
  readonly port?: number;
}

/** Asks servers for the time, and sets the clock. */
const service: PlaceableService = {
  name: 'sntp',
  start: async (context) => {
    const { servers, port = ntpPort, ...options } = checkOptions(context.argument);
    const socket = await context.endpoint<Sockets>('sockets').udp();
    await new SntpService(
      context,
      socket,
      servers.map((address) => ({ address, port })),
      options,
    ).start();
  },
};
export default service;

/** @throws TypeError for an argument that is none */
function checkOptions(argument: unknown): SntpServiceOptions {
  const options = (argument ?? {}) as Partial<SntpServiceOptions>;
  const isList = Array.isArray(options.servers) && options.servers.length > 0;
  if (!isList || options.servers?.some((each) => typeof each !== 'string')) {
    throw new TypeError(
      'The service for the time of day wants addresses of servers: argument: { servers: ["192.168.1.1"] }.',
    );
  }
  return options as SntpServiceOptions;
}

class SntpService {
  readonly #context: ServiceContext;
  readonly #socket: Remote<UdpSocket>;
  readonly #servers: readonly SocketAddress[];
  readonly #client: SntpClient;
  #cancel: () => void = () => {};

  constructor(
    context: ServiceContext,
    socket: Remote<UdpSocket>,
    servers: readonly SocketAddress[],
    options: SntpOptions,
  ) {
    this.#context = context;
    this.#socket = socket;
    this.#servers = servers;
    const clock = context.endpoint<Clock>('clock');
    const failed =
      (what: string) =>
      (error: Error): void =>
        context.log('debug', `time: ${what}: ${error.message}`);
    this.#client = new SntpClient(
      {
        now: context.now,
        wall: context.wall,
        random: context.random,
        send: (server, packet) => {
          const to = servers[server] as SocketAddress;
          socket.send(packet, to).catch(failed(`no way to server ${server}`));
        },
        adjust: (nanoseconds, how) => {
          clock.adjust(nanoseconds, how).catch(failed('the clock could not be set'));
        },
        log: (level, text) => context.log(level, `time: ${text}`),
      },
      servers.length,
      options,
    );
  }

  /** Begins to ask; answers are taken from then on. */
  async start(): Promise<void> {
    const datagrams = await this.#socket.datagrams();
    this.#schedule(this.#client.wake());
    // What ends this, such as a stack that has, ends the service.
    void (async () => {
      for await (const { bytes, from } of datagrams) {
        const server = this.#servers.findIndex(
          ({ address, port }) => port === from.port && address === from.address,
        );
        if (server >= 0) this.#schedule(this.#client.receive(server, bytes, this.#context.now()));
      }
      throw new Error('its socket was closed');
    })();
  }

  #schedule(instant: number): void {
    this.#cancel();
    if (instant === Number.POSITIVE_INFINITY) return;
    this.#cancel = this.#context.at(instant, () => this.#schedule(this.#client.wake()));
  }
}
