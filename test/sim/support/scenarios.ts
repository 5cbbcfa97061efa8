/** What can happen to one connection beside an ordinary transfer. Each throws what is wrong. */
import type { SocketError } from '@runtimejs/net/errors.ts';
import { defaultSettings } from '@runtimejs/net/tcp/tcp.ts';
import type { Stream } from './stream.ts';
import { chooseConditions, choosePlans, expectComplete } from './transfer.ts';
import { hour, minute, second, steadyPlan, World } from './world.ts';

/** A peer that is silent is noticed within about a minute and a half. */
const watchful = {
  keepAlive: true,
  keepAliveIdle: 20,
  keepAliveInterval: 10,
  keepAliveCount: 8,
};

function badWorld(seed: number): World {
  const world = new World(seed);
  Object.assign(world.link.conditions, chooseConditions(world.random, world.family), {
    bandwidth: 0,
  });
  return world;
}

function expectError(stream: Stream, ...allowed: readonly SocketError[]): void {
  if (stream.error === undefined || !allowed.includes(stream.error)) {
    throw new Error(`failed with ${stream.error} instead of ${allowed.join(' or ')}`);
  }
}

/** One end aborts at a random moment: the other hears of it, at once or when it is noticed. */
export function abort(seed: number): void {
  const world = badWorld(seed);
  const [one, other] = choosePlans(world.random);
  const { client, server } = world.pair([one, other], watchful);
  world.run(() => false, world.agenda.now + world.random.integer(0, 3 * second));
  const [leaver, left] = world.random.chance(0.5) ? [client, server] : [server, client];
  const wasComplete = left.isComplete;
  if (!leaver.isGone) leaver.abort();
  world.expect('the other end to notice', () => left.isGone || left.isComplete, hour);
  if (!left.isGone) {
    if (!wasComplete && !left.isComplete) throw new Error('neither complete nor failed');
    world.close(left);
  } else if (left.error !== undefined) {
    // A reset after the peer's FIN: EPIPE, as Linux has it.
    expectError(left, left.sawEnd ? 'EPIPE' : 'ECONNRESET', 'ETIMEDOUT', 'EHOSTUNREACH');
  }
  world.end();
}

/** On a good network the other end gets ECONNRESET, after at most one way. */
export function abortOnGoodNetwork(seed: number): void {
  const world = new World(seed);
  const bytes = [5_000_000, world.random.integer(1, 5_000_000)] as const;
  const slow = { writePause: 20_000 };
  const plans = [
    { ...steadyPlan(bytes, 0), ...slow },
    { ...steadyPlan(bytes, 1), ...slow },
  ] as const;
  const { client, server } = world.pair(plans);
  world.pass(world.random.integer(0, second));
  if (client.isGone || server.isGone || client.isComplete) throw new Error('too early an end');
  const [leaver, left] = world.random.chance(0.5) ? [client, server] : [server, client];
  leaver.abort();
  world.pass(second);
  expectError(left, left.sawEnd ? 'EPIPE' : 'ECONNRESET');
  world.end();
}

/** One way was closed long ago, and much comes the other way. */
export function halfClose(seed: number): void {
  const world = badWorld(seed);
  const total = world.random.integer(100_000, 1_000_000);
  const plans = [steadyPlan([0, total], 0), steadyPlan([0, total], 1)] as const;
  const { client, server } = world.pair(plans);
  world.expect('everything', () => client.isGone || (client.isComplete && server.isComplete));
  expectComplete('client', client);
  expectComplete('server', server);
  world.close(client, server);
  world.end();
}

/** Both connect to each other at the same instant: one connection (RFC 9293, section 3.5, figure 7). */
export function simultaneousOpen(seed: number): void {
  const world = badWorld(seed);
  Object.assign(world.link.conditions, { loss: 0, corrupt: 0, reorder: 0, back: {} });
  world.link.conditions.delay = Math.max(5_000, world.link.conditions.delay);
  const [one, other] = choosePlans(world.random, 50_000);
  const streams = ([0, 1] as const).map((on) => {
    const host = world.hosts[on];
    const peer = world.hosts[on === 0 ? 1 : 0];
    const flags = { reuseAddress: false, reusePort: false, v6Only: false };
    const binding = host.tcp.bind(host.endpoint(5000), flags);
    if (typeof binding === 'string') throw new Error(`bind: ${binding}`);
    const stream = world.stream(on, on === 0 ? one : other);
    const connection = host.tcp.connect(peer.endpoint(5000), binding, stream, defaultSettings());
    if (typeof connection === 'string') throw new Error(`connect: ${connection}`);
    stream.start(connection, false);
    host.wake();
    return stream;
  }) as [Stream, Stream];
  world.expect('everything', () => streams.every((it) => it.isGone || it.isComplete));
  streams.forEach((it, index) => {
    expectComplete(`end ${index}`, it);
  });
  const opens = world.hosts.map((host) => host.counter('tcp', 'simultaneousOpens'));
  if (opens.join() !== '1,1') throw new Error(`simultaneous opens: ${opens}`);
  world.close(...streams);
  world.end();
}

/** Both have said everything at the same instant: FINs cross (RFC 9293, figure 13). */
export function simultaneousClose(seed: number): void {
  const world = new World(seed);
  world.link.conditions.delay = world.random.pick([10, 1_000, 50_000]);
  const loss = world.random.pick([0, 0, 0.1, 0.3]);
  const { client, server } = world.pair([steadyPlan([0, 0], 0), steadyPlan([0, 0], 1)]);
  Object.assign(world.link.conditions, { loss });
  client.connection?.close();
  server.connection?.close();
  world.wake();
  world.expect('the end', () => client.isGone && server.isGone);
  for (const one of [client, server]) {
    if (one.error !== undefined) throw new Error(`failed: ${one.error}`);
  }
  world.end();
}

