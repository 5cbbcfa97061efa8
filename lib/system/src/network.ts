/**
 * The network as a service of a composition: drivers, what configures interfaces, and the sockets of
 * the app over them.
 */
import type { NetworkDevice } from '@runtimejs/net/device.ts';
import type { Environment } from '@runtimejs/net/environment.ts';
import { NetworkService } from '@runtimejs/net/network-service.ts';
import type { Broker } from '@runtimejs/net/sockets/broker.ts';
import { snapshot } from '@runtimejs/net/statistics/publisher.ts';
import { TimerQueue } from '@runtimejs/net/storage/timers.ts';
import {
  attachDriver,
  type Driver,
  type Service,
  type SystemContext,
  type Turn,
} from './compose.ts';
import type { SystemBindings } from './generated/bindings.d.ts';

/** Bytes of the arena that the stack has for its own packets. */
const regionSize = 8 * 1024 * 1024;

/** Gives interfaces addresses: DHCP, IPv6, static addresses. Called once, before there are interfaces. */
export type Configuration = (network: NetworkService, context: SystemContext) => void;

/** What a network is made of. */
export interface NetworkOptions {
  /** Drivers of network cards; interfaces are named eth0, eth1, ... in the order of their devices. */
  readonly drivers?: readonly Driver<NetworkDevice>[];
  readonly configuration?: readonly Configuration[];
  /** Prints every counter that is not zero each so many seconds, at the information level. */
  readonly logCounters?: number;
  /** Records packets: capture() of network-capture.ts. */
  readonly capture?: CaptureFactory;
  /** Lets a tool on the host replace drivers and services: reloadControl() of reload/control.ts. */
  readonly control?: ControlFactory;
}

/** Starts a server in the system isolate; so that compositions without one do not have the code. */
export type ControlFactory = (
  network: NetworkService,
  environment: Environment,
  context: SystemContext,
) => void;

/** A recording, and what keeps its file up to date. */
export interface Recording {
  wrap(device: NetworkDevice): NetworkDevice;
  /** Publishes what was recorded since the last time, if anything was. */
  publish(broker: Broker): void;
}

/** Makes a recording; so that compositions without one do not have the code. */
export type CaptureFactory = (environment: Environment, context: SystemContext) => Recording;

/** The network service. */
export function network(options: NetworkOptions): Service {
  let running: RunningNetwork | undefined;
  return {
    name: 'network',
    start: (context) => {
      running = start(options, context);
      return running.turn;
    },
    stop: () => running?.stop(),
  };
}

interface RunningNetwork {
  readonly turn: Turn;
  stop(): void;
}

function start(options: NetworkOptions, context: SystemContext): RunningNetwork {
  const { bindings, memory } = context;
  const environment: Environment = {
    memory,
    clock: { now: bindings.clock.now() },
    timers: new TimerQueue(),
    random: (into) => bindings.random.fill(into),
    log: context.log,
  };
  const block = { offset: 0, size: 0, physical: 0 };
  bindings.arena.allocate(regionSize, 0, block);
  const broker = createBroker(bindings);
  const service = new NetworkService({
    environment,
    broker,
    region: { offset: block.offset, size: regionSize },
    now: () => bindings.clock.now(),
  });
  service.stack.counters.set('isolate', {
    get heapBytes() {
      return bindings.isolate.heapBytes();
    },
  });
  for (const configure of options.configuration ?? []) configure(service, context);
  const recording = options.capture?.(environment, context);
  for (const device of findDevices(options, context)) {
    service.stack.addDevice(recording === undefined ? device : recording.wrap(device));
  }
  if (service.stack.interfaces.length === 1) {
    context.log('warn', 'network: no network card was found; only this machine can be reached');
  }
  service.start();
  if (options.logCounters !== undefined) logCounters(service, options.logCounters, context);
  if (recording !== undefined) publishRecording(recording, broker, context);
  options.control?.(service, service.stack.environment, context);
  let isOver = false;
  return {
    turn: () => (isOver ? Number.POSITIVE_INFINITY : service.turn(bindings.clock.now())),
    stop: () => {
      // Peers learn that their connections are gone. What arrives from now on is theirs to send again to the next life.
      service.tcp.reset();
      service.turn(bindings.clock.now());
      isOver = true;
    },
  };
}

/** Microseconds between two states of the recording's file. */
const recordingInterval = 1_000_000;

function publishRecording(recording: Recording, broker: Broker, { platform }: SystemContext): void {
  const publish = (): void => {
    recording.publish(broker);
    platform.at(platform.now() + recordingInterval, publish);
  };
  publish();
}

function findDevices(options: NetworkOptions, context: SystemContext): NetworkDevice[] {
  return (options.drivers ?? []).flatMap((driver) => attachDriver(driver, context));
}

/** The kernel's broker behind the interface that the stack knows. */
function createBroker({ broker }: SystemBindings): Broker {
  return {
    accept: (listener) => broker.accept(listener),
    resize: (socket, direction, capacity) => broker.resize(socket, direction, capacity),
    notify: () => {
      broker.notify();
    },
    release: (socket) => broker.release(socket),
    publishInterfaces: (bytes) => broker.publishInterfaces(bytes),
    publishFile: (name, text) => {
      broker.publishFile(name, text);
    },
  };
}

function logCounters(
  service: NetworkService,
  seconds: number,
  { platform, log }: SystemContext,
): void {
  const print = (): void => {
    for (const [part, counters] of Object.entries(snapshot(service.stack))) {
      const text = Object.entries(counters)
        .filter(([, value]) => value !== 0)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ');
      if (text !== '') log('info', `network: ${part}: ${text}`);
    }
    platform.at(platform.now() + seconds * 1e6, print);
  };
  platform.at(platform.now() + seconds * 1e6, print);
}
