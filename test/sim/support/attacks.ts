/** Attackers who see nothing: forged segments, errors, floods, scans. Each throws when the victim suffers. */
import { anyV4, anyV6, IpAddress } from '@runtimejs/net/address.ts';
import {
  arpFrame,
  flag,
  icmpFrame,
  ipFrame,
  neighbourFrame,
  put32,
  seeTcp,
  tcpFrame,
  udpBytes,
  type Way,
} from './frames.ts';
import type { SimulatedHost } from './host.ts';
import { put16 } from './link.ts';
import type { Random } from './random.ts';
import type { Stream } from './stream.ts';
import { expectComplete } from './transfer.ts';
import { minute, second, steadyPlan, World } from './world.ts';

/** A transfer that takes some seconds, and the numbers that its segments have. */
interface Target {
  readonly world: World;
  readonly client: Stream;
  readonly server: Stream;
  /** Ports: of the client and of the server. */
  readonly ports: readonly [number, number];
  /** Newest sequence number and acknowledgement that each end sent. */
  readonly seen: { sequence: number; acknowledgment: number; length: number }[];
}

function startTransfer(world: World, bytes = 600_000): Target {
  const seen = [0, 1].map(() => ({ sequence: 0, acknowledgment: 0, length: 0 }));
  let ports: [number, number] = [0, 0];
  world.link.onFrame = (from, frame) => {
    const segment = seeTcp(frame);
    if (segment === undefined) return;
    const { sequence, acknowledgment, payload } = segment;
    seen[from] = { sequence, acknowledgment, length: payload.length };
    if (from === 0) ports = [segment.sourcePort, segment.destinationPort];
  };
  world.link.conditions.delay = 2_000;
  const slow = { writePause: 100_000 };
  const total = [bytes, bytes] as const;
  const { client, server } = world.pair([
    { ...steadyPlan(total, 0), ...slow },
    { ...steadyPlan(total, 1), ...slow },
  ]);
  return { world, client, server, ports, seen };
}

/** The transfer goes on to its end as if nothing had been. */
function expectUnharmed({ world, client, server }: Target): void {
  world.expect('everything', () => client.isGone || (client.isComplete && server.isComplete));
  expectComplete('client', client);
  expectComplete('server', server);
  world.close(client, server);
  world.end();
}

/** From one end of the wire to the other, as if from the host itself. */
function wayTo(world: World, to: 0 | 1): Way {
  const { hosts } = world;
  const from = to === 0 ? 1 : 0;
  return {
    source: hosts[from].address,
    destination: hosts[to].address,
    to: to + 1,
    from: from + 1,
  };
}

function anyNumber(random: Random): number {
  return (random.next() * 0x1_0000_0000) | 0;
}

/** RST, SYN, FIN and data with guessed numbers, in and out of the window (RFC 5961). */
export function blindSegments(seed: number): void {
  const target = startTransfer(new World(seed));
  const { world, ports, seen } = target;
  const { random } = world;
  const junk = new Uint8Array(100).fill(0x66);
  for (let count = 0; count < 1500; count += 1) {
    const to = random.pick([0, 1] as const);
    const from = to === 0 ? 1 : 0;
    // What the victim expects next, and a place in its window that is not exactly that.
    const next = (seen[to] as (typeof seen)[0]).acknowledgment;
    const guessed = random.chance(0.5) ? anyNumber(random) : next + random.integer(1, 30_000);
    const kind = random.pick(['rst', 'syn', 'data', 'fin'] as const);
    const mine = (seen[to] as (typeof seen)[0]).sequence;
    // Data that is in the window: its acknowledgement is far off (RFC 5961, section 5).
    const acknowledgment = (mine + 0x4000_0000 + random.integer(0, 0x3fff_ffff)) | 0;
    const flags = {
      rst: flag.rst | (random.chance(0.5) ? flag.ack : 0),
      syn: flag.syn | (random.chance(0.3) ? flag.ack : 0),
      data: flag.ack | flag.psh,
      fin: flag.ack | flag.fin,
    }[kind];
    const frame = tcpFrame(wayTo(world, to), {
      sourcePort: ports[from],
      destinationPort: ports[to],
      sequence: guessed,
      acknowledgment,
      flags,
      ...(kind === 'data' ? { payload: junk } : {}),
    });
    world.link.inject(to, frame);
    if (random.chance(0.3)) world.pass(random.integer(0, 3_000));
  }
  const refused = world.hosts.reduce(
    (sum, host) =>
      sum +
      host.counter('tcp', 'dropOutsideWindow') +
      host.counter('tcp', 'dropBlindReset') +
      host.counter('tcp', 'dropBlindSyn') +
      host.counter('tcp', 'dropBadAcknowledgment') +
      host.counter('tcp', 'dropNoTimestamp') +
      host.counter('tcp', 'dropOldTimestamp'),
    0,
  );
  if (refused < 1000) throw new Error(`${refused} of 1500 forged segments were counted as refused`);
  expectUnharmed(target);
}

