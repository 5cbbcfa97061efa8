/**
 * The machine as the driver in an isolate of its own sees it: one PCI function, device of the platform or serial port,
 * one block of memory, the clock and the log. There is nothing else in it, and no number by which anything else could
 * be reached.
 */
import type { BareBindings } from '@runtimejs/isolate/generated/bindings.d.ts';
import type { Memory } from '@runtimejs/net/memory.ts';
import { Timer, TimerQueue } from '@runtimejs/net/storage/timers.ts';
import type {
  DmaMemory,
  PciFunctionAccess,
  Platform,
  PlatformDevice,
  SerialPort,
} from '@runtimejs/platform/platform.ts';
import { level } from '@runtimejs/system/console.ts';
import { InterruptTable } from '@runtimejs/system/interrupts.ts';
import { KernelPciFunction } from '@runtimejs/system/pci-function.ts';
import { describePlatformDevice } from '@runtimejs/system/platform-device.ts';
import { findSerialPorts } from '@runtimejs/system/serial-ports.ts';
import { DmaArena } from './dma-arena.ts';

/** The platform of a driver's isolate. */
export class GrantedPlatform implements Platform {
  /** All memory that it has in common with the device; DMA memory is part of it. */
  readonly memory: Memory;
  readonly #bindings: BareBindings;
  readonly #buffer: ArrayBuffer;
  readonly #deviceAddress: number;
  readonly #arena: DmaArena;
  readonly #functions: readonly PciFunctionAccess[];
  readonly #devices: readonly PlatformDevice[];
  readonly #serialPorts: readonly SerialPort[];
  readonly #interrupts: InterruptTable;
  readonly #timers = new TimerQueue();
  readonly #addEntropy: (bytes: Uint8Array) => void;

  /**
   * @param reserved bytes at the start of the memory that are for something else than DMA
   * @param addEntropy takes what an entropy source gave
   * @throws Error with the code ENODEV when this isolate was given no device
   */
  constructor(
    bindings: BareBindings,
    reserved: number,
    addEntropy: (bytes: Uint8Array) => void = () => {},
  ) {
    const { grant } = bindings;
    this.#bindings = bindings;
    this.#addEntropy = addEntropy;
    this.#buffer = grant.memory();
    const { size, physical } = grant.memoryPlace({ offset: 0, size: 0, physical: 0 });
    this.#deviceAddress = physical;
    this.#arena = new DmaArena(reserved, size);
    const { copy, checksum } = grant;
    this.memory = {
      bytes: new Uint8Array(this.#buffer),
      words: new Int32Array(this.#buffer),
      copy,
      checksum,
    };
    this.#interrupts = new InterruptTable(grant, (id) => grant.interruptCount(id));
    const interrupts = this.#interrupts;
    this.#functions =
      grant.functionCount() > 0 ? [new KernelPciFunction(grant, interrupts, 0)] : [];
    const count = grant.platformCount();
    this.#devices = Array.from({ length: count }, (_, index) =>
      describePlatformDevice(grant, interrupts, index),
    ).filter((each) => each !== undefined);
    this.#serialPorts = findSerialPorts(bindings.grantedSerial, interrupts);
  }

  pciFunctions(): readonly PciFunctionAccess[] {
    return this.#functions;
  }

  platformDevices(): readonly PlatformDevice[] {
    return this.#devices;
  }

  serialPorts(): readonly SerialPort[] {
    return this.#serialPorts;
  }

  allocateDma(size: number): DmaMemory {
    const block = this.#arena.allocate(size);
    if (block === undefined) {
      throw new Error(
        `There are no ${size} bytes left in the memory that this driver was given for its device.`,
      );
    }
    const { offset, size: bytes } = block;
    const made = {
      offset,
      size: bytes,
      deviceAddress: this.#deviceAddress + offset,
      bytes: new Uint8Array(this.#buffer, offset, bytes),
      halves: new Uint16Array(this.#buffer, offset, bytes / 2),
      words: new Uint32Array(this.#buffer, offset, bytes / 4),
    };
    made.bytes.fill(0);
    return made;
  }

  freeDma(memory: DmaMemory): void {
    this.#arena.free(memory.offset);
  }

  now(): number {
    return this.#bindings.clock.now();
  }

  at(instant: number, run: () => void): () => void {
    const timer = new Timer(run);
    this.#timers.set(timer, instant);
    this.#bindings.loop.again(); // it may have been asked already until when it may sleep
    return () => this.#timers.remove(timer);
  }

  log(atLevel: 'error' | 'warn' | 'info' | 'debug', text: string): void {
    this.#bindings.log.write(level[atLevel], text);
  }

  addEntropy(bytes: Uint8Array): void {
    this.#addEntropy(bytes);
  }

  /** Runs the handlers of interrupts that came, and timers. Once in each turn of the loop. */
  turn(): void {
    this.#interrupts.dispatch();
    if (this.#timers.next !== Number.POSITIVE_INFINITY) this.#timers.run(this.now());
  }

  /** When turn() has something to do next, on the clock of now(). */
  nextDeadline(): number {
    return this.#interrupts.isPending() ? 0 : this.#timers.next;
  }
}
