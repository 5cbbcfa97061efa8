/**
 * A driver for QEMU's educational device, which computes factorials. It runs in the system isolate: no
 * Node there, nothing but ECMAScript and what `Platform` gives it.
 */
import { findFunctions, type PciFunction } from '@runtimejs/pci/function.ts';
import type { InterruptSet } from '@runtimejs/pci/interrupts.ts';
import type { Platform, RegisterMemory } from '@runtimejs/platform/platform.ts';
import { reason, register, status } from './registers.ts';

const match = { vendor: 0x1234, devices: [0x11e8] };
const identity = 0xed;
const pattern = 0x1234_5678;
/** 12! is the largest factorial that 32 bits hold. */
const largest = 12;
/** How long the device may compute, in microseconds. Interrupts can be lost: then it is looked at. */
const patience = 1_000_000;

/** Is told a factorial, or undefined when the device did not answer in time. */
export type Receiver = (result: number | undefined) => void;

/** A device that was found to work. */
export class EduDevice {
  readonly name: string;
  readonly counters = { computed: 0, timeouts: 0, spurious: 0 };
  readonly #platform: Platform;
  readonly #registers: RegisterMemory;
  readonly #interrupts: InterruptSet;
  #waiting: { readonly receive: Receiver; readonly cancelTimer: () => void } | undefined;

  /** Throws when the function is no such device, or does not work. */
  constructor(platform: Platform, found: PciFunction, name: string) {
    this.name = name;
    this.#platform = platform;
    found.enable();
    this.#registers = found.memory(0);
    const { words } = this.#registers;
    if (((words[register.identification] ?? 0) & 0xff) !== identity) {
      throw new Error('it does not identify itself as an educational device');
    }
    words[register.liveness] = pattern;
    if (words[register.liveness] !== ~pattern >>> 0) throw new Error('it does not respond');
    this.#interrupts = found.openInterrupts(1);
    this.#interrupts.vectors[0]?.onInterrupt(() => this.#interrupt());
    words[register.status] = status.interruptWhenComputed;
  }

  /**
   * Has the device compute.
   * @param number 0 to 12
   * @param receive is called later, once
   * @returns false when the device is busy, or the number is not possible
   */
  factorial(number: number, receive: Receiver): boolean {
    if (this.#waiting !== undefined) return false;
    if (!Number.isInteger(number) || number < 0 || number > largest) return false;
    const late = () => this.#finish(true);
    const cancelTimer = this.#platform.at(this.#platform.now() + patience, late);
    this.#waiting = { receive, cancelTimer };
    this.#registers.words[register.factorial] = number;
    return true;
  }

  #interrupt(): void {
    const { words } = this.#registers;
    const reasons = words[register.interruptStatus] ?? 0;
    words[register.interruptAcknowledge] = reasons;
    this.#interrupts.vectors[0]?.acknowledge();
    if ((reasons & reason.computed) === 0 || this.#waiting === undefined) {
      this.counters.spurious += 1;
      return;
    }
    this.#finish(false);
  }

  #finish(isLate: boolean): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    waiting.cancelTimer();
    const { words } = this.#registers;
    if (isLate && ((words[register.status] ?? 0) & status.computing) !== 0) {
      this.counters.timeouts += 1;
      waiting.receive(undefined);
      return;
    }
    this.counters.computed += 1;
    waiting.receive(words[register.factorial]);
  }
}

/** Starts every device of its kind; problems with one device are logged, and it is left out. */
export function attach(platform: Platform): readonly EduDevice[] {
  const devices: EduDevice[] = [];
  for (const found of findFunctions(platform, match)) {
    try {
      const device = new EduDevice(platform, found, `edu${devices.length}`);
      devices.push(device);
      const say = (result: number | undefined) =>
        platform.log('info', `${device.name}: 10! = ${result ?? 'no answer'}`);
      device.factorial(10, say);
    } catch (error) {
      platform.log('error', `edu: left out ${found.name}: ${(error as Error).message}`);
    }
  }
  return devices;
}
