/** The network of a bare app: drivers, stack and HTTP server, and nothing of sockets. */

import type { Exchange } from '@runtimejs/http/connection/types.ts';
import type { Limits } from '@runtimejs/http/limits.ts';
import { largestBlock, RingMemory } from '@runtimejs/http/server/ring-memory.ts';
import { HttpServer } from '@runtimejs/http/server/server.ts';
import { anyV6 } from '@runtimejs/net/address.ts';
import { formatAddress } from '@runtimejs/net/address-text.ts';
import { configureNetwork } from '@runtimejs/net/configuration/configure.ts';
import type { NetworkDevice } from '@runtimejs/net/device.ts';
import type { Environment } from '@runtimejs/net/environment.ts';
import { protocol } from '@runtimejs/net/network.ts';
import { ResolverConfiguration } from '@runtimejs/net/resolver/resolver-configuration.ts';
import { Stack } from '@runtimejs/net/stack.ts';
import { TimerQueue } from '@runtimejs/net/storage/timers.ts';
import { Tcp } from '@runtimejs/net/tcp/tcp.ts';
import { Udp } from '@runtimejs/net/udp/udp.ts';
import { attachDriver, type Driver, type Service } from '@runtimejs/system/compose.ts';
import type { AppParts } from './services.ts';

/** Bytes of the arena that the stack has for its own packets: loopback and fragments. */
const regionSize = 1024 * 1024;
/** Part of the machine's memory that rings of connections may have. */
const ringShare = 8;
/** Seconds that responses may take when the machine is to end; the kernel waits for 30. */
const graceSeconds = 20;

/** A server. */
export interface Listener {
  readonly port: number;
  handle(exchange: Exchange): void;
  readonly limits?: Partial<Limits>;
}

/** What servers are started with. */
export interface ServeOptions {
  /** The first one is the app's. */
  readonly listeners: readonly [Listener, ...Listener[]];
  readonly drivers: readonly Driver<NetworkDevice>[];
  readonly configuration: AppParts['configuration'];
  /** Called once there are addresses, with one line for each. */
  listening(lines: readonly string[]): void;
}

/** The network as a service. It ends the isolate, with code 0, when the machine is asked to end. */
export function serve(options: ServeOptions): Service {
  return {
    name: 'http',
    start: (context) => {
      const { bindings, memory } = context;
      const environment: Environment = {
        memory,
        clock: { now: bindings.clock.now() },
        timers: new TimerQueue(),
        random: (into) => bindings.random.fill(into),
        log: context.log,
      };
      const allocate = (size: number): number =>
        bindings.arena.allocate(size, 0, { offset: 0, size: 0, physical: 0 }).offset;
      const stack = new Stack(environment, { offset: allocate(regionSize), size: regionSize });
      const tcp = new Tcp(stack.environment, stack.network, stack.tcpPorts);
      stack.registerTransport(protocol.tcp, tcp);
      const statistics = bindings.memory.statistics({
        total: 0,
        free: 0,
        image: 0,
        kernelHeap: 0,
        pageTables: 0,
        application: 0,
        tmpfs: 0,
        pageFaults: 0,
        copyOnWriteCopies: 0,
      });
      const rings = new RingMemory(memory, statistics.total / ringShare, () => {
        try {
          return allocate(largestBlock);
        } catch {
          return undefined;
        }
      });
      const createServer = ({ handle, limits }: Listener): HttpServer => {
        const server = new HttpServer({
          environment: stack.environment,
          tcp,
          rings,
          wallClock: () => Number(bindings.clock.wall() / 1_000_000n),
          wake: () => bindings.loop.again(),
          handle,
          limits,
          decode: (bytes, start, end) => bindings.text.decodeLatin1(bytes, start, end),
        });
        stack.addWork(server);
        return server;
      };
      const { listeners } = options;
      const servers = listeners.map((each) => [each, createServer(each)] as const);
      const [[app, server]] = servers as [(typeof servers)[number]];
      stack.addWork({
        run: () => {
          tcp.flush();
          return tcp.hasPending;
        },
      });
      const udp = new Udp(stack);
      configureNetwork({ stack, udp, resolver: new ResolverConfiguration(() => {}) });
      for (const configure of options.configuration) configure({ stack, tcp, udp }, context);
      for (const driver of options.drivers) {
        for (const device of attachDriver(driver, context)) stack.addDevice(device);
      }
      if (stack.interfaces.length === 1) {
        context.log('warn', 'network: no network card was found; nobody can reach this machine');
      }
      for (const [{ port }, each] of servers) each.listen({ address: anyV6, port, scope: 0 });
      const announce = (): void => options.listening(addressLines(stack, app.port));
      if (stack.network.configuring) stack.network.onConfigured(announce);
      else announce();
      bindings.app.onShutDown(() => server.close(graceSeconds, () => bindings.app.exit(0)));
      return () => stack.poll(bindings.clock.now());
    },
  };
}

/** Where the server can be reached: a URL for each address that others know. */
function addressLines(stack: Stack, port: number): string[] {
  return stack.interfaces
    .filter((on) => !on.isLoopback)
    .flatMap((on) => on.addresses)
    .filter(({ address }) => address.isV4 || address.word0 >>> 22 !== 0x3fa)
    .map(({ address }) => {
      const text = formatAddress(address);
      return `http://${address.isV4 ? text : `[${text}]`}:${port}`;
    });
}
