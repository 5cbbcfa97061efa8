/** Two hosts on one wire and the time that passes for them: what every simulation begins and ends with. */
import { defaultSettings } from '@runtimejs/net/tcp/tcp.ts';
import type { TcpConnection, TcpListener, TcpSettings } from '@runtimejs/net/tcp/types.ts';
import { Agenda } from './clock.ts';
import type { DeviceAbilities } from './device.ts';
import { type HostOptions, SimulatedHost } from './host.ts';
import { Link, type LinkConditions, perfectLink } from './link.ts';
import { type Random, seededRandom } from './random.ts';
import { Stream, type StreamPlan } from './stream.ts';

export const second = 1_000_000;
export const minute = 60 * second;
export const hour = 60 * minute;

/** What differs between worlds; what is left out is chosen by the seed, or plain where that says so. */
export interface WorldOptions {
  readonly conditions?: Partial<LinkConditions>;
  readonly devices?: readonly [Partial<DeviceAbilities>, Partial<DeviceAbilities>];
  readonly hosts?: readonly [HostOptions, HostOptions];
  /** Default: by the seed. */
  readonly family?: 4 | 6;
  /** Events after which a run is taken for an endless loop. */
  readonly mostEvents?: number;
}

/** What a device can do, by the seed. */
export function chooseDevice(random: Random): DeviceAbilities {
  const checksums = random.chance(0.5);
  return {
    mtu: random.pick([1500, 1500, 1280, 9000]),
    checksums,
    segmentation: checksums && random.chance(0.5),
    receiveBuffer: random.pick([256, 1024, 2048, 2048, 16_384]),
  };
}

/** How an application reads and writes that has nothing special in mind. */
export function steadyPlan(bytes: readonly [number, number], mine: 0 | 1): StreamPlan {
  const peer = mine === 0 ? 1 : 0;
  return {
    total: bytes[mine],
    pattern: mine,
    peerTotal: bytes[peer],
    peerPattern: peer,
    writeChunk: 20_000,
    readChunk: 20_000,
    writePause: 0,
    readPause: 0,
    sendRing: 100_000,
  };
}

/** Two hosts, 0 and 1, and what is between them. */
export class World {
  readonly random: Random;
  readonly agenda = new Agenda();
  readonly link: Link;
  readonly family: 4 | 6;
  readonly hosts: readonly [SimulatedHost, SimulatedHost];
  /** Sees every frame of all worlds made from now on, for recording. */
  static recorder: ((from: 0 | 1, frame: Uint8Array) => void) | undefined;
  readonly #mostEvents: number;
  /** Events until now. */
  events = 0;

  constructor(seed: number, options: WorldOptions = {}) {
    const random = seededRandom(seed);
    this.random = random;
    this.#mostEvents = options.mostEvents ?? 3_000_000;
    this.agenda.now = random.integer(0, 1_000_000);
    this.family = options.family ?? random.pick([4, 6] as const);
    this.link = new Link(this.agenda, random, { ...perfectLink });
    this.link.onFrame = World.recorder;
    const optimistic = random.chance(0.5);
    const host = (end: 0 | 1): SimulatedHost =>
      new SimulatedHost(
        this.agenda,
        random,
        this.link,
        end,
        { ...chooseDevice(random), ...options.devices?.[end] },
        { family: this.family, optimistic, ...options.hosts?.[end] },
      );
    this.hosts = [host(0), host(1)];
    this.run(() => this.hosts.every((one) => one.isConfigured), this.agenda.now + minute);
    if (!this.hosts.every((one) => one.isConfigured)) throw new Error('a host got no addresses');
    Object.assign(this.link.conditions, options.conditions);
  }

