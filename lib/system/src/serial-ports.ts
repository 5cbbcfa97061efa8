/** The serial ports of a PC, over the kernel's bindings. */
import type { Interrupt, SerialPort } from '@runtimejs/platform/platform.ts';
import type { SerialBindings } from './generated/bindings.d.ts';
import type { InterruptTable } from './interrupts.ts';

/** What the kernel says of a port. */
const portState = { absent: 0, present: 1, bootConsole: 2 } as const;

/** The ports that are there. */
export function findSerialPorts(
  kernel: SerialBindings,
  interrupts: InterruptTable,
): readonly SerialPort[] {
  const numbers = Array.from({ length: kernel.portCount() }, (_, number) => number);
  return numbers
    .filter((number) => kernel.portState(number) !== portState.absent)
    .map((number) => new KernelSerialPort(kernel, interrupts, number));
}

class KernelSerialPort implements SerialPort {
  readonly number: number;
  readonly isBootConsole: boolean;
  errors = 0;
  readonly #kernel: SerialBindings;
  readonly #interrupts: InterruptTable;

  constructor(kernel: SerialBindings, interrupts: InterruptTable, number: number) {
    this.number = number;
    this.isBootConsole = kernel.portState(number) === portState.bootConsole;
    this.#kernel = kernel;
    this.#interrupts = interrupts;
  }

  open(): Interrupt {
    try {
      return this.#interrupts.open(this.#kernel.open(this.number), 0, 0);
    } catch (cause) {
      throw new Error(
        `Serial port ${this.number} cannot be opened (${(cause as Error).message}).`,
        {
          cause,
        },
      );
    }
  }

  read(register: number): number {
    return this.#kernel.read(this.number, register);
  }

  write(register: number, value: number): void {
    this.#kernel.write(this.number, register, value);
  }

  transmit(bytes: Uint8Array): number {
    return this.#kernel.transmit(this.number, bytes);
  }

  receive(into: Uint8Array): number {
    const result = this.#kernel.receive(this.number, into);
    this.errors = result >>> 16;
    return result & 0xffff;
  }
}
