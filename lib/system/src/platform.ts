/**
 * The machine, over the kernel's bindings. Drivers get objects: which function, which register, which
 * interrupt they stand for is private to them, so no driver can reach what it was not given.
 */
import { sharedPage } from '@runtimejs/net/generated/shared-memory.ts';
import { Timer, TimerQueue } from '@runtimejs/net/storage/timers.ts';
import type {
  DmaMemory,
  Interrupt,
  PciFunctionAccess,
  PixelLayout,
  Platform,
  PlatformDevice,
  RegisterMemory,
  RegisterPorts,
  SerialPort,
} from '@runtimejs/platform/platform.ts';
import { level } from './console.ts';
import type { DeviceBindings, SystemBindings } from './generated/bindings.d.ts';
import { InterruptTable } from './interrupts.ts';
import { findSerialPorts } from './serial-ports.ts';

/** RUNTIME_BAR_* in native/abi/service.abi.ts. */
const barKind = { memory: 1, ports: 2 } as const;

/** RUNTIME_PLATFORM_DEVICE_* in native/abi/service.abi.ts. */
const platformKind = {
  virtioMmio: 1,
  textScreen: 2,
  keyboardController: 3,
  framebuffer: 4,
} as const;

/** The platform, with what the isolate's loop does for it. */
export interface GuestPlatform extends Platform {
  /** Runs the handlers of interrupts that came and of instants that have come. Once in each turn. */
  turn(): void;
  /** When turn() has something to do next, on the clock of now(); Infinity: when an interrupt comes. */
  nextDeadline(): number;
}

/**
 * Makes the platform.
 * @throws when the kernel has no memory for the arena
 */
export function createPlatform(bindings: SystemBindings): GuestPlatform {
  return new KernelPlatform(bindings);
}

class KernelPlatform implements GuestPlatform {
  readonly #bindings: SystemBindings;
  readonly #arena: ArrayBuffer;
  readonly #interrupts: InterruptTable;
  readonly #timers = new TimerQueue();
  #functions: readonly PciFunctionAccess[] | undefined;
  #devices: readonly PlatformDevice[] | undefined;
  #serialPorts: readonly SerialPort[] | undefined;

  constructor(bindings: SystemBindings) {
    this.#bindings = bindings;
    this.#arena = bindings.broker.attach();
    const counts = new Uint32Array(this.#arena, sharedPage.interruptCounts, 64);
    this.#interrupts = new InterruptTable(bindings.device, counts);
  }

  pciFunctions(): readonly PciFunctionAccess[] {
    const { device } = this.#bindings;
    this.#functions ??= Array.from(
      { length: device.functionCount() },
      (_, index) => new KernelPciFunction(device, this.#interrupts, index),
    );
    return this.#functions;
  }

  platformDevices(): readonly PlatformDevice[] {
    const { device } = this.#bindings;
    this.#devices ??= Array.from({ length: device.platformCount() }, (_, index) =>
      describePlatformDevice(device, this.#interrupts, index),
    ).filter((each) => each !== undefined);
    return this.#devices;
  }

  serialPorts(): readonly SerialPort[] {
    this.#serialPorts ??= findSerialPorts(this.#bindings.serial, this.#interrupts);
    return this.#serialPorts;
  }

  allocateDma(size: number): DmaMemory {
    const block = { offset: 0, size: 0, physical: 0 };
    try {
      this.#bindings.arena.allocate(size, 1, block);
    } catch (cause) {
      throw new Error(`There are no ${size} bytes of memory for a device.`, { cause });
    }
    const { offset, size: bytes } = block;
    return {
      offset,
      size: bytes,
      deviceAddress: block.physical,
      bytes: new Uint8Array(this.#arena, offset, bytes),
      halves: new Uint16Array(this.#arena, offset, bytes / 2),
      words: new Uint32Array(this.#arena, offset, bytes / 4),
    };
  }

  freeDma(memory: DmaMemory): void {
    this.#bindings.arena.free(memory.offset);
  }

  now(): number {
    return this.#bindings.clock.now();
  }

  at(instant: number, run: () => void): () => void {
    const timer = new Timer(run);
    this.#timers.set(timer, instant);
    // The loop may have asked already until when it may sleep.
    this.#bindings.loop.again();
    return () => this.#timers.remove(timer);
  }

  log(atLevel: 'error' | 'warn' | 'info' | 'debug', text: string): void {
    this.#bindings.log.write(level[atLevel], text);
  }

  addEntropy(bytes: Uint8Array): void {
    this.#bindings.random.addEntropy(bytes);
  }

  turn(): void {
    this.#interrupts.dispatch();
    const next = this.#timers.next;
    if (next === Number.POSITIVE_INFINITY) return;
    const now = this.now();
    if (next <= now) this.#timers.run(now);
  }

  nextDeadline(): number {
    return this.#interrupts.isPending() ? 0 : this.#timers.next;
  }
}

class KernelPciFunction implements PciFunctionAccess {
  readonly segment: number;
  readonly bus: number;
  readonly device: number;
  readonly function: number;
  readonly #kernel: DeviceBindings;
  readonly #interrupts: InterruptTable;
  readonly #index: number;

  constructor(kernel: DeviceBindings, interrupts: InterruptTable, index: number) {
    const place = kernel.functionAt(index, { segment: 0, bus: 0, device: 0, function: 0 });
    this.segment = place.segment;
    this.bus = place.bus;
    this.device = place.device;
    this.function = place.function;
    this.#kernel = kernel;
    this.#interrupts = interrupts;
    this.#index = index;
  }

  read(register: number, width: 1 | 2 | 4): number {
    return this.#kernel.read(this.#index, register, width);
  }

  write(register: number, width: 1 | 2 | 4, value: number): void {
    this.#try(`register 0x${register.toString(16)} may not be written`, () =>
      this.#kernel.write(this.#index, register, width, value),
    );
  }

  bar(index: number): { readonly kind: 'memory' | 'ports'; readonly size: number } | undefined {
    const { kind, size } = this.#kernel.bar(this.#index, index, { kind: 0, size: 0 });
    if (kind === barKind.memory) return { kind: 'memory', size };
    return kind === barKind.ports ? { kind: 'ports', size } : undefined;
  }

  mapMemory(bar: number): RegisterMemory {
    const buffer = this.#try(`there is no memory to map behind base address register ${bar}`, () =>
      this.#kernel.mapBar(this.#index, bar),
    );
    return registerMemory(buffer);
  }

  openPorts(bar: number): RegisterPorts {
    const described = this.bar(bar);
    if (described?.kind !== 'ports')
      throw new Error(`PCI ${this.#name}: there are no ports behind base address register ${bar}.`);
    const kernel = this.#kernel;
    const index = this.#index;
    return {
      size: described.size,
      read: (offset, width) => kernel.readPort(index, bar, offset, width),
      write: (offset, width, value) => kernel.writePort(index, bar, offset, width, value),
    };
  }

  allocateMessageInterrupt(): Interrupt {
    const { id, data, address } = this.#try('there is no interrupt left for it', () =>
      this.#kernel.openMessageInterrupt(this.#index, { id: 0, data: 0, address: 0 }),
    );
    return this.#interrupts.open(id, address, data);
  }

  openLineInterrupt(): Interrupt {
    const id = this.#try('it has no interrupt line that the kernel knows of', () =>
      this.#kernel.openLineInterrupt(this.#index),
    );
    return this.#interrupts.open(id, 0, 0);
  }