/** A peer that reads nothing for an hour, and then everything: the window stays closed, nobody gives up. */
export function neverReads(seed: number): void {
  const world = badWorld(seed);
  const total = 3_000_000;
  const plans = [
    { ...steadyPlan([total, 0], 0), sendRing: 200_000 },
    { ...steadyPlan([total, 0], 1), readFrom: world.agenda.now + hour },
  ] as const;
  const settings = { receiveBuffer: world.random.pick([4_096, 65_536, 1 << 18]) };
  const { client, server } = world.pair(plans, settings);
  world.run(() => client.isGone || server.isGone, world.agenda.now + hour - 10 * minute);
  if (client.isGone || server.isGone) throw new Error(`gave up: ${client.error} ${server.error}`);
  if (server.read !== 0) throw new Error('something was read');
  if (client.written - client.send.length > 2 * settings.receiveBuffer) {
    throw new Error('more was taken than the window holds');
  }
  const probes = world.hosts[0].counter('tcp', 'zeroWindowProbes');
  if (probes < 10 || probes > 3_000) throw new Error(`${probes} window probes in an hour`);
  world.expect('everything', () => client.isGone || (client.isComplete && server.isComplete));
  expectComplete('client', client);
  expectComplete('server', server);
  world.close(client, server);
  world.end();
}

/** The network is cut for half a minute to five minutes, then heals: nothing is lost. */
export function cutForAWhile(seed: number): void {
  const world = badWorld(seed);
  const plans = [steadyPlan([900_000, 900_000], 0), steadyPlan([900_000, 900_000], 1)] as const;
  const { client, server } = world.pair(plans);
  world.pass(world.random.integer(0, second));
  world.link.conditions.cut = true;
  world.pass(world.random.integer(30 * second, 5 * minute));
  world.link.conditions.cut = false;
  world.run(
    () => client.isGone || server.isGone || (client.isComplete && server.isComplete),
    world.agenda.now + hour,
  );
  expectComplete('client', client);
  expectComplete('server', server);
  world.close(client, server);
  world.end();
}

/** The network is cut for ever: whoever has something to say, or asks, hears ETIMEDOUT. */
export function cutForEver(seed: number): void {
  const world = badWorld(seed);
  const plans = [steadyPlan([900_000, 0], 0), steadyPlan([900_000, 0], 1)] as const;
  const { client, server } = world.pair(plans, watchful);
  world.pass(world.random.integer(0, 200_000));
  world.link.conditions.cut = true;
  if (client.isComplete) return;
  world.run(() => client.isGone && server.isGone, world.agenda.now + hour);
  if (!client.isGone || !server.isGone) throw new Error('they go on hoping');
  for (const one of [client, server]) {
    if (one.error !== undefined) expectError(one, 'ETIMEDOUT', 'EHOSTUNREACH');
    else if (!one.closed) throw new Error('gone without a word');
  }
  world.end();
}

/** The path takes less, then more, many times; at times nobody says so. */
export function pathMtuChanges(seed: number): void {
  const world = new World(seed, { devices: [{ mtu: 1500 }, { mtu: 1500 }] });
  const { random, link, agenda, family } = world;
  link.conditions.delay = 5_000;
  link.conditions.loss = random.pick([0, 0.01]);
  link.conditions.blackHole = random.chance(0.3);
  const plans = [steadyPlan([700_000, 500_000], 0), steadyPlan([700_000, 500_000], 1)] as const;
  const { client, server } = world.pair(
    plans.map((plan) => ({ ...plan, writePause: 100_000 })) as [
      (typeof plans)[0],
      (typeof plans)[1],
    ],
  );
  for (let change = 0; change < 20; change += 1) {
    agenda.at(agenda.now + random.integer(0, 4 * second), () => {
      link.conditions.pathMtu = random.pick(
        family === 4 ? [0, 552, 576, 1006, 1400] : [0, 1280, 1300, 1400],
      );
    });
  }
  world.expect('everything', () => client.isGone || (client.isComplete && server.isComplete));
  expectComplete('client', client);
  expectComplete('server', server);
  world.close(client, server);
  world.end();
}

/** Every allocation fails now and then: it takes longer or fails with an error, but nothing is wrong or left. */
export function tinyMemory(seed: number): void {
  const world = badWorld(seed);
  const { random } = world;
  const rate = random.pick([0.05, 0.3, 0.7]);
  const until = world.agenda.now + (random.chance(0.5) ? minute : 12 * hour);
  for (const { arena } of world.hosts) {
    arena.refuses = () => world.agenda.now < until && random.chance(rate);
  }
  let streams: Stream[] = [];
  try {
    const { client, server } = world.pair(choosePlans(random, 300_000), watchful);
    streams = [client, server];
  } catch (error) {
    if (!/never came up|never: a connection/.test((error as Error).message)) throw error;
    return;
  }
  const [client, server] = streams as [Stream, Stream];
  world.run(
    () => client.isGone || server.isGone || (client.isComplete && server.isComplete),
    world.agenda.now + 4 * hour,
  );
  if (client.isComplete && server.isComplete) {
    world.close(client, server);
  } else {
    for (const one of streams) {
      if (one.error !== undefined)
        expectError(one, 'ECONNRESET', 'ETIMEDOUT', 'EHOSTUNREACH', 'EPIPE');
      else if (!one.isGone) one.abort();
    }
    world.run(() => streams.every((one) => one.isGone), world.agenda.now + hour);
  }
  world.end();
}
