/** Registers of virtio over PCI and over MMIO, in front of a VirtioModel. */
import { FakeFunction, type FakeInterrupt, type FakePlatform } from './fake-platform.ts';
import { createRegisters, type RegisterModel } from './trapped-registers.ts';
import type { DeviceQueue, VirtioModel } from './virtio-device.ts';

const place = { common: 0x000, isr: 0x800, device: 0x1000, notify: 0x2000 } as const;
const notifyMultiplier = 4;
const barBytes = 0x4000;
const msixVectors = 3;

const word = (value: number) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

/** The features that the driver accepts, written in halves. */
function acceptHalf(model: VirtioModel, select: number, value: number): void {
  const shift = select === 0 ? 0n : 32n;
  model.accepted &= ~(0xffff_ffffn << shift);
  model.accepted |= BigInt(value) << shift;
}

function offeredHalf(model: VirtioModel, select: number): number {
  return Number((model.offered >> (select === 0 ? 0n : 32n)) & 0xffff_ffffn);
}

function readConfiguration(model: VirtioModel, offset: number, width: number): number {
  let value = 0;
  for (let at = width - 1; at >= 0; at--) {
    value = value * 256 + (model.configuration[offset + at] ?? 0);
  }
  model.onConfigurationRead(offset);
  return value;
}

/** Replaces one 32-bit half of an address. */
function withHalf(address: number, isHigh: boolean, value: number): number {
  const high = Math.floor(address / 2 ** 32);
  return isHigh ? value * 2 ** 32 + (address % 2 ** 32) : high * 2 ** 32 + value;
}

/** How the function differs from an ordinary modern one. */
export interface PciOptions {
  readonly device?: number;
  readonly id?: number;
  readonly hasMsix?: boolean;
  readonly isLegacy?: boolean;
  /** The device refuses interrupt vectors. */
  readonly refusesVectors?: boolean;
}

/** A virtio function on PCI. */
export class VirtioPciModel implements RegisterModel {
  readonly function: FakeFunction;
  readonly msixTable = new Uint32Array(4 * msixVectors);
  readonly #model: VirtioModel;
  readonly #platform: FakePlatform;
  readonly #options: PciOptions;
  readonly #msixControl: number;
  #isr = 0;
  #queueSelect = 0;
  #deviceFeatureSelect = 0;
  #driverFeatureSelect = 0;
  #configurationVector = 0xffff;

  constructor(platform: FakePlatform, model: VirtioModel, options: PciOptions = {}) {
    this.#platform = platform;
    this.#model = model;
    this.#options = options;
    const id = options.id ?? 0x1040 + model.type;
    this.function = new FakeFunction(platform, options.device ?? 3, 0x1af4, id);
    this.function.space.setUint16(0x2e, model.type, true);
    const registers = createRegisters(barBytes, this);
    this.function.bars[4] = { kind: 'memory', size: barBytes, registers };
    const table = this.msixTable;
    const msix = createRegisters(0x1000, {
      read: (offset) => (offset < 0x800 ? (table[offset / 4] as number) : 0),
      write: (offset, _width, value) => {
        table[offset / 4] = value;
      },
    });
    this.function.bars[1] = { kind: 'memory', size: 0x1000, registers: msix };
    if (options.hasMsix !== false) {
      const content = [msixVectors - 1, 0, ...word(1), ...word(0x800 + 1)];
      this.#msixControl = this.function.addCapability(0x11, content) + 2;
    } else {
      this.#msixControl = 0;
    }
    if (options.isLegacy !== true) this.#addStructures();
    model.raise = (kind, queue) => {
      const vector = kind === 'queue' ? (queue?.vector ?? 0xffff) : this.#configurationVector;
      if (this.#usesMsix) {
        this.#message(vector);
      } else {
        this.#isr |= kind === 'queue' ? 1 : 2;
        this.function.line.raised += 1;
      }
    };
  }

  get #usesMsix(): boolean {
    if (this.#msixControl === 0) return false;
    return (this.function.space.getUint16(this.#msixControl, true) & 0x8000) !== 0;
  }

  #message(vector: number): void {
    const table = this.msixTable;
    if (vector === 0xffff || (table[vector * 4 + 3] as number) & 1) return;
    const address = (table[vector * 4] as number) + (table[vector * 4 + 1] as number) * 2 ** 32;
    this.#platform.raiseMessage(address, table[vector * 4 + 2] as number);
  }

  #addStructures(): void {
    const structure = (
      kind: number,
      bar: number,
      offset: number,
      size: number,
      more: number[] = [],
    ) =>
      this.function.addCapability(9, [
        16 + more.length,
        kind,
        bar,
        0,
        0,
        0,
        ...word(offset),
        ...word(size),
        ...more,
      ]);
    // One that no driver can use comes first, as 4.1.4.1 allows.
    structure(1, 0, 0, 56);
    structure(1, 4, place.common, 56);
    structure(2, 4, place.notify, 0x1000, word(notifyMultiplier));
    structure(3, 4, place.isr, 1);
    structure(4, 4, place.device, 256);
  }

