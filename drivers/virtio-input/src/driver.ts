/** The driver for virtio keyboards (virtio 1.2, section 5.8). */
import type { Platform } from '@runtimejs/platform/platform.ts';
import {
  firstOtherKey,
  type Keyboard,
  type KeyboardLights,
  type KeyEvent,
  key,
} from '@runtimejs/tty/keyboard/keys.ts';
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

const wishes: FeatureWishes = {
  needed: { VIRTIO_F_VERSION_1: feature.version1 },
  usable: {
    VIRTIO_F_EVENT_IDX: feature.eventIndex,
    VIRTIO_F_ACCESS_PLATFORM: feature.accessPlatform,
    VIRTIO_F_ORDER_PLATFORM: feature.orderPlatform,
  },
};

const queue = { event: 0, status: 1 } as const;
/** struct virtio_input_event: type and code of 16 bits, value of 32. */
const eventBytes = 8;
/** Fields of device configuration, and what can be selected (5.8.4). */
const configuration = { select: 0, subsel: 1, size: 2, data: 8 } as const;
const select = { eventBits: 0x11 } as const;
const configurationBytes = 136;
/** Types of events, and codes of lamps (Linux, input-event-codes.h). */
const eventType = { key: 1, led: 0x11 } as const;
const lamp = { numLock: 0, capsLock: 1 } as const;
/** Values of a key event: 2 is a repeat. */
const pressed = 1;
const released = 0;
const mostEvents = 64;
/** How often the queue is looked at in case an interrupt was lost, microseconds. */
const lookPeriod = 2_000_000;

/** A keyboard. Made by attach(). */
export class VirtioKeyboard implements Keyboard {
  readonly name: string;
  readonly counters = { events: 0, unknown: 0, short: 0, withoutInterrupt: 0, failures: 0 };
  readonly #platform: Platform;
  readonly #device: VirtioDevice;
  readonly #events: ExchangeQueue;
  readonly #status: ExchangeQueue | undefined;
  #idleStatus: IdleExchange[] = [];
  #take: (event: KeyEvent) => void = () => {};
  #lost: () => void = () => {};
  #isRunning = false;
  #cancelLook: () => void = () => {};

  /** @param device negotiated. Throws when it cannot be started. */
  constructor(device: VirtioDevice) {
    this.name = nameOf(device.transport);
    this.#platform = device.platform;
    this.#device = device;
    const size = device.queueSize(queue.event, mostEvents);
    if (size === 0) throw new Error('it has no queue for events');
    this.#events = new Virtqueue<ExchangeBuffer>(device.platform, { size });
    const statusSize = device.queueSize(queue.status, 4);
    this.#status =
      statusSize === 0
        ? undefined
        : new Virtqueue<ExchangeBuffer>(device.platform, { size: statusSize });
    device.transport.openInterrupts(
      () => this.#receive(),
      () => this.#checkReset(),
    );
    const problem =
      device.enableQueue(queue.event, this.#events) ??
      (this.#status === undefined ? undefined : device.enableQueue(queue.status, this.#status));
    if (problem !== undefined) throw new Error(problem);
    const places = splitMemory(device.platform, size + statusSize);
    for (const place of places.slice(0, size)) this.#offer(createExchange(place));
    this.#idleStatus = places.slice(size).map(createExchange);
    device.ready();
    this.#isRunning = true;
    this.#events.flush();
    this.#events.enableInterrupts();
    this.#look();
  }

  listen(take: (event: KeyEvent) => void, lost: () => void): void {
    this.#take = take;
    this.#lost = lost;
  }

  setLights({ capsLock, numLock }: KeyboardLights): void {
    this.#sendStatus(lamp.capsLock, capsLock);
    this.#sendStatus(lamp.numLock, numLock);
    this.#status?.flush();
  }

  /** Takes the device out of service: when it returns, the device accesses no memory. */
  stop(): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#cancelLook();
    this.#device.stop();
  }

  #offer(exchange: IdleExchange): void {
    exchange.start(this.#events, 0, eventBytes);
  }

  #sendStatus(code: number, isOn: boolean): void {
    if (this.#status === undefined || !this.#isRunning) return;
    this.#takeStatusBack();
    const exchange = this.#idleStatus.pop();
    if (exchange === undefined) return; // the device is slow to take the others: lamps do not matter
    const view = new DataView(exchange.bytes.buffer, exchange.bytes.byteOffset, eventBytes);
    view.setUint16(0, eventType.led, true);
    view.setUint16(2, code, true);
    view.setUint32(4, isOn ? 1 : 0, true);
    if (exchange.start(this.#status, eventBytes, 0) === null) this.#idleStatus.push(exchange);
  }

  #takeStatusBack(): void {
    const status = this.#status;
    if (status === undefined) return;
    for (let used = takeExchange(status); used !== null; used = takeExchange(status)) {
      this.#idleStatus.push(used.finish());
    }
  }

  /** @returns how many events there were */
  #receive(): number {
    if (!this.#isRunning) return 0;
    let count = 0;
    do {
      // Bounded: what comes meanwhile is taken in the next turn, when its interrupt runs.
      while (count < 2 * mostEvents) {
        const used = takeExchange(this.#events);
        if (used === null) break;
        count += 1;
        if (this.#events.usedLength < eventBytes) this.counters.short += 1;
        else this.#takeEvent(used.bytes);
        this.#offer(used.finish());
      }
      this.#events.flush();
    } while (
      this.#events.enableInterrupts() &&
      this.#events.violation === null &&
      count < 2 * mostEvents
    );
    const violation = this.#events.violation ?? this.#status?.violation ?? null;
    if (violation !== null) this.#fail(violation);
    return count;
  }

  #takeEvent(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, eventBytes);
    if (view.getUint16(0, true) !== eventType.key) return; // marks of groups, and what mice say
    const code = view.getUint16(2, true);
    const value = view.getUint32(4, true);
    this.counters.events += 1;
    if (code === 0 || code >= firstOtherKey || value > 2) this.counters.unknown += 1;
    else if (value === pressed || value === released) {
      this.#take({ code, isDown: value === pressed });
    }
  }

  #checkReset(): void {
    if (this.#isRunning && this.#device.needsReset) this.#fail('it asked for a reset');
  }

  #fail(reason: string): void {
    this.counters.failures += 1;
    this.#platform.log('error', `${this.name}: gave the device up: ${reason}`);
    this.#lost();
    this.stop();
  }

  #look(): void {
    this.#cancelLook = this.#platform.at(this.#platform.now() + lookPeriod, () => {
      this.#checkReset();
      this.counters.withoutInterrupt += this.#receive();
      if (!this.#isRunning) return;
      this.#events.kickIfStuck(false);
      this.#look();
    });
  }
}

