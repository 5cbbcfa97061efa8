/** Datagrams of all sizes over a bad network: whole, right, and not more often than the network repeats them. */
import type { Packet } from '@runtimejs/net/packet.ts';
import type { UdpEndpoint } from '@runtimejs/net/udp/types.ts';
import type { SimulatedHost } from './host.ts';
import { minute, second, World } from './world.ts';

const defaults = {
  hopLimit: 0,
  trafficClass: 0xffffffff,
  interfaceIndex: 0,
  source: undefined,
};

/** Content follows from the number and the length. */
function fill(bytes: Uint8Array, at: number, number: number, length: number): void {
  for (let n = 0; n < length; n += 1) bytes[at + n] = (number * 131 + n * 7 + (n >> 8)) & 255;
  bytes[at] = number >> 8;
  bytes[at + 1] = number;
}

function collect(host: SimulatedHost, packet: Packet, length: number): Uint8Array {
  const result = new Uint8Array(length);
  let at = 0;
  for (let part: Packet | null = packet; part !== null && at < length; part = part.next) {
    const count = Math.min(part.length, length - at);
    result.set(host.arena.memory.bytes.subarray(part.start, part.start + count), at);
    at += count;
  }
  if (at !== length) throw new Error(`a datagram of ${length} bytes has ${at}`);
  return result;
}

function open(host: SimulatedHost, receive: (bytes: Uint8Array) => void): UdpEndpoint {
  const flags = { reuseAddress: false, reusePort: false, v6Only: false };
  const binding = host.udp.bind(host.endpoint(7000), flags);
  if (typeof binding === 'string') throw new Error(`bind: ${binding}`);
  return host.udp.open(binding, {
    receive: (packet, length) => {
      receive(collect(host, packet, length));
      return true;
    },
    failed: () => {},
    sendable: () => {},
  });
}

/** Host 0 sends, host 1 echoes. @returns how many came back */
export function datagramEcho(seed: number): number {
  const world = new World(seed);
  const { random, agenda, link, hosts, family } = world;
  world.pass(3 * second); // addresses that are being checked answer no questions (RFC 4429)
  const repeats = random.pick([0, 0, 0.05]);
  const loss = random.pick([0, 0, 0.01, 0.05]);
  // Two flipped bits in fragments of one datagram can hide from the checksum: flip only without.
  const corrupt = random.pick([0, 0, 0.05]);
  const largest = corrupt > 0 ? 1_000 : random.pick([1_400, 9_000, 60_000]);
  Object.assign(link.conditions, {
    delay: random.pick([20, 5_000]),
    jitter: 20_000,
    reorder: random.pick([0, 0.3]),
    duplicate: repeats,
    loss,
    corrupt,
    pathMtu: random.pick([0, 0, family === 4 ? 576 : 1280]),
    blackHole: false,
  });
  const lengths = new Map<number, number>();
  const echoed = new Map<number, number>();
  let received = 0;
  const expected = new Uint8Array(65_536);
  const check = (bytes: Uint8Array): number => {
    const number = ((bytes[0] as number) << 8) | (bytes[1] as number);
    const length = lengths.get(number);
    if (length !== bytes.length) throw new Error(`${bytes.length} bytes came instead of ${length}`);
    fill(expected, 0, number, length);
    for (let at = 0; at < length; at += 1) {
      if (bytes[at] !== expected[at]) throw new Error(`byte ${at} of datagram ${number} is wrong`);
    }
    return number;
  };
  const scratch = hosts.map((host) => host.arena.require(65_536));
  const client = open(hosts[0], (bytes) => {
    const number = check(bytes);
    received += 1;
    echoed.set(number, (echoed.get(number) ?? 0) + 1);
  });
  const server = open(hosts[1], (bytes) => {
    check(bytes);
    hosts[1].arena.memory.bytes.set(bytes, scratch[1] as number);
    server.send(hosts[0].endpoint(7000), scratch[1] as number, bytes.length, defaults);
    hosts[1].wake();
  });
  for (let number = 0; number < 200; number += 1) {
    const length = random.integer(2, random.chance(0.5) ? 1_200 : largest);
    lengths.set(number, length);
    agenda.at(agenda.now + number * 10_000, () => {
      fill(hosts[0].arena.memory.bytes, scratch[0] as number, number, length);
      client.send(hosts[1].endpoint(7000), scratch[0] as number, length, defaults);
      hosts[0].wake();
    });
  }
  world.pass(minute);
  const most = Math.max(0, ...echoed.values());
  if (most > (repeats > 0 ? 4 : 1)) throw new Error(`one datagram came back ${most} times`);
  if (received - echoed.size > link.counters.duplicated) throw new Error('too many repetitions');
  if (loss === 0 && corrupt === 0 && link.conditions.pathMtu === 0 && echoed.size < 195) {
    throw new Error(`only ${echoed.size} of 200 came back over a network that loses nothing`);
  }
  client.close();
  server.close();
  hosts.forEach((host, index) => {
    host.arena.free(scratch[index] as number, 65_536);
  });
  world.end();
  return received;
}
