/**
 * The time of day from servers on the network, for a composition's network:
 *
 * ```ts
 * network({ drivers: [virtioNet], configuration: [automatic(), networkTime({ servers: ['192.168.1.1'] })] })
 * ```
 */
import { anyV4, anyV6, type Endpoint, type IpAddress } from '@runtimejs/net/address.ts';
import { parseAddress } from '@runtimejs/net/address-text.ts';
import type { ReceivedHeader } from '@runtimejs/net/network.ts';
import type { NetworkService } from '@runtimejs/net/network-service.ts';
import type { UdpEndpoint, UdpSendOptions } from '@runtimejs/net/udp/types.ts';
import { SntpClient, type SntpOptions } from '@runtimejs/sntp/client.ts';
import { ntpPort, packetSize } from '@runtimejs/sntp/wire.ts';
import type { SystemContext } from './compose.ts';
import type { Configuration } from './network.ts';

/** Which servers to ask, and how often. */
export interface NetworkTimeOptions extends SntpOptions {
  /** Their addresses. Names are not looked up: nothing here speaks DNS. */
  readonly servers: readonly string[];
  /** Their port, 123 by default. */
  readonly port?: number;
}

const nanosecondsPerSecond = 1_000_000_000n;
/** The endpoint's defaults, RFC 4330's unicast. */
const sendOptions: UdpSendOptions = {
  hopLimit: 0,
  trafficClass: 0xffffffff,
  interfaceIndex: 0,
  source: undefined,
};

/** Keeps the clock right. Throws a TypeError for text that is no address. */
export function networkTime(options: NetworkTimeOptions): Configuration {
  const servers = options.servers.map((text): Endpoint => {
    const address = parseAddress(text);
    if (address === undefined) throw new TypeError(`"${text}" is no IP address of a time server`);
    return { address, port: options.port ?? ntpPort, scope: 0 };
  });
  return (service, context) => start(servers, options, service, context);
}

function start(
  servers: readonly Endpoint[],
  options: SntpOptions,
  { stack, udp }: NetworkService,
  { bindings, platform, memory, log }: SystemContext,
): void {
  /** One endpoint for each family that is needed. */
  const endpoints = new Map<boolean, UdpEndpoint | string>();
  let cancel: () => void = () => {};

  const client = new SntpClient(
    {
      now: () => bindings.clock.now(),
      wall: () => bindings.clock.wall(),
      random: (into) => bindings.random.fill(into),
      send: (server, packet) => {
        const to = servers[server]!;
        const failure = sendTo(to, packet);
        if (failure !== null) log('debug', `time: no way to server ${server}: ${failure}`);
      },
      adjust: (nanoseconds, how) => {
        bindings.clock.adjust(
          how === 'step' ? 1 : 0,
          Number(nanoseconds / nanosecondsPerSecond),
          Number(nanoseconds % nanosecondsPerSecond),
        );
      },
      log: (level, text) => log(level, `time: ${text}`),
    },
    servers.length,
    options,
  );
  stack.counters.set('sntp', client.counters);

  const schedule = (at: number): void => {
    cancel();
    cancel = at === Number.POSITIVE_INFINITY ? () => {} : platform.at(at, wake);
  };
  const wake = (): void => schedule(client.wake());

  function open(isV4: boolean): UdpEndpoint | string {
    const local = { address: isV4 ? anyV4 : anyV6, port: 0, scope: 0 };
    const binding = udp.bind(local, { reuseAddress: false, reusePort: false, v6Only: !isV4 });
    if (typeof binding === 'string') return binding;
    return udp.open(binding, {
      receive: (packet, length, header, sourcePort) => {
        const server = servers.findIndex(
          ({ address, port }) => port === sourcePort && isFrom(header, address),
        );
        // A packet that is scattered over buffers is none of NTP's size.
        if (server < 0 || packet.next !== null) return true;
        const bytes = memory.bytes.subarray(packet.start, packet.start + length);
        schedule(client.receive(server, bytes, bindings.clock.now()));
        return true;
      },
      failed: () => {},
      sendable: () => {},
    });
  }

  const block = platform.allocateDma(packetSize);
  function sendTo(to: Endpoint, packet: Uint8Array): string | null {
    let endpoint = endpoints.get(to.address.isV4);
    if (endpoint === undefined) {
      endpoint = open(to.address.isV4);
      endpoints.set(to.address.isV4, endpoint);
    }
    if (typeof endpoint === 'string') return endpoint;
    memory.bytes.set(packet, block.offset);
    return endpoint.send(to, block.offset, packet.length, sendOptions);
  }

  if (stack.network.configuring) stack.network.onConfigured(wake);
  else wake();
}

function isFrom(header: ReceivedHeader, address: IpAddress): boolean {
  return (
    header.source0 === address.word0 &&
    header.source1 === address.word1 &&
    header.source2 === address.word2 &&
    header.source3 === address.word3
  );
}
