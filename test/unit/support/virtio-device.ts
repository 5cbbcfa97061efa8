/**
 * The device's side of virtio, for tests: features, status, split rings; honest unless a test says
 * otherwise through `faults`. What it is reached through is in virtio-transports.ts.
 */
import type { FakePlatform } from './fake-platform.ts';

const bit = (features: bigint, number: number) => ((features >> BigInt(number)) & 1n) === 1n;
const eventIndex = 29;

/** One descriptor of a chain, as the device found it. */
export interface Descriptor {
  /** Offset in the platform's memory. */
  readonly offset: number;
  readonly length: number;
  readonly deviceWrites: boolean;
}

/** A chain that the device took from the available ring. */
export interface Chain {
  readonly id: number;
  readonly parts: readonly Descriptor[];
  readonly isIndirect: boolean;
}

/** Things that devices do wrong. */
export interface Faults {
  /** How many notifications to ignore. */
  lostNotifications: number;
  /** How many interrupts not to send. */
  lostInterrupts: number;
  /** The status never becomes 0. */
  neverResets: boolean;
  /** FEATURES_OK is refused. */
  refusesFeatures: boolean;
  /** Queues that the device does not look at. */
  deafQueues: Set<number>;
}

/** One queue, from the device's side. */
export class DeviceQueue {
  readonly index: number;
  readonly capacity: number;
  size: number;
  vector = 0xffff;
  isEnabled = false;
  descriptors = 0;
  available = 0;
  used = 0;
  notifications = 0;
  #seen = 0;
  #usedIndex = 0;
  #signalled = 0;
  readonly #model: VirtioModel;

  constructor(model: VirtioModel, index: number, capacity: number) {
    this.#model = model;
    this.index = index;
    this.capacity = capacity;
    this.size = capacity;
  }

  reset(): void {
    this.size = this.capacity;
    this.vector = 0xffff;
    this.isEnabled = false;
    this.#seen = 0;
    this.#usedIndex = 0;
    this.#signalled = 0;
  }

