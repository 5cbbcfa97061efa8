/**
 * The life of a virtio device (virtio 1.2, section 3.1): reset, negotiated, running, and failed or
 * stopped. Every wait is bounded: a device that does not answer costs a moment, not the machine.
 */
import type { Platform } from '@runtimejs/platform/platform.ts';
import { deviceStatus } from './constants.ts';
import { chooseFeatures, type Features, type FeatureWishes } from './features.ts';
import type { Virtqueue } from './queue.ts';
import type { VirtioTransport } from './transport.ts';

/** How long a reset may take, microseconds, and how many reads of the status it may cost. */
const resetTime = 200_000;
const resetReads = 1_000_000;
/** How often device configuration is read again because it changed under our eyes. */
const configurationAttempts = 16;

/** A device, and what was agreed with it. */
export class VirtioDevice {
  readonly platform: Platform;
  readonly transport: VirtioTransport;
  /** For messages: the driver with a number. */
  readonly name: string;
  features: Features | undefined;

  constructor(platform: Platform, transport: VirtioTransport, name: string) {
    this.platform = platform;
    this.transport = transport;
    this.name = name;
  }

  /**
   * Resets the device and agrees on features: steps 1 to 6.
   * @returns what went wrong, in words that name the remedy where there is one; undefined when all is well
   */
  negotiate(wishes: FeatureWishes): string | undefined {
    const { transport } = this;
    if (!this.reset()) {
      transport.setBusMaster(false);
      return 'it does not finish its reset';
    }
    transport.writeStatus(deviceStatus.acknowledge);
    transport.writeStatus(deviceStatus.acknowledge | deviceStatus.driver);
    const chosen = chooseFeatures(transport.offeredFeatures(), wishes);
    if (!('has' in chosen)) {
      transport.writeStatus(deviceStatus.failed);
      return `it lacks ${chosen.join(', ')}, which this driver needs`;
    }
    transport.acceptFeatures(chosen);
    const status = deviceStatus.acknowledge | deviceStatus.driver | deviceStatus.featuresOk;
    transport.writeStatus(status);
    if ((transport.readStatus() & deviceStatus.featuresOk) === 0) {
      transport.writeStatus(deviceStatus.failed);
      return 'it refused the features chosen from those that it offers';
    }
    this.features = chosen;
    return undefined;
  }

  /** The agreed features. Throws before negotiate(). */
  get agreed(): Features {
    if (this.features === undefined) throw new Error('features are not negotiated yet');
    return this.features;
  }

  /**
   * Gives a queue to the device, between negotiate() and ready().
   * @returns what went wrong, undefined when all is well
   */
  enableQueue<Buffer extends object>(index: number, queue: Virtqueue<Buffer>): string | undefined {
    const capacity = this.transport.queueCapacity(index);
    if (capacity < queue.size) return `its queue ${index} shrank to ${capacity} buffers`;
    queue.prepare(this.agreed);
    const notify = this.transport.enableQueue(index, queue.placement);
    if (typeof notify === 'string') return notify;
    queue.connect(notify);
    return undefined;
  }

  /** Largest power of two up to `limit` that a queue may have; 0 when there is no such queue. */
  queueSize(index: number, limit: number): number {
    const capacity = Math.min(this.transport.queueCapacity(index), limit);
    return capacity === 0 ? 0 : 2 ** (31 - Math.clz32(capacity));
  }

  /** Lets the device run: steps 7 and 8. It may access memory from now on. */
  ready(): void {
    this.transport.setBusMaster(true);
    this.transport.writeStatus(this.transport.readStatus() | deviceStatus.driverOk);
  }

  /** The device says that it cannot go on without a reset (2.1.2). */
  get needsReset(): boolean {
    return (this.transport.readStatus() & deviceStatus.needsReset) !== 0;
  }

  /**
   * Resets the device and waits until it has done so: after that it accesses no memory and raises no interrupt.
   * @returns false when it does not answer
   */
  reset(): boolean {
    const { platform, transport } = this;
    transport.writeStatus(0);
    const deadline = platform.now() + resetTime;
    for (let read = 0; read < resetReads; read++) {
      if (transport.readStatus() === 0) return true;
      if (platform.now() >= deadline) return false;
    }
    return false;
  }

  /**
   * Takes the device out of service.
   * @returns true when it surely accesses no memory any more, so that its buffers may be used again
   */
  stop(): boolean {
    const didReset = this.reset();
    // A device that ignores its reset is cut off from memory, where the bus can do that.
    const isCutOff = this.transport.setBusMaster(false);
    this.transport.closeInterrupts();
    return didReset || isCutOff;
  }

  /**
   * Reads several fields of device configuration as of one moment (2.5.3).
   * @param read called again when the configuration changed meanwhile
   */
  readConfiguration<Values>(read: (transport: VirtioTransport) => Values): Values {
    for (let attempt = 1; ; attempt++) {
      const before = this.transport.configurationGeneration();
      const values = read(this.transport);
      const isWhole = this.transport.configurationGeneration() === before;
      if (isWhole || attempt === configurationAttempts) return values;
    }
  }
}
