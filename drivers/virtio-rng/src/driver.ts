/**
 * The driver for virtio entropy sources (virtio 1.2, section 5.4): feeds the kernel's pool at the
 * start, every few minutes, and on request.
 */
import type { Platform } from '@runtimejs/platform/platform.ts';
import { deviceType, feature } from '@runtimejs/virtio/constants.ts';
import { VirtioDevice } from '@runtimejs/virtio/device.ts';
import {
  createExchange,
  type Exchange,
  type ExchangeBuffer,
  type ExchangeQueue,
  takeExchange,
} from '@runtimejs/virtio/exchange.ts';
import type { FeatureWishes } from '@runtimejs/virtio/features.ts';
import { findVirtioDevices } from '@runtimejs/virtio/find.ts';
import { Virtqueue } from '@runtimejs/virtio/queue.ts';
import type { VirtioTransport } from '@runtimejs/virtio/transport.ts';

/** Without these the driver does not start. */
const neededFeatures = { VIRTIO_F_VERSION_1: feature.version1 } as const;
/** Taken when the device has them. */
const usableFeatures = {
  VIRTIO_F_EVENT_IDX: feature.eventIndex,
  VIRTIO_F_ACCESS_PLATFORM: feature.accessPlatform,
  VIRTIO_F_ORDER_PLATFORM: feature.orderPlatform,
} as const;
const wishes: FeatureWishes = { needed: neededFeatures, usable: usableFeatures };

/** The only queue. */
const requestQueue = 0;
/** Bytes asked for at once: as many bits as the kernel's generator is wide, twice. */
const requestBytes = 64;
/** Between two requests, microseconds. */
const refillPeriod = 5 * 60 * 1_000_000;
/** How long an answer may take, and how often it is looked for meanwhile. */
const answerTime = 30 * 1_000_000;
const lookPeriod = 1_000_000;

/** A source of entropy that runs by itself. Made by attach(). */
export class VirtioEntropySource {
  readonly name: string;
  readonly counters = { requests: 0, bytes: 0, empty: 0, timeouts: 0, failures: 0 };
  readonly #platform: Platform;
  readonly #device: VirtioDevice;
  readonly #queue: ExchangeQueue;
  #exchange: Exchange;
  #isRunning = false;
  #askedAt = 0;
  #cancelTimer: () => void = () => {};

  /** @param device negotiated. Throws when it cannot be started. */
  constructor(device: VirtioDevice) {
    this.name = device.name;
    this.#platform = device.platform;
    this.#device = device;
    const size = device.queueSize(requestQueue, 8);
    if (size === 0) throw new Error('it has no queue');
    this.#queue = new Virtqueue<ExchangeBuffer>(device.platform, { size });
    this.#exchange = createExchange(device.platform.allocateDma(requestBytes));
    device.transport.openInterrupts(
      () => this.#answer(),
      () => this.#look(),
    );
    const problem = device.enableQueue(requestQueue, this.#queue);
    if (problem !== undefined) throw new Error(problem);
    device.ready();
    this.#isRunning = true;
    this.#queue.enableInterrupts();
    this.request();
  }

  /** Asks the device for bytes, unless it has been asked already. */
  request(): void {
    if (!this.#isRunning || this.#exchange.state !== 'idle') return;
    const flying = this.#exchange.start(this.#queue, 0, requestBytes);
    if (flying === null) return;
    this.#exchange = flying;
    this.#askedAt = this.#platform.now();
    this.counters.requests += 1;
    this.#queue.flush();
    this.#wake(lookPeriod);
  }

  /** Takes the device out of service: when it returns, the device accesses no memory. */
  stop(): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#cancelTimer();
    this.#device.stop();
  }

  /** Gives what came to the kernel. */
  #answer(): void {
    if (!this.#isRunning || this.#exchange.state !== 'flying') return;
    const used = takeExchange(this.#queue);
    if (this.#queue.violation !== null) {
      this.#fail(this.#queue.violation);
      return;
    }
    if (used === null) return;
    const length = this.#queue.usedLength;
    if (length > 0) {
      this.#platform.addEntropy(used.bytes.subarray(0, length));
      this.counters.bytes += length;
    } else {
      this.counters.empty += 1;
    }
    // What was handed over is in the pool only, not in memory that the device has seen last.
    used.bytes.fill(0);
    this.#exchange = used.finish();
    this.#queue.enableInterrupts();
    this.#wake(refillPeriod);
  }

  /** The device asks for a reset: without an entropy source the kernel still has its own. */
  #look(): void {
    if (this.#isRunning && this.#device.needsReset) this.#fail('it asked for a reset');
  }

  #fail(reason: string): void {
    this.counters.failures += 1;
    this.#platform.log('error', `${this.name}: gave the device up: ${reason}`);
    this.stop();
  }

  #wake(period: number): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#platform.at(this.#platform.now() + period, () => {
      this.#look();
      this.#answer(); // should the interrupt have been lost
      if (!this.#isRunning) return;
      if (this.#exchange.state === 'idle') {
        if (this.#platform.now() - this.#askedAt >= refillPeriod) this.request();
        return;
      }
      if (this.#platform.now() - this.#askedAt > answerTime) {
        this.counters.timeouts += 1;
        this.#fail('it does not answer');
        return;
      }
      this.#queue.kickIfStuck(false);
      this.#wake(lookPeriod);
    });
  }
}

/**
 * Starts every virtio entropy source of the machine. One that cannot be used is named in the log,
 * and the others go on.
 */
export function attach(platform: Platform): readonly VirtioEntropySource[] {
  const sources: VirtioEntropySource[] = [];
  for (const transport of findVirtioDevices(platform, deviceType.entropy)) {
    const name = `virtio-rng${sources.length}`;
    const source = probe(platform, transport, name);
    if (typeof source === 'string') {
      platform.log('error', `virtio-rng: left out the device at ${transport.name}: ${source}`);
    } else {
      platform.log('info', `${name}: at ${transport.name}`);
      sources.push(source);
    }
  }
  return sources;
}

function probe(
  platform: Platform,
  transport: VirtioTransport,
  name: string,
): VirtioEntropySource | string {
  const device = new VirtioDevice(platform, transport, name);
  const problem = device.negotiate(wishes);
  if (problem !== undefined) return problem;
  try {
    return new VirtioEntropySource(device);
  } catch (error) {
    device.stop();
    return error instanceof Error ? error.message : String(error);
  }
}