  /** Lets things happen until a condition holds; not beyond an instant. @returns whether it holds */
  run(until: () => boolean, latest: number): boolean {
    while (!until()) {
      if (this.agenda.next > latest) {
        if (latest !== Number.POSITIVE_INFINITY) {
          this.agenda.now = Math.max(latest, this.agenda.now);
        }
        return until();
      }
      this.agenda.step();
      this.events += 1;
      if (this.events > this.#mostEvents) throw new Error('endless activity without progress');
    }
    return true;
  }

  /** Lets time pass. */
  pass(microseconds: number): void {
    this.run(() => false, this.agenda.now + microseconds);
  }

  /** Lets things happen until a condition holds, within a time; throws when it does not. */
  expect(what: string, condition: () => boolean, within = 2 * hour): void {
    if (!this.run(condition, this.agenda.now + within)) throw new Error(`never: ${what}`);
  }

  /** An application on a host. */
  stream(on: 0 | 1, plan: StreamPlan): Stream {
    const host = this.hosts[on];
    const { memory } = host.environment;
    return new Stream(host.arena, this.agenda, this.random, plan, () => host.wake(), memory);
  }

  /** A stream on host 0 that connects to a port of host 1. Throws when that cannot even begin. */
  connect(port: number, plan: StreamPlan, settings: Partial<TcpSettings> = {}): Stream {
    const [client, server] = this.hosts;
    const stream = this.stream(0, plan);
    const connection = client.tcp.connect(server.endpoint(port), null, stream, {
      ...defaultSettings(),
      ...settings,
    });
    if (typeof connection === 'string') {
      stream.discard();
      throw new Error(`connect: ${connection}`);
    }
    stream.start(connection, false);
    client.wake();
    return stream;
  }

  /** Listens on host 1; each connection gets the stream that `accept` makes, or none. */
  listen(
    port: number,
    backlog: number,
    accept: (connection: TcpConnection) => Stream | null,
    options: { settings?: Partial<TcpSettings>; waiting?: () => number } = {},
  ): TcpListener {
    const { tcp } = this.hosts[1];
    const flags = { reuseAddress: true, reusePort: false, v6Only: false };
    const binding = tcp.bind(this.hosts[1].endpoint(port), flags);
    if (typeof binding === 'string') throw new Error(`bind: ${binding}`);
    const settings = { ...defaultSettings(), ...options.settings };
    const listener = tcp.listen(binding, backlog, settings, {
      waiting: options.waiting ?? (() => 0),
      accept: (connection) => {
        const stream = accept(connection);
        stream?.start(connection, true);
        return stream;
      },
    });
    if (typeof listener === 'string') throw new Error(`listen: ${listener}`);
    return listener;
  }

  /**
   * Two connected streams that do as planned. The listener is closed once there is a connection.
   */
  pair(
    plans: readonly [StreamPlan, StreamPlan],
    settings: Partial<TcpSettings> = {},
  ): { client: Stream; server: Stream } {
    let server: Stream | undefined;
    const listener = this.listen(
      80,
      10,
      () => {
        if (server !== undefined) throw new Error('a second connection was offered');
        server = this.stream(1, plans[1]);
        return server;
      },
      { settings },
    );
    let client: Stream;
    let tries = 0;
    do {
      tries += 1;
      if (tries > 1) this.pass(2 * second);
      client = this.connect(80, plans[0], settings);
      this.expect(
        'a connection',
        () => client.error !== undefined || (client.established && server !== undefined),
        10 * minute,
      );
      // Three questions after the neighbour, or their answers, were lost: applications try again.
    } while (client.error === 'EHOSTUNREACH' && server === undefined && tries < 10);
    listener.close();
    if (server === undefined) throw new Error(`the connection never came up: ${client.error}`);
    return { client, server };
  }

  /** Both applications close; throws unless both connections end in order. */
  close(...streams: readonly Stream[]): void {
    for (const stream of streams) stream.connection?.close();
    this.wake();
    this.expect('the end of the connections', () => streams.every((stream) => stream.isGone));
  }

  wake(): void {
    for (const host of this.hosts) host.wake();
  }

  /** TIME_WAIT, delayed frames and caches come to their end; then nothing may be left anywhere. */
  end(): void {
    this.pass(hour);
    this.hosts.forEach((host, index) => {
      const left = [...host.tcp.connections()].length;
      const { packets, timers } = host.leaks();
      expectNone(index, left, 'connections are left');
      expectNone(index, packets, 'packets were not released');
      expectNone(index, host.stack.tcpPorts.size, 'TCP ports were not released');
      expectNone(index, host.stack.udpPorts.size, 'UDP ports were not released');
      expectNone(index, host.stack.reassembly.size, 'datagrams are still being put together');
      expectNone(index, timers, 'timers are still set');
      host.close();
      expectNone(index, host.leaks().bytes, 'bytes of memory were not given back');
    });
  }
}

function expectNone(host: number, count: number, what: string): void {
  if (count !== 0) throw new Error(`host ${host}: ${count} ${what}`);
}
