/**
 * The driver for virtio consoles (virtio 1.2, section 5.3). Ports that are consoles become terminal devices;
 * ports for other data, such as a guest agent's, are left closed.
 */
import type { Platform } from '@runtimejs/platform/platform.ts';
import { deviceType, feature } from '@runtimejs/virtio/constants.ts';
import { VirtioDevice } from '@runtimejs/virtio/device.ts';
import {
  createExchange,
  type ExchangeBuffer,
  type ExchangeQueue,
  type IdleExchange,
  takeExchange,
} from '@runtimejs/virtio/exchange.ts';
import type { FeatureWishes } from '@runtimejs/virtio/features.ts';
import { findVirtioDevices } from '@runtimejs/virtio/find.ts';
import { Virtqueue } from '@runtimejs/virtio/queue.ts';
import type { VirtioTransport } from '@runtimejs/virtio/transport.ts';
import { ConsolePort, type PortOwner } from './port.ts';
import {
  type ControlMessage,
  consoleConfiguration,
  consoleFeature,
  controlBytes,
  controlEvent,
  controlReceiveQueue,
  controlTransmitQueue,
  emitControl,
  mostPorts,
  parseControl,
  receiveQueue,
  transmitQueue,
} from './wire.ts';

/** Without these the driver does not start. */
const neededFeatures = { VIRTIO_F_VERSION_1: feature.version1 } as const;
/** Taken when the device has them. */
const usableFeatures = {
  VIRTIO_CONSOLE_F_SIZE: consoleFeature.size,
  VIRTIO_CONSOLE_F_MULTIPORT: consoleFeature.multiport,
  VIRTIO_F_EVENT_IDX: feature.eventIndex,
  VIRTIO_F_ACCESS_PLATFORM: feature.accessPlatform,
  VIRTIO_F_ORDER_PLATFORM: feature.orderPlatform,
} as const;
const wishes: FeatureWishes = { needed: neededFeatures, usable: usableFeatures };

const queueLimit = 16;
/** Control messages that the device may have under way, and room for each, a name included. */
const controlBuffers = 16;
const controlRoom = 256;
/**
 * How long the device has to tell which ports there are, and how long after its last word, microseconds. It is
 * waited for, as what is a console must be known before anything is written to one.
 */
const introductionTime = 1_000_000;
const silenceTime = 50_000;

interface PortQueues {
  readonly receive: ExchangeQueue;
  readonly transmit: ExchangeQueue;
}

/** A virtio console with its ports. */
export class VirtioConsole implements PortOwner {
  readonly platform: Platform;
  readonly counters = {
    controlMessages: 0,
    unknownMessages: 0,
    malformedMessages: 0,
    lateConsoles: 0,
  };
  readonly #device: VirtioDevice;
  readonly #queues: PortQueues[] = [];
  readonly #ports = new Map<number, ConsolePort>();
  readonly #consoles = new Set<number>();
  readonly #opened = new Set<number>();
  #controlReceive: ExchangeQueue | undefined;
  #controlTransmit: ExchangeQueue | undefined;
  readonly #idleControl: IdleExchange[] = [];
  #isIntroduced = false;
  #isRunning = false;

  /** @param device negotiated. Throws when it cannot be started. */
  constructor(device: VirtioDevice) {
    this.platform = device.platform;
    this.#device = device;
    device.transport.openInterrupts(
      () => this.#serve(),
      () => this.#configurationChanged(),
    );
    const hasPorts = device.agreed.has(consoleFeature.multiport);
    const offered = hasPorts
      ? device.transport.readConfiguration(consoleConfiguration.portCount, 4)
      : 1;
    for (let port = 0; port < Math.min(offered, mostPorts); port += 1) {
      const receive = this.#enableQueue(receiveQueue(port));
      this.#queues.push({ receive, transmit: this.#enableQueue(transmitQueue(port)) });
    }
    if (hasPorts) {
      this.#controlReceive = this.#enableQueue(controlReceiveQueue);
      this.#controlTransmit = this.#enableQueue(controlTransmitQueue);
    }
    device.ready();
    this.#isRunning = true;
    if (hasPorts) this.#introduce();
    else this.#consoles.add(0);
    this.#isIntroduced = true;
  }

  /** Makes a terminal device of each port that is a console. @param first number of the first among all */
  consoles(first: number): readonly ConsolePort[] {
    const numbers = [...this.#consoles].sort((a, b) => a - b);
    return numbers.map((number, index) => {
      const queues = this.#queues[number] as PortQueues;
      const port = new ConsolePort(this, first + index, number, queues);
      if (!this.#device.agreed.has(consoleFeature.multiport)) port.size = this.#configuredSize();
      else port.isConnected = this.#opened.has(number);
      this.#ports.set(number, port);
      return port;
    });
  }

  setOpen(port: number, isOpen: boolean): void {
    this.#send({ port, event: controlEvent.portOpen, value: isOpen ? 1 : 0 });
  }

  fail(reason: string): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.platform.log('error', `${this.#device.name}: gave the device up: ${reason}`);
    this.#device.stop();
    for (const port of this.#ports.values()) port.connect(false);
  }

  /** Resets the device. @returns true when it surely accesses no memory any more */
  stop(): boolean {
    this.#isRunning = false;
    return this.#device.stop();
  }

  #enableQueue(index: number): ExchangeQueue {
    const size = this.#device.queueSize(index, queueLimit);
    if (size === 0) throw new Error(`it has no queue ${index}`);
    const queue = new Virtqueue<ExchangeBuffer>(this.platform, { size });
    const problem = this.#device.enableQueue(index, queue);
    if (problem !== undefined) throw new Error(problem);
    return queue;
  }

  /** Asks for the ports, and waits, for a bounded time, until the device has told all. */
  #introduce(): void {
    const receive = this.#controlReceive as ExchangeQueue;
    for (let count = 0; count < Math.min(controlBuffers, receive.size); count += 1) {
      createExchange(this.platform.allocateDma(controlRoom)).start(receive, 0, controlRoom);
      this.#idleControl.push(createExchange(this.platform.allocateDma(controlBytes)));
    }
    receive.flush();
    this.#send({ port: 0, event: controlEvent.deviceReady, value: 1 });
    const end = this.platform.now() + introductionTime;
    let heard = 0;
    let silentUntil = end;
    while (this.platform.now() < Math.min(end, silentUntil)) {
      this.#serveControl();
      if (this.counters.controlMessages === heard) continue;
      heard = this.counters.controlMessages;
      silentUntil = this.platform.now() + silenceTime;
    }
    this.#serve();
    if (heard === 0) throw new Error('it does not tell which ports it has');
  }

