/** TCP, UDP and IP layers that do what a test tells them, for tests of the socket service alone. */
import { anyV4, type Endpoint, type IpAddress, loopbackV4 } from '@runtimejs/net/address.ts';
import type { Environment } from '@runtimejs/net/environment.ts';
import type { SocketError } from '@runtimejs/net/errors.ts';
import { HostMemory } from '@runtimejs/net/memory.ts';
import type { NetworkLayer, ReceivedHeader, Route } from '@runtimejs/net/network.ts';
import { Packet } from '@runtimejs/net/packet.ts';
import type { SocketParts } from '@runtimejs/net/sockets/host.ts';
import { SocketService } from '@runtimejs/net/sockets/service.ts';
import { TimerQueue } from '@runtimejs/net/storage/timers.ts';
import type {
  BindFlags,
  PortBinding,
  TcpApi,
  TcpConnection,
  TcpListener,
  TcpListenerEvents,
  TcpSettings,
  TcpUser,
} from '@runtimejs/net/tcp/types.ts';
import type {
  UdpApi,
  UdpEndpoint,
  UdpEvents,
  UdpSendOptions,
  UdpSettings,
} from '@runtimejs/net/udp/types.ts';
import { FakeKernel } from './fake-broker.ts';

/** A binding that knows whether it was given back. */
export class FakeBinding implements PortBinding {
  readonly local: Endpoint;
  readonly flags: BindFlags;
  isReleased = false;

  constructor(local: Endpoint, flags: BindFlags) {
    this.local = local;
    this.flags = flags;
  }

  release(): void {
    if (this.isReleased) throw new Error('The binding was released twice');
    this.isReleased = true;
  }
}

/** Bindings of a fake transport: ports are given from 40000 on. */
class FakeBindings {
  readonly bindings: FakeBinding[] = [];
  bindError: SocketError | null = null;
  #nextPort = 40000;

  bind(local: Endpoint, flags: BindFlags): PortBinding | SocketError {
    if (this.bindError !== null) return this.bindError;
    const port = local.port === 0 ? this.#nextPort++ : local.port;
    const binding = new FakeBinding({ ...local, port }, flags);
    this.bindings.push(binding);
    return binding;
  }
}

export class FakeConnection implements TcpConnection {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly settings: TcpSettings;
  readonly calls: string[] = [];
  user: TcpUser | null = null;
  sendTarget = 0;
  windowUpdateAfter = Number.POSITIVE_INFINITY;
  isQuiescent = true;

  constructor(local: Endpoint, remote: Endpoint, settings: TcpSettings) {
    this.local = local;
    this.remote = remote;
    this.settings = settings;
  }

  sendMore(): void {
    this.calls.push('sendMore');
  }
  received(): void {
    this.calls.push('received');
  }
  shutdownSend(): void {
    this.calls.push('shutdownSend');
  }
  close(): void {
    this.calls.push('close');
  }
  abort(): void {
    this.calls.push('abort');
  }
  settingsChanged(): void {
    this.calls.push('settingsChanged');
  }
  info(into: Uint8Array): number {
    into[0] = 1;
    return 232;
  }
}

export class FakeTcp extends FakeBindings implements TcpApi {
  readonly connections: FakeConnection[] = [];
  readonly listeners: {
    readonly events: TcpListenerEvents;
    readonly settings: TcpSettings;
    backlog: number;
    isClosed: boolean;
  }[] = [];
  connectError: SocketError | null = null;

  connect(
    remote: Endpoint,
    binding: PortBinding | null,
    user: TcpUser,
    settings: TcpSettings,
  ): TcpConnection | SocketError {
    if (this.connectError !== null) return this.connectError;
    const local = binding?.local ?? { address: loopbackV4, port: 50000, scope: 0 };
    const connection = new FakeConnection(local, remote, settings);
    connection.user = user;
    this.connections.push(connection);
    return connection;
  }

  listen(
    binding: PortBinding,
    backlog: number,
    settings: TcpSettings,
    events: TcpListenerEvents,
  ): TcpListener | SocketError {
    const listener = { events, settings, backlog, isClosed: false };
    this.listeners.push(listener);
    return {
      local: binding.local,
      setBacklog: (value) => {
        listener.backlog = value;
      },
      close: () => {
        listener.isClosed = true;
        binding.release();
      },
    };
  }
}

export class FakeUdpEndpoint implements UdpEndpoint {
  readonly local: Endpoint;
  peer: Endpoint | null = null;
  readonly settings: UdpSettings = {
    broadcast: false,
    hopLimit: 0,
    trafficClass: 0,
    multicastHopLimit: 1,
    multicastLoop: true,
    multicastInterface: 0,
    dontFragment: false,
  };
  readonly events: UdpEvents;
  readonly sent: { to: Endpoint | null; data: string; hopLimit: number }[] = [];
  readonly memberships: string[] = [];
  sendResult: SocketError | null = null;
  isClosed = false;
  readonly #environment: Environment;

  constructor(environment: Environment, local: Endpoint, events: UdpEvents) {
    this.#environment = environment;
    this.local = local;
    this.events = events;
  }

