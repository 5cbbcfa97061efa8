/** What a virtio device is reached through: PCI or MMIO. Devices and queues see only this. */
import type { DmaMemory } from '@runtimejs/platform/platform.ts';
import type { Features } from './features.ts';

/** Where the three parts of a queue lie for the device. */
export interface QueuePlacement {
  /** How many descriptors. */
  readonly size: number;
  readonly memory: DmaMemory;
  /** Offsets in `memory`. */
  readonly descriptors: number;
  readonly available: number;
  readonly used: number;
}

/** Tells the device to look at one queue; made when the queue is set up. */
export type Notify = () => void;

/** A way to a virtio device (virtio 1.2, chapter 4). */
export interface VirtioTransport {
  /** For messages: where the device is. */
  readonly name: string;
  /** One of deviceType. */
  readonly type: number;
  /** It is a PC's VGA adapter as well. */
  readonly isVga: boolean;
  readStatus(): number;
  writeStatus(status: number): void;
  offeredFeatures(): Features;
  acceptFeatures(features: Features): void;
  /** Changes whenever device configuration does (section 2.5.1). */
  configurationGeneration(): number;
  /** Size in bytes of the device configuration that may be read. */
  readonly configurationSize: number;
  /** Reads device configuration, little endian. `width` bytes at an offset aligned to it. */
  readConfiguration(offset: number, width: 1 | 2 | 4): number;
  /** Writes one byte of device configuration; nothing happens outside of it. */
  writeConfiguration(offset: number, value: number): void;
  /** Largest size of a queue; 0 when the device has no such queue. */
  queueCapacity(queue: number): number;
  /**
   * Hands a queue to the device.
   * @returns how to notify it, or what is wrong
   */
  enableQueue(queue: number, placement: QueuePlacement): Notify | string;
  /**
   * Opens interrupts; before the queues are enabled.
   * @param onQueue runs after used buffers, @param onConfiguration after a change of configuration or status
   */
  openInterrupts(onQueue: () => void, onConfiguration: () => void): void;
  /** Gives interrupts back. */
  closeInterrupts(): void;
  /** Lets the device access memory, or keeps it from that, where the bus can; false when it cannot. */
  setBusMaster(on: boolean): boolean;
}
