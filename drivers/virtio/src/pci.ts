/** Virtio over PCI (virtio 1.2, section 4.1), modern devices: structures in vendor capabilities. */

import type { PciFunction } from '@runtimejs/pci/function.ts';
import type { InterruptSet } from '@runtimejs/pci/interrupts.ts';
import { capabilityKind } from '@runtimejs/pci/registers.ts';
import type { RegisterMemory } from '@runtimejs/platform/platform.ts';
import { interruptStatus } from './constants.ts';
import { Features } from './features.ts';
import type { Notify, QueuePlacement, VirtioTransport } from './transport.ts';

/** Red Hat's vendor ID, under which all virtio devices go (4.1.2). */
export const virtioVendor = 0x1af4;
/** Device IDs: from here on modern ones, below transitional ones, which have their type elsewhere. */
const firstDevice = 0x1000;
const firstModernDevice = 0x1040;
const lastDevice = 0x107f;

/** Kinds of structure (4.1.4). */
const structureKind = { common: 1, notify: 2, interrupt: 3, device: 4 } as const;

/** Offsets in a vendor capability (4.1.4). */
const capabilityField = {
  length: 2,
  kind: 3,
  bar: 4,
  offset: 8,
  size: 12,
  notifyMultiplier: 16,
} as const;

/** Offsets in the common configuration (4.1.4.3). */
const common = {
  deviceFeatureSelect: 0,
  deviceFeature: 4,
  driverFeatureSelect: 8,
  driverFeature: 12,
  configurationVector: 16,
  status: 20,
  generation: 21,
  queueSelect: 22,
  queueSize: 24,
  queueVector: 26,
  queueEnable: 28,
  queueNotifyOffset: 30,
  queueDescriptors: 32,
  queueDriver: 40,
  queueDevice: 48,
  size: 56,
} as const;

const noVector = 0xffff;

/** A structure found in the registers of the function. */
interface Structure {
  readonly registers: RegisterMemory;
  readonly offset: number;
  readonly size: number;
  /** Where its capability begins. */
  readonly capability: number;
}

/** The type of virtio device that a function is; undefined when it is none. */
export function virtioType(pciFunction: PciFunction): number | undefined {
  const { vendor, device } = pciFunction;
  if (vendor !== virtioVendor || device < firstDevice || device > lastDevice) return undefined;
  return device >= firstModernDevice ? device - firstModernDevice : pciFunction.subsystem;
}

function findStructure(
  pciFunction: PciFunction,
  kind: number,
  atLeast: number,
): Structure | undefined {
  const { access } = pciFunction;
  for (const capability of pciFunction.capabilities) {
    const at = capability.offset;
    if (capability.kind !== capabilityKind.vendor) continue;
    if (access.read(at + capabilityField.kind, 1) !== kind) continue;
    const bar = access.read(at + capabilityField.bar, 1);
    const offset = access.read(at + capabilityField.offset, 4);
    const size = access.read(at + capabilityField.size, 4);
    // Several may stand for one structure; the driver takes the first that it can use (4.1.4.1).
    if (bar > 5 || size < atLeast) continue;
    const described = access.bar(bar);
    if (described?.kind !== 'memory' || offset + size > described.size) continue;
    return { registers: pciFunction.memory(bar), offset, size, capability: at };
  }
  return undefined;
}

/** "Display controller, VGA compatible" (PCI Code and ID Assignment, section 1.4). */
const vgaClass = 0x0300;

/** One virtio function. Made by openPciTransport(). */
class PciTransport implements VirtioTransport {
  readonly name: string;
  readonly type: number;
  readonly isVga: boolean;
  readonly #function: PciFunction;
  readonly #common: Structure;
  readonly #notify: Structure;
  readonly #isr: Structure;
  readonly #device: Structure | undefined;
  readonly #notifyMultiplier: number;
  #interrupts: InterruptSet | undefined;