  #send(message: ControlMessage): void {
    const queue = this.#controlTransmit;
    if (queue === undefined || !this.#isRunning) return;
    for (let used = takeExchange(queue); used !== null; used = takeExchange(queue)) {
      this.#idleControl.push(used.finish());
    }
    const exchange = this.#idleControl.pop();
    if (exchange === undefined) {
      this.fail('it does not take control messages');
      return;
    }
    const length = emitControl(exchange.bytes, message);
    if (exchange.start(queue, length, 0) === null) this.#idleControl.push(exchange);
    queue.flush();
  }

  #serve(): void {
    if (!this.#isRunning) return;
    this.#serveControl();
    if (this.#controlReceive?.enableInterrupts()) {
      // More came meanwhile, which raises no interrupt; a device that never ends gets a turn of the loop at a time.
      this.platform.at(this.platform.now(), () => this.#serve());
    }
    for (const port of this.#ports.values()) port.serve();
  }

  #serveControl(): void {
    const queue = this.#controlReceive;
    if (queue === undefined) return;
    for (let left = controlBuffers; left > 0 && this.#isRunning; left -= 1) {
      const used = takeExchange(queue);
      if (used === null) break;
      const { replyOffset } = used;
      const message = parseControl(
        used.bytes.slice(replyOffset, replyOffset + Math.min(queue.usedLength, controlRoom)),
      );
      used.finish().start(queue, 0, controlRoom);
      queue.flush();
      this.counters.controlMessages += 1;
      if (typeof message === 'string') this.counters.malformedMessages += 1;
      else this.#obey(message);
    }
    if (queue.violation !== null) this.fail(queue.violation);
  }

  #obey(message: ControlMessage): void {
    const { port, event, value } = message;
    if (port >= this.#queues.length) {
      this.counters.unknownMessages += 1;
      return;
    }
    switch (event) {
      case controlEvent.deviceAdd:
        this.#send({ port, event: controlEvent.portReady, value: 1 });
        this.#ports.get(port)?.reopen();
        break;
      case controlEvent.consolePort:
        // Which terminals there are is settled once.
        if (this.#isIntroduced && !this.#consoles.has(port)) this.counters.lateConsoles += 1;
        else this.#consoles.add(port);
        break;
      case controlEvent.portOpen:
        if (value === 0) this.#opened.delete(port);
        else this.#opened.add(port);
        this.#ports.get(port)?.connect(value !== 0);
        break;
      case controlEvent.resize:
        if (message.size !== undefined) this.#ports.get(port)?.resize(message.size);
        break;
      case controlEvent.deviceRemove:
        this.#ports.get(port)?.connect(false);
        break;
      case controlEvent.portName:
        break;
      default:
        this.counters.unknownMessages += 1;
    }
  }

  /** Columns and rows in device configuration count without multiport only (5.3.4). */
  #configuredSize(): { columns: number; rows: number } | undefined {
    if (!this.#device.agreed.has(consoleFeature.size)) return undefined;
    const size = this.#device.readConfiguration((transport) => ({
      columns: transport.readConfiguration(consoleConfiguration.columns, 2),
      rows: transport.readConfiguration(consoleConfiguration.rows, 2),
    }));
    return size.columns > 0 && size.rows > 0 ? size : undefined;
  }

  #configurationChanged(): void {
    if (this.#device.needsReset) {
      this.fail('it asked for a reset');
      return;
    }
    const size = this.#configuredSize();
    if (size !== undefined && !this.#device.agreed.has(consoleFeature.multiport)) {
      this.#ports.get(0)?.resize(size);
    }
  }
}

/** Starts every virtio console of the machine, and gives those of its ports that are consoles. */
export function attach(platform: Platform): readonly ConsolePort[] {
  const ports: ConsolePort[] = [];
  for (const transport of findVirtioDevices(platform, deviceType.console)) {
    const made = openConsole(platform, transport);
    if (typeof made === 'string') {
      platform.log('error', `virtio-console: left out the device at ${transport.name}: ${made}`);
    } else {
      ports.push(...made.consoles(ports.length));
    }
  }
  return ports;
}

/** Starts a device. @returns why it cannot be used, otherwise */
export function openConsole(
  platform: Platform,
  transport: VirtioTransport,
): VirtioConsole | string {
  const device = new VirtioDevice(platform, transport, 'virtio-console');
  const problem = device.negotiate(wishes);
  if (problem !== undefined) return problem;
  try {
    return new VirtioConsole(device);
  } catch (error) {
    device.stop();
    return error instanceof Error ? error.message : String(error);
  }
}