  get #queue(): DeviceQueue | undefined {
    return this.#model.queues[this.#queueSelect];
  }

  read(offset: number, width: 1 | 2 | 4): number {
    const model = this.#model;
    if (offset >= place.device) return readConfiguration(model, offset - place.device, width);
    if (offset === place.isr) {
      const isr = this.#isr;
      this.#isr = 0;
      return isr;
    }
    switch (offset) {
      case 4:
        return offeredHalf(model, this.#deviceFeatureSelect);
      case 16:
        return this.#options.refusesVectors === true ? 0xffff : this.#configurationVector;
      case 20:
        return model.status;
      case 21:
        return model.generation & 0xff;
      case 24:
        return this.#queue?.capacity ?? 0;
      case 26:
        return this.#queue?.vector ?? 0xffff;
      case 30:
        return this.#queueSelect;
      default:
        throw new Error(`read of ${width} bytes at ${offset}`);
    }
  }

  write(offset: number, width: 1 | 2 | 4, value: number): void {
    const model = this.#model;
    if (offset >= place.notify) {
      const queue = (offset - place.notify) / notifyMultiplier;
      if (width !== 2 || value !== queue) throw new Error(`queue ${value} notified at ${queue}`);
      model.notify(queue);
      return;
    }
    if (offset >= place.device) {
      if (width !== 1) throw new Error('fields of configuration are written byte by byte');
      model.configuration[offset - place.device] = value;
      model.onConfigurationWrite(offset - place.device);
      return;
    }
    const queue = this.#queue;
    if (offset === 0) this.#deviceFeatureSelect = value;
    else if (offset === 8) this.#driverFeatureSelect = value;
    else if (offset === 12) acceptHalf(model, this.#driverFeatureSelect, value);
    else if (offset === 16) this.#configurationVector = value;
    else if (offset === 20) {
      if (value === 0) this.#configurationVector = 0xffff;
      model.writeStatus(value);
    } else if (offset === 22) this.#queueSelect = value;
    else if (queue === undefined) throw new Error(`write to queue ${this.#queueSelect}`);
    else if (offset === 24) queue.size = value;
    else if (offset === 26) queue.vector = this.#options.refusesVectors === true ? 0xffff : value;
    else if (offset === 28) queue.isEnabled = value === 1;
    else if (offset < 40) queue.descriptors = withHalf(queue.descriptors, offset === 36, value);
    else if (offset < 48) queue.available = withHalf(queue.available, offset === 44, value);
    else if (offset < 56) queue.used = withHalf(queue.used, offset === 52, value);
    else throw new Error(`write of ${width} bytes at ${offset}`);
  }
}

/** A virtio device on MMIO. */
export class VirtioMmioModel implements RegisterModel {
  readonly interrupt: FakeInterrupt;
  readonly #model: VirtioModel;
  readonly #version: number;
  #pending = 0;
  #queueSelect = 0;
  #deviceFeatureSelect = 0;
  #driverFeatureSelect = 0;

  constructor(platform: FakePlatform, model: VirtioModel, version = 2) {
    this.#model = model;
    this.#version = version;
    this.interrupt = platform.createInterrupt();
    const registers = createRegisters(0x200, this);
    platform.devices.push({
      kind: 'virtio-mmio',
      number: platform.devices.length,
      registers,
      openInterrupt: () => this.interrupt,
    });
    model.raise = (kind) => {
      this.#pending |= kind === 'queue' ? 1 : 2;
      this.interrupt.raised += 1;
    };
  }

  read(offset: number, width: 1 | 2 | 4): number {
    const model = this.#model;
    const queue = model.queues[this.#queueSelect];
    if (offset >= 0x100) return readConfiguration(model, offset - 0x100, width);
    if (width !== 4) throw new Error(`read of ${width} bytes at ${offset}`);
    switch (offset) {
      case 0x00:
        return 0x74726976;
      case 0x04:
        return this.#version;
      case 0x08:
        return model.type;
      case 0x10:
        return offeredHalf(model, this.#deviceFeatureSelect);
      case 0x34:
        return queue?.capacity ?? 0;
      case 0x44:
        return queue?.isEnabled === true ? 1 : 0;
      case 0x60:
        return this.#pending;
      case 0x70:
        return model.status;
      case 0xfc:
        return model.generation;
      default:
        throw new Error(`read at ${offset}`);
    }
  }

  write(offset: number, width: 1 | 2 | 4, value: number): void {
    const model = this.#model;
    if (width !== 4) throw new Error(`write of ${width} bytes at ${offset}`);
    const queue = model.queues[this.#queueSelect];
    if (offset === 0x14) this.#deviceFeatureSelect = value;
    else if (offset === 0x20) acceptHalf(model, this.#driverFeatureSelect, value);
    else if (offset === 0x24) this.#driverFeatureSelect = value;
    else if (offset === 0x30) this.#queueSelect = value;
    else if (offset === 0x50) model.notify(value);
    else if (offset === 0x64) this.#pending &= ~value;
    else if (offset === 0x70) model.writeStatus(value);
    else if (queue === undefined) throw new Error(`write to queue ${this.#queueSelect}`);
    else if (offset === 0x38) queue.size = value;
    else if (offset === 0x44) queue.isEnabled = value === 1;
    else if (offset < 0x90) queue.descriptors = withHalf(queue.descriptors, offset === 0x84, value);
    else if (offset < 0xa0) queue.available = withHalf(queue.available, offset === 0x94, value);
    else queue.used = withHalf(queue.used, offset === 0xa4, value);
  }
}