/** Memory for exchanges of one event each. */
function splitMemory(platform: Platform, count: number): Parameters<typeof createExchange>[0][] {
  const whole = platform.allocateDma(count * eventBytes);
  return Array.from({ length: count }, (_, index) => {
    const from = index * eventBytes;
    return {
      offset: whole.offset + from,
      size: eventBytes,
      deviceAddress: whole.deviceAddress + from,
      bytes: whole.bytes.subarray(from, from + eventBytes),
      halves: whole.halves.subarray(from / 2, (from + eventBytes) / 2),
      words: whole.words.subarray(from / 4, (from + eventBytes) / 4),
    };
  });
}

/** Whether a device has the keys of a keyboard: mice and tablets are virtio-input devices as well. */
function isKeyboard(transport: VirtioTransport): boolean {
  if (transport.configurationSize < configuration.data) return false;
  transport.writeConfiguration(configuration.select, select.eventBits);
  transport.writeConfiguration(configuration.subsel, eventType.key);
  const size = transport.readConfiguration(configuration.size, 1);
  const byte = key.enter >> 3;
  if (size <= byte || configuration.data + byte >= configurationBytes) return false;
  const bits = transport.readConfiguration(configuration.data + byte, 1);
  return ((bits >> (key.enter & 7)) & 1) === 1;
}

function nameOf({ name }: VirtioTransport): string {
  return `virtio keyboard at ${name}`;
}

/**
 * Tells what a keyboard is called, and leaves the device reset.
 * @returns undefined when it is another input device
 * @throws Error when it cannot be used
 */
export function identify(platform: Platform, transport: VirtioTransport): string | undefined {
  const device = new VirtioDevice(platform, transport, 'virtio-input');
  try {
    const problem = device.negotiate(wishes);
    if (problem !== undefined) throw new Error(problem);
    return isKeyboard(transport) ? nameOf(transport) : undefined;
  } finally {
    device.stop();
  }
}

function probe(
  platform: Platform,
  transport: VirtioTransport,
): VirtioKeyboard | string | undefined {
  const device = new VirtioDevice(platform, transport, 'virtio-input');
  const problem = device.negotiate(wishes);
  if (problem !== undefined) return problem;
  try {
    if (isKeyboard(transport)) return new VirtioKeyboard(device);
    device.stop();
    return undefined;
  } catch (error) {
    device.stop();
    return error instanceof Error ? error.message : String(error);
  }
}

/** Starts every virtio keyboard of the machine; one that cannot be used is named in the log. */
export function attach(platform: Platform): readonly VirtioKeyboard[] {
  const keyboards: VirtioKeyboard[] = [];
  for (const transport of findVirtioDevices(platform, deviceType.input)) {
    const keyboard = probe(platform, transport);
    if (typeof keyboard === 'string') {
      platform.log('error', `virtio-input: left out the device at ${transport.name}: ${keyboard}`);
    } else if (keyboard !== undefined) keyboards.push(keyboard);
  }
  return keyboards;
}