  /** As PCI addresses are written: 0000:00:03.0. */
  get #name(): string {
    const hexadecimal = (value: number, digits: number): string =>
      value.toString(16).padStart(digits, '0');
    return `${hexadecimal(this.segment, 4)}:${hexadecimal(this.bus, 2)}:${hexadecimal(this.device, 2)}.${this.function}`;
  }

  #try<Value>(problem: string, run: () => Value): Value {
    try {
      return run();
    } catch (cause) {
      throw new Error(`PCI ${this.#name}: ${problem} (${(cause as Error).message}).`, { cause });
    }
  }
}

/** @returns undefined when it is of a kind that this version does not know */
function describePlatformDevice(
  kernel: DeviceBindings,
  interrupts: InterruptTable,
  index: number,
): PlatformDevice | undefined {
  const { kind } = kernel.platformAt(index, { kind: 0, size: 0 });
  const memory = (): RegisterMemory => registerMemory(kernel.mapPlatform(index));
  const openInterrupt = (): Interrupt => interrupts.open(kernel.openPlatformInterrupt(index), 0, 0);
  switch (kind) {
    case platformKind.virtioMmio:
      return { kind: 'virtio-mmio', registers: memory(), interrupt: openInterrupt() };
    case platformKind.textScreen:
      return { kind: 'text-screen', memory: memory(), ports: platformPorts(kernel, index) };
    case platformKind.keyboardController:
      return { kind: 'keyboard-controller', ports: platformPorts(kernel, index), openInterrupt };
    case platformKind.framebuffer:
      return { kind: 'framebuffer', memory: memory(), layout: pixelLayout(kernel, index) };
    default:
      return undefined;
  }
}

/** Ports of a legacy device: bytes, numbered from 0. */
function platformPorts(kernel: DeviceBindings, index: number): RegisterPorts {
  const checkWidth = (width: number): void => {
    if (width !== 1) throw new Error('The ports of a legacy device are one byte wide.');
  };
  return {
    size: kernel.platformPorts(index),
    read: (port, width) => {
      checkWidth(width);
      return kernel.readPlatformPort(index, port) & 0xff;
    },
    write: (port, width, value) => {
      checkWidth(width);
      kernel.writePlatformPort(index, port, value);
    },
  };
}

function pixelLayout(kernel: DeviceBindings, index: number): PixelLayout {
  const told = kernel.framebuffer(index, {
    width: 0,
    height: 0,
    pitch: 0,
    bitsPerPixel: 0,
    redPosition: 0,
    redSize: 0,
    greenPosition: 0,
    greenSize: 0,
    bluePosition: 0,
    blueSize: 0,
  });
  const { width, height, pitch, bitsPerPixel } = told;
  return {
    width,
    height,
    pitch,
    bitsPerPixel,
    red: { position: told.redPosition, size: told.redSize },
    green: { position: told.greenPosition, size: told.greenSize },
    blue: { position: told.bluePosition, size: told.blueSize },
  };
}

function registerMemory(buffer: ArrayBuffer): RegisterMemory {
  return {
    bytes: new Uint8Array(buffer),
    halves: new Uint16Array(buffer, 0, buffer.byteLength >> 1),
    words: new Uint32Array(buffer, 0, buffer.byteLength >> 2),
    size: buffer.byteLength,
  };
}