  constructor(
    pciFunction: PciFunction,
    type: number,
    structures: {
      readonly common: Structure;
      readonly notify: Structure;
      readonly isr: Structure;
      readonly device: Structure | undefined;
    },
  ) {
    this.#function = pciFunction;
    this.name = `PCI ${pciFunction.name}`;
    this.type = type;
    this.isVga = pciFunction.class === vgaClass;
    this.#common = structures.common;
    this.#notify = structures.notify;
    this.#isr = structures.isr;
    this.#device = structures.device;
    this.#notifyMultiplier = pciFunction.access.read(
      structures.notify.capability + capabilityField.notifyMultiplier,
      4,
    );
  }

  readStatus(): number {
    return this.#read8(common.status);
  }

  writeStatus(status: number): void {
    this.#common.registers.bytes[this.#common.offset + common.status] = status;
  }

  offeredFeatures(): Features {
    this.#write32(common.deviceFeatureSelect, 0);
    const low = this.#read32(common.deviceFeature);
    this.#write32(common.deviceFeatureSelect, 1);
    return new Features(low, this.#read32(common.deviceFeature));
  }

  acceptFeatures(features: Features): void {
    this.#write32(common.driverFeatureSelect, 0);
    this.#write32(common.driverFeature, features.low);
    this.#write32(common.driverFeatureSelect, 1);
    this.#write32(common.driverFeature, features.high);
  }

  configurationGeneration(): number {
    return this.#read8(common.generation);
  }

  get configurationSize(): number {
    return this.#device?.size ?? 0;
  }

  readConfiguration(offset: number, width: 1 | 2 | 4): number {
    const device = this.#device;
    if (device === undefined || offset + width > device.size) return 0;
    const at = device.offset + offset;
    if (width === 1) return Atomics.load(device.registers.bytes, at);
    if (width === 2) return Atomics.load(device.registers.halves, at >> 1);
    return Atomics.load(device.registers.words, at >> 2);
  }

  writeConfiguration(offset: number, value: number): void {
    const device = this.#device;
    if (device === undefined || offset >= device.size) return;
    // A plain store: QEMU's TCG loses a byte that is exchanged, which an atomic store is.
    device.registers.bytes[device.offset + offset] = value;
  }

  queueCapacity(queue: number): number {
    this.#write16(common.queueSelect, queue);
    return this.#read16(common.queueSize);
  }

  enableQueue(queue: number, placement: QueuePlacement): Notify | string {
    this.#write16(common.queueSelect, queue);
    this.#write16(common.queueSize, placement.size);
    const vectors = this.#interrupts?.kind === 'msix' ? this.#interrupts.vectors.length : 0;
    // The last vector is for queues: the second, or, where there is but one, the same as all else.
    const vector = vectors > 0 ? vectors - 1 : noVector;
    this.#write16(common.queueVector, vector);
    if (this.#read16(common.queueVector) !== vector) {
      return 'it refused an interrupt vector: it is short of resources';
    }
    const address = placement.memory.deviceAddress;
    this.#writeAddress(common.queueDescriptors, address + placement.descriptors);
    this.#writeAddress(common.queueDriver, address + placement.available);
    this.#writeAddress(common.queueDevice, address + placement.used);
    const offset = this.#read16(common.queueNotifyOffset) * this.#notifyMultiplier;
    if (offset + 2 > this.#notify.size) {
      return `its notification register at ${offset} lies outside of the structure of ${this.#notify.size} bytes`;
    }
    this.#write16(common.queueEnable, 1);
    const { halves } = this.#notify.registers;
    const index = (this.#notify.offset + offset) >> 1;
    // A plain store: the queue has published its index before, with a full barrier, and x86 keeps
    // stores in order. An atomic store would be an exchange: two exits to the hypervisor.
    return () => {
      halves[index] = queue;
    };
  }

  openInterrupts(onQueue: () => void, onConfiguration: () => void): void {
    const interrupts = this.#function.openInterrupts(2);
    this.#interrupts = interrupts;
    const [first, second] = interrupts.vectors;
    if (first === undefined) throw new Error('the function has no interrupt');
    if (interrupts.kind === 'msix') {
      this.#write16(common.configurationVector, 0);
      if (this.#read16(common.configurationVector) !== 0) {
        throw new Error('it refused an interrupt vector: it is short of resources');
      }
      if (second !== undefined) {
        first.onInterrupt(onConfiguration);
        second.onInterrupt(onQueue);
      } else {
        first.onInterrupt(() => {
          onConfiguration();
          onQueue();
        });
      }
      return;
    }
    first.onInterrupt(() => {
      // Reading the status clears it and lowers the line (4.1.4.5); only then may the line be
      // acknowledged, or it would interrupt again at once. The line is shared: it may say nothing.
      const status = Atomics.load(this.#isr.registers.bytes, this.#isr.offset);
      if ((status & interruptStatus.configuration) !== 0) onConfiguration();
      if ((status & interruptStatus.queue) !== 0) onQueue();
      first.acknowledge();
    });
  }

  closeInterrupts(): void {
    this.#interrupts?.release();
    this.#interrupts = undefined;
  }

  setBusMaster(on: boolean): boolean {
    if (on) this.#function.enable();
    else this.#function.disableBusMaster();
    return true;
  }

  #read8(offset: number): number {
    return Atomics.load(this.#common.registers.bytes, this.#common.offset + offset);
  }

  #read16(offset: number): number {
    return Atomics.load(this.#common.registers.halves, (this.#common.offset + offset) >> 1);
  }

  #read32(offset: number): number {
    return Atomics.load(this.#common.registers.words, (this.#common.offset + offset) >> 2);
  }

  #write16(offset: number, value: number): void {
    this.#common.registers.halves[(this.#common.offset + offset) >> 1] = value;
  }

  #write32(offset: number, value: number): void {
    this.#common.registers.words[(this.#common.offset + offset) >> 2] = value;
  }

  /** 64-bit fields are written as two words (4.1.3.1). */
  #writeAddress(offset: number, address: number): void {
    this.#write32(offset, address % 2 ** 32);
    this.#write32(offset + 4, Math.floor(address / 2 ** 32));
  }
}

/**
 * Opens a virtio function. It answers at its registers from then on; it may not access memory yet.
 * @returns the transport, or why the function cannot be used
 */
export function openPciTransport(pciFunction: PciFunction): VirtioTransport | string {
  const type = virtioType(pciFunction);
  if (type === undefined) return 'it is no virtio device';
  pciFunction.enableRegisters();
  const commonStructure = findStructure(pciFunction, structureKind.common, common.size);
  const notify = findStructure(pciFunction, structureKind.notify, 2);
  const isr = findStructure(pciFunction, structureKind.interrupt, 1);
  if (commonStructure === undefined || notify === undefined || isr === undefined) {
    return 'it is a legacy device (virtio 0.9), which this driver does not speak; start it as a modern one (QEMU: -device virtio-...-pci,disable-modern=off)';
  }
  return new PciTransport(pciFunction, type, {
    common: commonStructure,
    notify,
    isr,
    device: findStructure(pciFunction, structureKind.device, 1),
  });
}
