/** One simulated connection from beginning to end, everything about it chosen by a seed. */
import type { TcpSettings } from '@runtimejs/net/tcp/types.ts';
import { type Link, type LinkConditions, perfectLink } from './link.ts';
import type { Random } from './random.ts';
import type { Stream, StreamPlan } from './stream.ts';
import { second, World } from './world.ts';

/** Two hours of virtual time: whoever has not finished by then hangs. */
const limit = 2 * 3600 * second;

/** What happened in a run. */
export interface TransferResult {
  readonly conditions: LinkConditions;
  readonly counters: Link['counters'];
  readonly client: Stream;
  readonly server: Stream;
  /** Virtual microseconds until both had everything. */
  readonly duration: number;
  readonly events: number;
}

/** What a run may change about the seed's choices. */
export interface TransferOptions {
  readonly conditions?: Partial<LinkConditions>;
  readonly bytes?: number;
  readonly settings?: Partial<TcpSettings>;
  readonly family?: 4 | 6;
}

/** A path MTU that is legal for a family (RFC 8200, section 5). */
function legalMtu(mtu: number, family: 4 | 6): number {
  return mtu === 0 || family === 4 ? mtu : Math.max(mtu, 1280);
}

export function chooseConditions(random: Random, family: 4 | 6): LinkConditions {
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
    pathMtu: legalMtu(random.pick([0, 0, 0, 576, 1006, 1400]), family),
    blackHole: random.chance(0.1),
    // What differs on the way back: often nothing.
    ...(random.chance(0.2) ? { back: { loss: random.pick([0, 0.2]), delay: 10_000 } } : {}),
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

/** Plans for both ends, by the seed. */
export function choosePlans(random: Random, exactly?: number): [StreamPlan, StreamPlan] {
  const most = exactly ?? 200_000;
  const bytes: [number, number] = [random.integer(0, most), random.integer(0, most)];
  const plans = [choosePlan(random, bytes, 0), choosePlan(random, bytes, 1)] as const;
  if (exactly === undefined) {
    bytes[0] = Math.min(bytes[0], mostBytes({ ...plans[0], readChunk: plans[1].readChunk }));
    bytes[1] = Math.min(bytes[1], mostBytes({ ...plans[1], readChunk: plans[0].readChunk }));
  }
  return [
    { ...plans[0], total: bytes[0], peerTotal: bytes[1] },
    { ...plans[1], total: bytes[1], peerTotal: bytes[0] },
  ];
}

/**
 * Runs one connection in both directions until everything has arrived, both ends are closed, TIME_WAIT
 * is over and everything was given back.
 * @throws an error that says what is wrong; the seed is the caller's to tell
 */
export function runTransfer(seed: number, options: TransferOptions = {}): TransferResult {
  const lateness = seed % 5 === 0 ? [0, 1_000, 15_000][seed % 3] : 0;
  const hosts = [{ lateness: lateness as number }, {}] as const;
  const world = new World(seed, { hosts, ...(options.family ? { family: options.family } : {}) });
  const { random, agenda, link, family } = world;
  Object.assign(link.conditions, chooseConditions(random, family), options.conditions);
  const plans = choosePlans(random, options.bytes);
  if (random.chance(0.3)) {
    agenda.at(agenda.now + random.integer(0, 2 * second), () => {
      link.conditions.pathMtu = legalMtu(random.pick([0, 576, 800, 1280]), family);
    });
  }
  const start = agenda.now;
  const { client, server } = world.pair(plans, options.settings);
  const ends = [client, server];
  world.run(
    () => ends.some((one) => one.error !== undefined) || ends.every((one) => one.isComplete),
    start + limit,
  );
  const duration = agenda.now - start;
  expectComplete('client', client);
  expectComplete('server', server);
  world.close(client, server);
  world.end();
  const { conditions, counters } = link;
  return { conditions, counters, client, server, duration, events: world.events };
}

/** Throws unless everything arrived on both sides of one end. */
export function expectComplete(name: string, stream: Stream): void {
  if (stream.error !== undefined) throw new Error(`the ${name} failed: ${stream.error}`);
  if (!stream.isComplete) throw new Error(`the ${name} did not finish: ${describe(stream)}`);
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
