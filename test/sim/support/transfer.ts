/** One simulated connection from beginning to end, everything about it chosen by a seed. */

import { defaultSettings } from '@runtimejs/net/tcp/tcp.ts';
import type { TcpConnection, TcpSettings } from '@runtimejs/net/tcp/types.ts';
import { Agenda } from './clock.ts';
import type { DeviceAbilities } from './device.ts';
import { SimulatedHost } from './host.ts';
import { Link, type LinkConditions, perfectLink } from './link.ts';
import { type Random, seededRandom } from './random.ts';
import { Stream, type StreamPlan } from './stream.ts';

const second = 1_000_000;
/** Two hours of virtual time: whoever has not finished by then hangs. */
const limit = 2 * 3600 * second;
/** Events after which a run is taken for an endless loop. */
const mostEvents = 3_000_000;
const port = 80;

/** What happened in a run. */
export interface TransferResult {
  readonly conditions: LinkConditions;
  readonly counters: Link['counters'];
  readonly client: Stream;
  readonly server: Stream | undefined;
  /** Virtual microseconds until both had everything. */
  readonly duration: number;
  readonly events: number;
}

/** What a run may change about the seed's choices. */
export interface TransferOptions {
  readonly conditions?: Partial<LinkConditions>;
  readonly bytes?: number;
  readonly settings?: Partial<TcpSettings>;
}

function chooseConditions(random: Random): LinkConditions {
  return {
    ...perfectLink,
    delay: random.pick([20, 200, 5_000, 20_000, 100_000]),
    jitter: random.pick([100, 1_000, 20_000]),
    reorder: random.pick([0, 0, 0.01, 0.1, 0.3]),
    loss: random.pick([0, 0, 0.001, 0.01, 0.05, 0.1]),
    duplicate: random.pick([0, 0, 0.01, 0.1]),
    corrupt: random.pick([0, 0, 0.01, 0.05]),
    bandwidth: random.pick([0, 0, 1, 10, 100]),
    queue: random.pick([5, 20, 100, 1000]),
    pathMtu: random.pick([0, 0, 0, 576, 1006, 1400]),
    blackHole: random.chance(0.1),
  };
}

function chooseDevice(random: Random): DeviceAbilities {
  const checksums = random.chance(0.5);
  return {
    mtu: random.pick([1500, 1500, 1280, 9000]),
    checksums,
    segmentation: checksums && random.chance(0.5),
    receiveBuffer: random.pick([256, 1024, 2048, 2048, 16_384]),
  };
}

function choosePlan(random: Random, bytes: [number, number], mine: 0 | 1): StreamPlan {
  const peer = mine === 0 ? 1 : 0;
  return {
    total: bytes[mine],
    pattern: mine,
    peerTotal: bytes[peer],
    peerPattern: peer,
    writeChunk: random.pick([1, 100, 1_000, 10_000, 100_000]),
    readChunk: random.pick([100, 1_000, 10_000, 100_000]),
    writePause: random.pick([0, 0, 100, 10_000]),
    readPause: random.pick([0, 0, 100, 10_000, 300_000]),
    sendRing: random.pick([2_000, 20_000, 200_000]),
  };
}

/** Small writes and reads with pauses take long for many bytes: keeps a run within some 10,000 steps. */
function mostBytes(plan: Omit<StreamPlan, 'total'>): number {
  return 5_000 * Math.min(plan.writeChunk, plan.readChunk);
}

/**
 * Runs one connection in both directions until everything has arrived, both ends are closed, TIME_WAIT
 * is over and everything was given back.
 * @throws an error that says what is wrong; the seed is the caller's to tell
 */
