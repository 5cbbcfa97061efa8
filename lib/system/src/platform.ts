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
import { describeMmioDevice } from './mmio-device.ts';
import { KernelPciFunction, registerMemory } from './pci-function.ts';
import { findSerialPorts } from './serial-ports.ts';

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
    this.#interrupts = new InterruptTable(bindings.device, (id) => Atomics.load(counts, id));
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
      return describeMmioDevice(kernel, interrupts, index);
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
