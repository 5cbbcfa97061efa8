/** Many connections: at once against a small backlog, and one after the other. */
import { defaultSettings } from '@runtimejs/net/tcp/tcp.ts';
import type { TcpConnection } from '@runtimejs/net/tcp/types.ts';
import type { Stream, StreamPlan } from './stream.ts';
import { hour, minute, second, steadyPlan, World } from './world.ts';

/** Connections that wait for accept(2), as a kernel holds them. */
class AcceptQueue {
  readonly waiting: Stream[] = [];
  readonly taken: Stream[] = [];
  readonly #world: World;
  readonly #plan: StreamPlan;

  constructor(world: World, plan: StreamPlan) {
    this.#world = world;
    this.#plan = plan;
  }

  offer(_connection: TcpConnection): Stream {
    const stream = this.#world.stream(1, this.#plan);
    this.waiting.push(stream);
    return stream;
  }

  take(): void {
    const stream = this.waiting.shift();
    if (stream !== undefined) this.taken.push(stream);
  }
}

/** A listener with a backlog of 1 to 5 and 200 clients at once: nearly all are served in the end. */
export function smallBacklog(seed: number): void {
  const world = new World(seed, { mostEvents: 10_000_000 });
  const { random, agenda, hosts } = world;
  world.link.conditions.delay = random.pick([50, 5_000]);
  world.link.conditions.loss = random.pick([0, 0.02]);
  const backlog = random.integer(1, 5);
  const bytes = [3_000, 2_000] as const;
  const queue = new AcceptQueue(world, steadyPlan(bytes, 1));
  const listener = world.listen(80, backlog, (connection) => queue.offer(connection), {
    waiting: () => queue.waiting.length,
  });
  const clients: Stream[] = [];
  for (let count = 0; count < 200; count += 1) {
    agenda.at(agenda.now + random.integer(0, second), () => {
      clients.push(world.connect(80, steadyPlan(bytes, 0)));
    });
  }
  let most = 0;
  const pause = random.pick([1_000, 20_000]);
  let isServing = true;
  const serve = (): void => {
    most = Math.max(most, queue.waiting.length);
    queue.take();
    for (const one of queue.taken) {
      if (one.isComplete && !one.isGone) one.connection?.close();
    }
    hosts[1].wake();
    if (isServing) agenda.at(agenda.now + pause, serve);
  };
  serve();
  const isOver = (): boolean => {
    for (const one of clients) if (one.isComplete && !one.isGone) one.connection?.close();
    hosts[0].wake();
    return clients.length === 200 && clients.every((one) => one.isGone);
  };
  for (let left = 3_600; left > 0 && !isOver(); left -= 1) world.pass(second);
  isServing = false;
  const failed = clients.filter((one) => one.error !== undefined);
  const served = clients.filter((one) => one.closed && one.error === undefined);
  if (failed.length + served.length !== 200) throw new Error('some neither failed nor were served');
  // Clients that come at once try again at once: some find the queue full each time.
  const refused = failed.filter((one) => one.error !== 'ETIMEDOUT');
  if (refused.length > 0 || failed.length > 20) {
    const errors = [...new Set(failed.map((one) => one.error))];
    throw new Error(`${failed.length} of 200 failed: ${errors}`);
  }
  if (most > backlog + 1) throw new Error(`${most} waited with a backlog of ${backlog}`);
  world.pass(minute);
  for (const one of [...queue.taken, ...queue.waiting]) if (!one.isGone) one.connection?.close();
  listener.close();
  world.end();
}