export function runTransfer(seed: number, options: TransferOptions = {}): TransferResult {
  const random = seededRandom(seed);
  const agenda = new Agenda();
  agenda.now = random.integer(0, 1_000_000);
  const conditions = { ...chooseConditions(random), ...options.conditions };
  const link = new Link(agenda, random, conditions);
  const client = new SimulatedHost(agenda, random, link, 0, chooseDevice(random));
  const server = new SimulatedHost(agenda, random, link, 1, chooseDevice(random));
  const most = options.bytes ?? 200_000;
  const bytes: [number, number] = [random.integer(0, most), random.integer(0, most)];
  const plans = [choosePlan(random, bytes, 0), choosePlan(random, bytes, 1)] as const;
  if (options.bytes === undefined) {
    bytes[0] = Math.min(bytes[0], mostBytes({ ...plans[0], readChunk: plans[1].readChunk }));
    bytes[1] = Math.min(bytes[1], mostBytes({ ...plans[1], readChunk: plans[0].readChunk }));
  }
  const planOf = (mine: 0 | 1): StreamPlan => ({
    ...plans[mine],
    total: bytes[mine],
    peerTotal: bytes[mine === 0 ? 1 : 0],
  });

  let events = 0;
  const run = (until: () => boolean, latest: number): void => {
    while (!until() && agenda.next <= latest) {
      agenda.step();
      events += 1;
      if (events > mostEvents) throw new Error('endless activity without progress');
    }
  };

  let accepted: Stream | undefined;
  const settings = { ...defaultSettings(), ...options.settings };
  const binding = server.tcp.bind(server.endpoint(port), {
    reuseAddress: false,
    reusePort: false,
    v6Only: false,
  });
  if (typeof binding === 'string') throw new Error(`bind: ${binding}`);
  const listener = server.tcp.listen(binding, 10, settings, {
    waiting: () => 0,
    accept: (connection: TcpConnection) => {
      if (accepted !== undefined) throw new Error('a second connection was offered');
      accepted = new Stream(server.arena, agenda, random, planOf(1), () => server.wake());
      accepted.start(connection, true);
      return accepted;
    },
  });
  if (typeof listener === 'string') throw new Error(`listen: ${listener}`);

  const stream = new Stream(client.arena, agenda, random, planOf(0), () => client.wake());
  const connection = client.tcp.connect(server.endpoint(port), null, stream, settings);
  if (typeof connection === 'string') throw new Error(`connect: ${connection}`);
  stream.start(connection, false);
  client.wake();

  if (random.chance(0.3)) {
    agenda.at(agenda.now + random.integer(0, 2 * second), () => {
      conditions.pathMtu = random.pick([0, 576, 800, 1280]);
      link.conditions.pathMtu = conditions.pathMtu;
    });
  }

  const start = agenda.now;
  const isOver = (): boolean =>
    stream.error !== undefined ||
    accepted?.error !== undefined ||
    (stream.isComplete && accepted?.isComplete === true);
  run(isOver, start + limit);
  const duration = agenda.now - start;
  for (const [name, one] of [['client', stream] as const, ['server', accepted] as const]) {
    if (one === undefined) throw new Error(`the connection never came up (${describe(stream)})`);
    if (one.error !== undefined) throw new Error(`the ${name} failed: ${one.error}`);
    if (!one.isComplete) throw new Error(`the ${name} did not finish: ${describe(one)}`);
  }
  stream.connection?.close();
  accepted?.connection?.close();
  client.wake();
  server.wake();
  listener.close();
  run(() => stream.isGone && accepted?.isGone === true, agenda.now + limit);
  if (!stream.isGone || !accepted?.isGone) {
    throw new Error(`not closed: ${describe(stream)}; ${accepted && describe(accepted)}`);
  }
  // TIME_WAIT, delayed frames and caches come to their end.
  run(() => false, agenda.now + 3600 * second);
  for (const [name, host] of [
    ['client', client],
    ['server', server],
  ] as const) {
    const left = [...host.tcp.connections()].length;
    if (left !== 0) throw new Error(`${name}: ${left} connections are left`);
    const { packets } = host.leaks();
    if (packets !== 0) throw new Error(`${name}: ${packets} packets were not released`);
    if (host.stack.tcpPorts.size !== 0) {
      throw new Error(`${name}: ${host.stack.tcpPorts.size} ports were not released`);
    }
    const { timers } = host.leaks();
    if (timers !== 0) throw new Error(`${name}: ${timers} timers are still set`);
    host.close();
    const { bytes: memory } = host.leaks();
    if (memory !== 0) throw new Error(`${name}: ${memory} bytes of memory were not given back`);
  }
  return {
    conditions,
    counters: link.counters,
    client: stream,
    server: accepted,
    duration,
    events,
  };
}

function describe(stream: Stream): string {
  return JSON.stringify({
    written: stream.written,
    read: stream.read,
    sawEnd: stream.sawEnd,
    established: stream.established,
    closed: stream.closed,
    error: stream.error,
    unsent: stream.isGone ? undefined : stream.send.length,
    unread: stream.isGone ? undefined : stream.receive.length,
  });
}