/** ICMP errors of every kind about the connection, with right and wrong sequence numbers (RFC 5927). */
export function spoofedIcmp(seed: number): void {
  const target = startTransfer(new World(seed));
  const { world, ports, seen, client } = target;
  const { random, family } = world;
  let frames = 0;
  const { onFrame } = world.link;
  world.link.onFrame = (from, frame) => {
    frames += 1;
    onFrame?.(from, frame);
  };
  for (let count = 0; count < 500; count += 1) {
    const to = random.pick([0, 1] as const);
    const from = to === 0 ? 1 : 0;
    const quotedWay = { ...wayTo(world, from), to: 0 };
    const { sequence, length } = seen[to] as (typeof seen)[0];
    const right = random.chance(0.5);
    const quoted = tcpFrame(quotedWay, {
      sourcePort: ports[to],
      destinationPort: ports[from],
      sequence: right ? sequence : anyNumber(random),
      flags: flag.ack,
      payload: new Uint8Array(Math.max(length, 1_000)),
    }).subarray(14, 14 + random.pick([20, 28, 48, 60, 500]));
    const mtu = random.pick([0, 1, 68, 296, 552, 1279, 1280, 1400, 65_535]);
    const types =
      family === 4
        ? [
            [3, 4],
            [3, random.integer(0, 15)],
            [11, 0],
            [12, 0],
            [4, 0],
            [5, 1],
            [3, 3],
          ]
        : [
            [2, 0],
            [1, random.integer(0, 7)],
            [3, 0],
            [4, 0],
            [1, 4],
            [137, 0],
          ];
    const [type, code] = random.pick(types) as [number, number];
    const way = { ...wayTo(world, to), from: 0x99 };
    world.link.inject(to, icmpFrame(way, type, code, mtu, quoted));
    world.pass(random.integer(0, 4_000));
  }
  if (client.isGone) throw new Error(`an ICMP error ended the connection: ${client.error}`);
  expectUnharmed(target);
  // 1.2 MB in segments of at least some hundred bytes, with acknowledgements.
  if (frames > 12_000) throw new Error(`${frames} frames: segments became tiny`);
}

/** A source address that nobody has. */
function stranger(random: Random, isV4: boolean, onLink: boolean): IpAddress {
  if (isV4) {
    if (onLink) return IpAddress.v4(0x0a000000 + random.integer(3, 254));
    return IpAddress.v4((random.integer(11, 100) << 24) | random.integer(1, 0xfffffe));
  }
  const prefix = onLink ? 0xfd000000 : 0x20010db8;
  return new IpAddress(
    prefix,
    onLink ? 0 : anyNumber(random),
    anyNumber(random) | 1,
    anyNumber(random),
  );
}

/** 50,000 SYNs from addresses that nobody has, while clients want to be served. */
export function synFlood(seed: number): void {
  const world = new World(seed, { mostEvents: 10_000_000 });
  const { random, hosts, family, link, agenda } = world;
  const [near, victim] = hosts;
  const onLink = random.chance(0.5);
  victim.stack.routes.add({
    destination: family === 4 ? anyV4 : anyV6,
    prefixLength: 0,
    gateway: near.address,
    interface: victim.on,
  });
  const bytes = [5_000, 20_000] as const;
  const accepted: Stream[] = [];
  const listener = world.listen(80, 128, () => {
    const stream = world.stream(1, steadyPlan(bytes, 1));
    accepted.push(stream);
    return stream;
  });
  world.pass(2 * second);
  const clients: Stream[] = [];
  for (let count = 0; count < 20; count += 1) {
    agenda.at(agenda.now + random.integer(0, 900_000), () => {
      clients.push(world.connect(80, steadyPlan(bytes, 0)));
    });
  }
  const memory = victim.arena.allocated;
  for (let sent = 0; sent < 50_000; sent += 1) {
    const source = stranger(random, family === 4, onLink);
    const way = { source, destination: victim.address, to: 2 };
    link.inject(
      1,
      tcpFrame(way, {
        sourcePort: random.integer(1024, 65_535),
        destinationPort: 80,
        sequence: anyNumber(random),
        flags: flag.syn,
        options: [2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 3, 3, 7, 0],
      }),
    );
    if (sent % 50 === 49) {
      world.pass(1_000);
      if (victim.tcp.connectionCount > 4096 + 20) {
        throw new Error(`${victim.tcp.connectionCount} connections in the table`);
      }
      const neighbours = family === 4 ? victim.on.neighbours4 : victim.on.neighbours6;
      if (neighbours.size > 1024) throw new Error(`${neighbours.size} neighbours`);
      if (victim.leaks().packets > 2_000) throw new Error(`${victim.leaks().packets} packets held`);
    }
  }
  if (victim.arena.allocated > memory + 8_000_000) throw new Error('memory grew');
  world.expect(
    'the clients to be served',
    () => clients.length === 20 && clients.every((one) => one.isGone || one.isComplete),
    10 * minute,
  );
  for (const one of clients) expectComplete('client', one);
  if (victim.counter('tcp', 'synCookiesSent') < 30_000) throw new Error('too few cookies');
  if (victim.counter('tcp', 'synCookiesAccepted') < 1) throw new Error('no cookie was used');
  world.close(...clients, ...accepted);
  listener.close();
  world.end();
}

