/** Virtio over MMIO (virtio 1.2, section 4.2), version 2. */
import type { Interrupt, RegisterMemory, VirtioMmioDevice } from '@runtimejs/platform/platform.ts';
import { interruptStatus } from './constants.ts';
import { Features } from './features.ts';
import type { Notify, QueuePlacement, VirtioTransport } from './transport.ts';

/** Offsets of the registers (4.2.2), each of 32 bits. */
const register = {
  magic: 0x000,
  version: 0x004,
  deviceType: 0x008,
  deviceFeatures: 0x010,
  deviceFeaturesSelect: 0x014,
  driverFeatures: 0x020,
  driverFeaturesSelect: 0x024,
  queueSelect: 0x030,
  queueSizeMax: 0x034,
  queueSize: 0x038,
  queueReady: 0x044,
  queueNotify: 0x050,
  interruptStatus: 0x060,
  interruptAcknowledge: 0x064,
  status: 0x070,
  queueDescriptors: 0x080,
  queueDriver: 0x090,
  queueDevice: 0x0a0,
  configurationGeneration: 0x0fc,
  configuration: 0x100,
} as const;

/** `virt`, little endian. */
const magic = 0x74726976;

class MmioTransport implements VirtioTransport {
  readonly name: string;
  readonly type: number;
  readonly isVga = false;
  readonly #device: VirtioMmioDevice;
  readonly #registers: RegisterMemory;
  #interrupt: Interrupt | undefined;

  constructor(type: number, device: VirtioMmioDevice) {
    this.name = mmioName(device);
    this.type = type;
    this.#device = device;
    this.#registers = device.registers;
  }

  readStatus(): number {
    return this.#read(register.status);
  }

  writeStatus(status: number): void {
    this.#write(register.status, status);
  }

  offeredFeatures(): Features {
    this.#write(register.deviceFeaturesSelect, 0);
    const low = this.#read(register.deviceFeatures);
    this.#write(register.deviceFeaturesSelect, 1);
    return new Features(low, this.#read(register.deviceFeatures));
  }

  acceptFeatures(features: Features): void {
    this.#write(register.driverFeaturesSelect, 0);
    this.#write(register.driverFeatures, features.low);
    this.#write(register.driverFeaturesSelect, 1);
    this.#write(register.driverFeatures, features.high);
  }

  configurationGeneration(): number {
    return this.#read(register.configurationGeneration);
  }

  get configurationSize(): number {
    return this.#registers.size - register.configuration;
  }

  readConfiguration(offset: number, width: 1 | 2 | 4): number {
    const at = register.configuration + offset;
    if (at + width > this.#registers.size) return 0;
    if (width === 1) return Atomics.load(this.#registers.bytes, at);
    if (width === 2) return Atomics.load(this.#registers.halves, at >> 1);
    return this.#read(at);
  }

  writeConfiguration(offset: number, value: number): void {
    const at = register.configuration + offset;
    if (at < this.#registers.size) this.#registers.bytes[at] = value;
  }

  queueCapacity(queue: number): number {
    this.#write(register.queueSelect, queue);
    return this.#read(register.queueSizeMax);
  }

  enableQueue(queue: number, placement: QueuePlacement): Notify | string {
    this.#write(register.queueSelect, queue);
    if (this.#read(register.queueReady) !== 0) return `its queue ${queue} is in use after a reset`;
    this.#write(register.queueSize, placement.size);
    const address = placement.memory.deviceAddress;
    this.#writeAddress(register.queueDescriptors, address + placement.descriptors);
    this.#writeAddress(register.queueDriver, address + placement.available);
    this.#writeAddress(register.queueDevice, address + placement.used);
    this.#write(register.queueReady, 1);
    const { words } = this.#registers;
    return () => {
      words[register.queueNotify >> 2] = queue;
    };
  }

  openInterrupts(onQueue: () => void, onConfiguration: () => void): void {
    const interrupt = this.#device.openInterrupt();
    this.#interrupt = interrupt;
    interrupt.onInterrupt(() => {
      // Acknowledge what was read, before looking at the queues: what comes later raises the line
      // again. Then let the line interrupt.
      const status = this.#read(register.interruptStatus);
      this.#write(register.interruptAcknowledge, status);
      if ((status & interruptStatus.configuration) !== 0) onConfiguration();
      if ((status & interruptStatus.queue) !== 0) onQueue();
      interrupt.acknowledge();
    });
  }

  closeInterrupts(): void {
    this.#interrupt?.release();
    this.#interrupt = undefined;
  }

  setBusMaster(): boolean {
    return false;
  }

  #read(offset: number): number {
    return Atomics.load(this.#registers.words, offset >> 2);
  }

  #write(offset: number, value: number): void {
    this.#registers.words[offset >> 2] = value;
  }

  #writeAddress(offset: number, address: number): void {
    this.#write(offset, address % 2 ** 32);
    this.#write(offset + 4, Math.floor(address / 2 ** 32));
  }
}

/** What messages call a device. */
export function mmioName({ number }: VirtioMmioDevice): string {
  return `MMIO slot ${number}`;
}

/**
 * Opens a device that the platform described.
 * @param wanted the type of device that is looked for
 * @returns the transport, null for an empty slot or another type, or why the device cannot be used
 */
export function openMmioTransport(
  device: VirtioMmioDevice,
  wanted: number,
): VirtioTransport | string | null {
  const { registers } = device;
  const read = (offset: number) => Atomics.load(registers.words, offset >> 2);
  if (registers.size < register.configuration) return 'its registers are too few';
  if (read(register.magic) !== magic) return 'its magic number is wrong: there is no virtio device';
  // A slot without a device has type 0, and is to be ignored silently (4.2.3.1.1).
  const type = read(register.deviceType);
  if (type === 0 || type !== wanted) return null;
  const version = read(register.version);
  if (version === 1) {
    return 'it is a legacy device (MMIO version 1), which this driver does not speak; start it as version 2 (QEMU: -global virtio-mmio.force-legacy=false)';
  }
  if (version !== 2) return `it has MMIO version ${version}; this driver speaks version 2`;
  return new MmioTransport(type, device);
}
