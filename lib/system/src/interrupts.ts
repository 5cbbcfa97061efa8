/**
 * Interrupts of devices. The kernel counts them in the shared page; in each turn of the loop the counts
 * are compared with those last seen, and the handlers of those that moved run.
 */
import type { Interrupt } from '@runtimejs/platform/platform.ts';
import type { DeviceBindings } from './generated/bindings.d.ts';

/** The bindings behind it: of the system isolate, or of one that was given a device. */
type InterruptBindings = Pick<DeviceBindings, 'acknowledgeInterrupt' | 'releaseInterrupt'>;

/** The interrupts that are open. */
export class InterruptTable {
  readonly #kernel: InterruptBindings;
  readonly #count: (id: number) => number;
  readonly #open: KernelInterrupt[] = [];

  /** @param count how often the interrupt of an id came, as the kernel counts */
  constructor(kernel: InterruptBindings, count: (id: number) => number) {
    this.#kernel = kernel;
    this.#count = count;
  }

  /**
   * Takes in an interrupt that the kernel has just opened.
   * @param messageAddress for messages, where the device writes
   * @param messageData for messages, what it writes
   */
  open(id: number, messageAddress: number, messageData: number): Interrupt {
    const seen = this.#count(id);
    const opened = new KernelInterrupt(this, id, messageAddress, messageData, seen);
    this.#open.push(opened);
    return opened;
  }

  /** Runs the handlers of interrupts that came since they last ran. */
  dispatch(): void {
    // A handler may open and release interrupts: those that move are looked at in the next turn.
    for (let index = 0; index < this.#open.length; index += 1) {
      const interrupt = this.#open[index] as KernelInterrupt;
      const count = this.#count(interrupt.id);
      if (count === interrupt.seen || interrupt.handler === undefined) continue;
      interrupt.seen = count;
      interrupt.handler();
    }
  }

  /** Whether dispatch() would run a handler. */
  isPending(): boolean {
    for (let index = 0; index < this.#open.length; index += 1) {
      const { id, seen, handler } = this.#open[index] as KernelInterrupt;
      if (handler !== undefined && this.#count(id) !== seen) return true;
    }
    return false;
  }

  /** Lets a line interrupt again. */
  acknowledge(interrupt: KernelInterrupt): void {
    if (this.#open.includes(interrupt)) this.#kernel.acknowledgeInterrupt(interrupt.id);
  }

  /** Gives an interrupt back. */
  release(interrupt: KernelInterrupt): void {
    const index = this.#open.indexOf(interrupt);
    if (index < 0) return;
    this.#open.splice(index, 1);
    this.#kernel.releaseInterrupt(interrupt.id);
  }
}

class KernelInterrupt implements Interrupt {
  readonly id: number;
  readonly messageAddress: number;
  readonly messageData: number;
  /** The count when the handler last ran. */
  seen: number;
  handler: (() => void) | undefined;
  readonly #table: InterruptTable;

  constructor(
    table: InterruptTable,
    id: number,
    messageAddress: number,
    messageData: number,
    seen: number,
  ) {
    this.#table = table;
    this.id = id;
    this.messageAddress = messageAddress;
    this.messageData = messageData;
    this.seen = seen;
  }

  onInterrupt(handler: () => void): void {
    this.handler = handler;
  }

  acknowledge(): void {
    if (this.messageAddress === 0) this.#table.acknowledge(this);
  }

  release(): void {
    this.#table.release(this);
  }
}