/** Every port is tried: few answers, all within the limits, and nothing stays. */
export function portScan(seed: number): void {
  const world = new World(seed);
  const { random, hosts, family } = world;
  const victim = hosts[1];
  world.pass(3 * second);
  const way = wayTo(world, 1);
  for (let port = 1; port <= 10_000; port += 1) {
    const flags = random.pick([flag.syn, flag.ack, flag.fin, 0, 0x29, 0x3f]);
    world.link.inject(
      1,
      tcpFrame(way, { sourcePort: 5, destinationPort: port, sequence: anyNumber(random), flags }),
    );
    world.link.inject(1, ipFrame(way, 17, udpBytes(way, 5, port, new Uint8Array(4))));
    if (port % 100 === 0) world.pass(1_000);
  }
  world.pass(10_000);
  const resets = victim.counter('tcp', 'resetsSent');
  if (resets > 1_200) throw new Error(`${resets} resets in a tenth of a second`);
  if (victim.counter('tcp', 'dropResetLimited') < 1_000) throw new Error('resets are not limited');
  const icmp = family === 4 ? 'icmpv4' : 'icmpv6';
  const errors = victim.counter(icmp, 'errorsSent');
  if (errors > 1_200) throw new Error(`${errors} ICMP errors in a tenth of a second`);
  if (victim.counter(icmp, 'dropErrorRate') < 5_000) throw new Error('errors are not limited');
  world.end();
}

/** Fragments that overlap, contradict, never end: memory is bounded, and honest datagrams get through. */
export function fragmentFlood(seed: number): void {
  const world = new World(seed, { mostEvents: 10_000_000 });
  const { random, hosts, link } = world;
  const victim = hosts[1];
  world.pass(3 * second);
  const udp = { received: 0 };
  const flags = { reuseAddress: false, reusePort: false, v6Only: false };
  const binding = victim.udp.bind(victim.endpoint(7000), flags);
  if (typeof binding === 'string') throw new Error(`bind: ${binding}`);
  const endpoint = victim.udp.open(binding, {
    receive: () => {
      udp.received += 1;
      return true;
    },
    failed: () => {},
    sendable: () => {},
  });
  let most = 0;
  for (let count = 0; count < 20_000; count += 1) {
    const source = stranger(random, world.family === 4, true);
    const way = { source, destination: victim.address, to: 2 };
    const offset = random.pick([0, 0, 8, 512, 1480, 65_528, random.integer(0, 8191) * 8]);
    const payload = new Uint8Array(random.pick([0, 1, 8, 512, 1400]));
    const fragment = { offset, more: random.chance(0.7) };
    const identification = random.integer(0, 50);
    const protocol = random.pick([17, 6, 1, 58, 99]);
    link.inject(1, ipFrame(way, protocol, payload, { fragment, identification }));
    if (count % 100 === 99) {
      world.pass(1_000);
      most = Math.max(most, victim.stack.pool.inUse);
    }
  }
  if (victim.stack.reassembly.size > 2_000) throw new Error('reassembly is not bounded');
  // Contradicting fragments of one datagram: nothing is delivered (RFC 5722, RFC 8200 section 4.5).
  const way = wayTo(world, 1);
  const whole = udpBytes(way, 9, 7000, new Uint8Array(3_000).fill(7));
  world.pass(2 * minute);
  udp.received = 0;
  const first = { offset: 0, more: true };
  link.inject(1, ipFrame(way, 17, whole.subarray(0, 1480), { fragment: first, identification: 1 }));
  const lie = new Uint8Array(1480).fill(0x66);
  link.inject(
    1,
    ipFrame(way, 17, lie, { fragment: { offset: 1000, more: true }, identification: 1 }),
  );
  const last = { offset: 1480, more: false };
  link.inject(1, ipFrame(way, 17, whole.subarray(1480), { fragment: last, identification: 1 }));
  world.pass(1_000);
  if (udp.received !== 0) throw new Error('a datagram of contradicting fragments was delivered');
  link.inject(1, ipFrame(way, 17, whole.subarray(0, 1480), { fragment: first, identification: 2 }));
  link.inject(1, ipFrame(way, 17, whole.subarray(1480), { fragment: last, identification: 2 }));
  world.pass(1_000);
  if (udp.received < 1) throw new Error('an honest datagram did not get through');
  endpoint.close();
  world.end();
}

