/** A PCI function over the kernel's bindings. */
import type {
  Interrupt,
  PciFunctionAccess,
  RegisterMemory,
  RegisterPorts,
} from '@runtimejs/platform/platform.ts';
import type { DeviceBindings } from './generated/bindings.d.ts';
import type { InterruptTable } from './interrupts.ts';

/** RUNTIME_BAR_* in native/abi/service.abi.ts. */
const barKind = { memory: 1, ports: 2 } as const;

/** The bindings behind it: of the system isolate, or of one that was given a device. */
type FunctionBindings = Pick<
  DeviceBindings,
  | 'functionAt'
  | 'read'
  | 'write'
  | 'bar'
  | 'mapBar'
  | 'readPort'
  | 'writePort'
  | 'openMessageInterrupt'
  | 'openLineInterrupt'
>;

/** One function, whose index is private to it. */
export class KernelPciFunction implements PciFunctionAccess {
  readonly segment: number;
  readonly bus: number;
  readonly device: number;
  readonly function: number;
  readonly #kernel: FunctionBindings;
  readonly #interrupts: InterruptTable;
  readonly #index: number;

  constructor(kernel: FunctionBindings, interrupts: InterruptTable, index: number) {
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

/** Registers in memory that the kernel has mapped. */
export function registerMemory(buffer: ArrayBuffer): RegisterMemory {
  return {
    bytes: new Uint8Array(buffer),
    halves: new Uint16Array(buffer, 0, buffer.byteLength >> 1),
    words: new Uint32Array(buffer, 0, buffer.byteLength >> 2),
    size: buffer.byteLength,
  };
}
