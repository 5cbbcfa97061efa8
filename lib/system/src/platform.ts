/**
 * The machine, over the kernel's bindings. Drivers get objects: which function, which register, which
 * interrupt they stand for is private to them, so no driver can reach what it was not given.
 */
import { sharedPage } from '@runtimejs/net/generated/shared-memory.ts';
import { Timer, TimerQueue } from '@runtimejs/net/storage/timers.ts';
import type {
  DmaMemory,
  PciFunctionAccess,
  Platform,
  PlatformDevice,
  SerialPort,
} from '@runtimejs/platform/platform.ts';
import { level } from './console.ts';
import type { SystemBindings } from './generated/bindings.d.ts';
import { InterruptTable } from './interrupts.ts';
import { KernelPciFunction } from './pci-function.ts';
import { describePlatformDevice } from './platform-device.ts';
import { findSerialPorts } from './serial-ports.ts';

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