  connect(peer: Endpoint | null): SocketError | null {
    this.peer = peer;
    return null;
  }

  send(
    to: Endpoint | null,
    offset: number,
    length: number,
    options: UdpSendOptions,
  ): SocketError | null {
    if (this.sendResult !== null) return this.sendResult;
    const data = Buffer.from(this.#environment.memory.bytes.subarray(offset, offset + length));
    this.sent.push({ to, data: data.toString('latin1'), hopLimit: options.hopLimit });
    return null;
  }

  setMembership(
    group: IpAddress,
    interfaceIndex: number,
    join: boolean,
    source?: IpAddress,
  ): SocketError | null {
    const text = [group, source].map((each) => each?.word3.toString(16)).join('<');
    this.memberships.push(`${join ? '+' : '-'}${text}%${interfaceIndex}`);
    return null;
  }

  close(): void {
    this.isClosed = true;
  }
}

export class FakeUdp extends FakeBindings implements UdpApi {
  readonly endpoints: FakeUdpEndpoint[] = [];
  readonly #environment: Environment;

  constructor(environment: Environment) {
    super();
    this.#environment = environment;
  }

  open(binding: PortBinding, events: UdpEvents): UdpEndpoint {
    const endpoint = new FakeUdpEndpoint(this.#environment, binding.local, events);
    this.endpoints.push(endpoint);
    return endpoint;
  }
}

/** An IP layer with or without routes. */
export class FakeNetwork implements NetworkLayer {
  configuring = false;
  routeError: SocketError | null = null;
  #waiting: (() => void)[] = [];

  route(destination: IpAddress): Route | SocketError {
    if (this.routeError !== null) return this.routeError;
    return {
      destination,
      source: loopbackV4,
      interface: { index: 2, name: 'eth0' },
      valid: true,
      mtu: 1400,
      segmentation: 0,
      checksumOffload: false,
      isLocal: false,
      isGroup: false,
    };
  }

  onConfigured(then: () => void): void {
    this.#waiting.push(then);
  }

  /** Configuration ended. */
  finish(routeError: SocketError | null): void {
    this.configuring = false;
    this.routeError = routeError;
    for (const then of this.#waiting.splice(0)) then();
  }

  isLocal(address: IpAddress): boolean {
    return address.equals(loopbackV4);
  }

  allocate(): Packet | null {
    return null;
  }
  send(_route: Route, packet: Packet): void {
    packet.release();
  }
  pseudoHeaderSum(): number {
    return 0;
  }
  confirmReachable(): void {}
  learnMtu(): void {}
}

/** A header of a received packet, from 10.0.0.9 to 10.0.0.1. */
export function fakeHeader(source: IpAddress, destination: IpAddress): ReceivedHeader {
  return {
    interface: { index: 2, name: 'eth0' },
    isV4: source.isV4,
    source0: source.word0,
    source1: source.word1,
    source2: source.word2,
    source3: source.word3,
    destination0: destination.word0,
    destination1: destination.word1,
    destination2: destination.word2,
    destination3: destination.word3,
    protocol: 17,
    payloadLength: 0,
    hopLimit: 63,
    trafficClass: 4,
    isMulticast: false,
    pseudoHeaderSum: () => 0,
    sourceAddress: () => source,
    destinationAddress: () => destination,
  };
}

/** A service over all the fakes. */
export class FakeWorld {
  readonly memory = new HostMemory(96 * 1024 * 1024);
  readonly kernel = new FakeKernel(this.memory);
  readonly environment: Environment = {
    memory: this.memory,
    clock: { now: 1_000_000 },
    timers: new TimerQueue(),
    random: (into) => into.fill(7),
    log: () => {},
  };
  readonly network = new FakeNetwork();
  readonly tcp = new FakeTcp();
  readonly udp: FakeUdp;
  readonly service: SocketService;

  constructor() {
    this.udp = new FakeUdp(this.environment);
    const parts: SocketParts = {
      environment: this.environment,
      network: this.network,
      tcp: this.tcp,
      udp: this.udp,
      broker: this.kernel,
      interfaceOf: (address) => (address.word3 === 0x0a000001 ? 2 : 0),
    };
    this.service = new SocketService(parts);
  }

  /** One turn of the service. */
  turn(): void {
    this.service.poll();
    this.service.flush();
  }

  /** Lets time pass, with turns when the service wants them. */
  pass(microseconds: number): void {
    const end = this.environment.clock.now + microseconds;
    while (this.service.deadline <= end) {
      this.environment.clock.now = Math.max(this.service.deadline, this.environment.clock.now);
      this.turn();
    }
    this.environment.clock.now = end;
  }

  /** A packet with a payload at the end of memory. */
  packet(data: Uint8Array): Packet {
    const base = this.memory.bytes.length - 128 * 1024;
    const packet = new Packet(base, 128 * 1024, 0, () => {});
    packet.reset(128);
    this.memory.bytes.set(data, packet.start);
    packet.end = packet.start + data.length;
    return packet;
  }
}

/** 0.0.0.0 with a port. */
export function anyPort(port: number): Endpoint {
  return { address: anyV4, port, scope: 0 };
}