function expectBounded(host: SimulatedHost): void {
  for (const cache of [host.on.neighbours4, host.on.neighbours6]) {
    if (cache.size > 1024) throw new Error(`${cache.size} neighbours`);
  }
}

/** ARP and Neighbour Discovery from thousands of strangers, and lies about the peer, during a transfer. */
export function neighbourFlood(seed: number): void {
  const target = startTransfer(new World(seed));
  const { world } = target;
  const { random, hosts, family, link } = world;
  const lies = random.chance(0.5);
  for (let count = 0; count < 10_000; count += 1) {
    const to: 0 | 1 = random.pick([0, 1] as const);
    const victim = hosts[to];
    const hardware = random.integer(3, 255);
    if (family === 4) {
      const address = IpAddress.v4(0x0a000000 + random.integer(3, 254));
      const sender = { hardware, address };
      const operation = random.pick([1, 2] as const);
      link.inject(
        to,
        arpFrame(to + 1, operation, sender, { hardware: to + 1, address: victim.address4 }),
      );
    } else {
      const source = stranger(random, false, true);
      const way = { source, destination: victim.address6, to: to + 1, from: hardware };
      const isQuestion = random.chance(0.5);
      const asked = isQuestion ? victim.address6 : source;
      link.inject(to, neighbourFrame(way, isQuestion ? 135 : 136, asked, hardware, 0x60000000));
    }
    if (count % 100 === 99) {
      world.pass(10_000);
      expectBounded(victim);
      // Somebody says to be the peer: the connection stalls until the truth is asked for, but lives.
      if (lies && count % 2_000 === 1_999) link.inject(to, lie(world, to));
    }
  }
  expectUnharmed(target);
}

/** "The other host is at 02:00:00:00:00:77." */
function lie(world: World, to: 0 | 1): Uint8Array {
  const { hosts, family } = world;
  const other = hosts[to === 0 ? 1 : 0];
  const victim = hosts[to];
  if (family === 4) {
    const target = { hardware: to + 1, address: victim.address4 };
    return arpFrame(to + 1, 2, { hardware: 0x77, address: other.address4 }, target);
  }
  const way = { source: other.address6, destination: victim.address6, to: to + 1, from: 0x77 };
  return neighbourFrame(way, 136, other.address6, 0x77, 0x20000000);
}

/** Frames of rubbish, at every layer. */
export function rubbish(seed: number): void {
  const target = startTransfer(new World(seed), 200_000);
  const { world } = target;
  const { random, link } = world;
  for (let count = 0; count < 5_000; count += 1) {
    const to = random.pick([0, 1] as const);
    const payload = new Uint8Array(random.integer(0, 200));
    random.fill(payload);
    const way = wayTo(world, to);
    let frame: Uint8Array;
    switch (random.integer(0, 3)) {
      case 0: // a frame of some type
        frame = ipFrame(way, 6, payload);
        put16(frame, 12, random.pick([0x0800, 0x86dd, 0x0806, 0x8100, 100, 0]));
        break;
      case 1: // some protocol
        frame = ipFrame(way, random.integer(0, 255), payload);
        break;
      case 2: // lengths that lie
        frame = ipFrame(way, 6, payload);
        put16(frame, world.family === 4 ? 16 : 18, random.integer(0, 65_535));
        break;
      default: {
        frame = icmpFrame(way, random.integer(0, 255), random.integer(0, 255), 0, payload);
        if (random.chance(0.3)) put32(frame, 14, anyNumber(random));
      }
    }
    link.inject(to, random.chance(0.1) ? frame.slice(0, random.integer(0, frame.length)) : frame);
    if (count % 20 === 0) world.pass(2_000);
  }
  expectUnharmed(target);
}