  #read16(address: number): number {
    return this.#model.view.getUint16(this.#model.platform.offsetOf(address, 2), true);
  }

  #write16(address: number, value: number): void {
    this.#model.view.setUint16(this.#model.platform.offsetOf(address, 2), value & 0xffff, true);
  }

  /** Chains that were made available and not taken yet. */
  get waiting(): number {
    if (!this.isEnabled) return 0;
    return (this.#read16(this.available + 2) - this.#seen) & 0xffff;
  }

  /** Takes the next chain. */
  pop(): Chain | null {
    if (this.waiting === 0) return null;
    const id = this.#read16(this.available + 4 + 2 * (this.#seen % this.size));
    this.#seen = (this.#seen + 1) & 0xffff;
    const first = this.#descriptor(this.descriptors, id);
    const parts: Descriptor[] = [];
    let table = this.descriptors;
    let count = this.size;
    let current = first;
    const isIndirect = (first.flags & 4) !== 0;
    if (isIndirect) {
      table = first.address;
      count = first.length / 16;
      current = this.#descriptor(table, 0);
    }
    for (let steps = 0; ; steps++) {
      if (steps >= count) throw new Error('the chain loops');
      parts.push({
        offset: this.#model.platform.offsetOf(current.address, current.length),
        length: current.length,
        deviceWrites: (current.flags & 2) !== 0,
      });
      if ((current.flags & 1) === 0) break;
      current = this.#descriptor(table, current.next);
    }
    return { id, parts, isIndirect };
  }

  #descriptor(table: number, index: number) {
    const at = this.#model.platform.offsetOf(table + 16 * index, 16);
    const { view } = this.#model;
    return {
      address: Number(view.getBigUint64(at, true)),
      length: view.getUint32(at + 8, true),
      flags: view.getUint16(at + 12, true),
      next: view.getUint16(at + 14, true),
    };
  }

  /** Writes a used entry, right or wrong; publish() shows it. */
  push(id: number, length: number): void {
    const at = this.used + 4 + 8 * (this.#usedIndex % this.size);
    const offset = this.#model.platform.offsetOf(at, 8);
    this.#model.view.setUint32(offset, id, true);
    this.#model.view.setUint32(offset + 4, length, true);
    this.#usedIndex = (this.#usedIndex + 1) & 0xffff;
  }

  /** Moves the used index to something else than the entries written. */
  skipUsed(count: number): void {
    this.#usedIndex = (this.#usedIndex + count) & 0xffff;
  }

  /** Shows the used entries, and interrupts if the driver wants that. */
  publish(): void {
    this.#write16(this.used + 2, this.#usedIndex);
    const old = this.#signalled;
    this.#signalled = this.#usedIndex;
    let isWanted: boolean;
    if (this.#model.agreed(eventIndex)) {
      const event = this.#read16(this.available + 4 + 2 * this.size);
      isWanted = ((this.#usedIndex - event - 1) & 0xffff) < ((this.#usedIndex - old) & 0xffff);
    } else {
      isWanted = (this.#read16(this.available) & 1) === 0;
    }
    if (isWanted && old !== this.#usedIndex) this.#model.interruptQueue(this);
  }

  /** Says from which chain on the device wants to be notified, or that it does not. */
  wantNotifications(wanted: boolean): void {
    if (!this.isEnabled) return;
    if (this.#model.agreed(eventIndex)) {
      const event = wanted ? this.#seen : this.#seen - 1;
      this.#write16(this.used + 4 + 8 * this.size, event);
    } else {
      this.#write16(this.used, wanted ? 0 : 1);
    }
  }
}

/** A virtio device. */
export class VirtioModel {
  readonly platform: FakePlatform;
  readonly view: DataView;
  readonly type: number;
  readonly queues: DeviceQueue[];
  /** Device configuration. */
  readonly configuration: Uint8Array;
  generation = 0;
  offered: bigint;
  accepted = 0n;
  status = 0;
  /** Every value that the driver wrote to the status. */
  readonly statusWrites: number[] = [];
  resets = 0;
  readonly faults: Faults = {
    lostNotifications: 0,
    lostInterrupts: 0,
    neverResets: false,
    refusesFeatures: false,
    deafQueues: new Set(),
  };
  /** Set by the transport. */
  raise: (kind: 'queue' | 'configuration', queue?: DeviceQueue) => void = () => {};
  /** Runs after a read of device configuration, e.g. to change it under the driver's eyes. */
  onConfigurationRead: (offset: number) => void = () => {};
  /** Runs after a write to device configuration. */
  onConfigurationWrite: (offset: number) => void = () => {};
  /** What the device does with a queue that it was notified of. */
  onNotify: (queue: DeviceQueue) => void = () => {};

  constructor(
    platform: FakePlatform,
    options: {
      readonly type: number;
      readonly features: readonly number[];
      readonly queues: readonly number[];
      readonly configuration: Uint8Array;
    },
  ) {
    this.platform = platform;
    this.view = new DataView(platform.memory.bytes.buffer);
    this.type = options.type;
    this.offered = options.features.reduce((all, number) => all | (1n << BigInt(number)), 0n);
    this.queues = options.queues.map((size, index) => new DeviceQueue(this, index, size));
    this.configuration = options.configuration;
  }

  agreed(number: number): boolean {
    return bit(this.accepted, number);
  }

  get isRunning(): boolean {
    return (this.status & 4) !== 0 && (this.status & 64) === 0;
  }

  writeStatus(status: number): void {
    this.statusWrites.push(status);
    if (status === 0) {
      if (this.faults.neverResets) return;
      this.resets += 1;
      this.status = 0;
      this.accepted = 0n;
      for (const queue of this.queues) queue.reset();
      return;
    }
    let kept = status;
    if ((status & 8) !== 0 && this.faults.refusesFeatures) kept &= ~8;
    this.status = kept | (this.status & 64);
  }

  notify(index: number): void {
    const queue = this.queues[index];
    if (queue === undefined) throw new Error(`notified of queue ${index}`);
    queue.notifications += 1;
    if (!this.isRunning || this.faults.deafQueues.has(index)) return;
    if (this.faults.lostNotifications > 0) {
      this.faults.lostNotifications -= 1;
      return;
    }
    this.onNotify(queue);
  }

  interruptQueue(queue: DeviceQueue): void {
    if (this.faults.lostInterrupts > 0) {
      this.faults.lostInterrupts -= 1;
      return;
    }
    this.raise('queue', queue);
  }

  /** Changes device configuration and tells the driver. */
  changeConfiguration(change: (bytes: Uint8Array) => void): void {
    change(this.configuration);
    this.generation += 1;
    this.raise('configuration');
  }

  /** The device has an error of its own. */
  needReset(): void {
    this.status |= 64;
    this.raise('configuration');
  }
}