/** A thousand short connections, each ended in some way: nothing stays behind. */
export function manyShort(seed: number): void {
  const world = new World(seed, { mostEvents: 10_000_000 });
  const { random, hosts } = world;
  world.link.conditions.loss = random.pick([0, 0, 0.01]);
  const before = hosts.map((host) => host.arena.allocated);
  let server: Stream | undefined;
  let plan = steadyPlan([0, 0], 1);
  const listener = world.listen(80, 16, () => {
    server = world.stream(1, plan);
    return server;
  });
  for (let count = 0; count < 1000; count += 1) {
    const bytes = [random.integer(0, 3_000), random.integer(0, 3_000)] as const;
    plan = steadyPlan(bytes, 1);
    server = undefined;
    const client = world.connect(80, steadyPlan(bytes, 0));
    world.run(
      () => client.isGone || (client.established && server !== undefined),
      world.agenda.now + minute,
    );
    if (client.error !== undefined) throw new Error(`connection ${count}: ${client.error}`);
    const accepted = server as Stream | undefined;
    if (accepted === undefined) throw new Error(`connection ${count} was not accepted`);
    end(world, client, accepted);
    if (random.chance(0.01)) world.pass(random.integer(0, 90 * second));
  }
  listener.close();
  world.pass(10 * minute);
  hosts.forEach((host, index) => {
    // Devices keep the packets that they once made.
    if (host.tcp.connectionCount !== 0) throw new Error(`${host.tcp.connectionCount} connections`);
    if (host.arena.allocated > (before[index] as number) + 200_000) throw new Error('memory grew');
  });
  world.end();
}

/** Ends a connection in one of the ways that there are. */
function end(world: World, client: Stream, server: Stream): void {
  const { random } = world;
  const both = [client, server];
  const way = random.integer(0, 4);
  if (way >= 2) {
    world.run(() => both.every((one) => one.isGone || one.isComplete), world.agenda.now + hour);
  }
  const [first, last] = random.chance(0.5) ? [client, server] : [server, client];
  if (way === 0 || way === 2) first.abort();
  else if (!first.isGone) first.connection?.close();
  world.wake();
  if (way === 4) world.pass(random.integer(0, 2_000));
  if (!last.isGone) last.connection?.close();
  world.wake();
  world.run(() => both.every((one) => one.isGone), world.agenda.now + hour);
  if (!both.every((one) => one.isGone)) throw new Error(`not gone after way ${way}`);
}

/** The same four numbers again and again: TIME_WAIT makes room for a new connection (RFC 6191, RFC 9293 3.6.1). */
export function sameNumbersAgain(seed: number): void {
  const world = new World(seed);
  const { random, hosts } = world;
  const flags = { reuseAddress: true, reusePort: false, v6Only: false };
  const bytes = [500, 500] as const;
  let server: Stream | undefined;
  const listener = world.listen(80, 16, () => {
    server = world.stream(1, steadyPlan(bytes, 1));
    return server;
  });
  for (let count = 0; count < 20; count += 1) {
    server = undefined;
    const binding = hosts[0].tcp.bind(hosts[0].endpoint(40_000), flags);
    if (typeof binding === 'string') throw new Error(`bind: ${binding}`);
    const client = world.stream(0, steadyPlan(bytes, 0));
    const settings = defaultSettings();
    const connection = hosts[0].tcp.connect(hosts[1].endpoint(80), binding, client, settings);
    if (typeof connection === 'string') throw new Error(`connection ${count}: ${connection}`);
    client.start(connection, false);
    hosts[0].wake();
    world.expect(
      'a connection',
      () => client.isGone || (client.isComplete && server?.isComplete === true),
      minute,
    );
    if (client.error !== undefined) throw new Error(`connection ${count}: ${client.error}`);
    const ends = random.chance(0.5)
      ? [client, server as Stream | undefined]
      : [server as Stream | undefined, client];
    ends[0]?.connection?.close();
    world.wake();
    world.pass(20_000);
    ends[1]?.connection?.close();
    world.wake();
    world.expect(
      'the end',
      () => client.isGone && (server as Stream | undefined)?.isGone === true,
      minute,
    );
    world.pass(1_100_000 + random.integer(0, second));
  }
  const reused = hosts.reduce((sum, host) => sum + host.counter('tcp', 'timeWaitReused'), 0);
  if (reused < 10) throw new Error(`TIME_WAIT was reused ${reused} times only`);
  listener.close();
  world.end();
}
