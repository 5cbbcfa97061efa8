/**
 * The driver for the serial ports of a PC. The first one is the kernel's boot console, too: its transmitter is
 * shared, with pieces of output as units, and its line settings are the kernel's.
 */
import type { Interrupt, Platform, SerialPort } from '@runtimejs/platform/platform.ts';
import type { TerminalDevice, TerminalHost } from '@runtimejs/tty/device.ts';
import {
  divisor115200,
  fifoControl,
  interruptEnable,
  interruptIdentification,
  lineControl,
  lineStatus,
  modemControl,
  register,
} from './registers.ts';

/** Causes that one interrupt may have before the port counts as broken for now. */
const mostCauses = 256;
/** What arrives causes one of these; both are off while the host has not taken everything. */
const inputInterrupts = interruptEnable.received | interruptEnable.lineStatus;
/** Bytes that one read takes at most: each takes time. */
const mostAtOnce = 1024;
const nothing = new Uint8Array(0);
/** A transmitter that said nothing for so long is looked at without an interrupt, microseconds. */
const lookPeriod = 1_000_000;

/** A serial line as a terminal device. Made by attach(). */
export class SerialLine implements TerminalDevice {
  readonly name: string;
  readonly fileName: string;
  readonly isBootConsole: boolean;
  readonly size = undefined;
  /** Nobody can tell. */
  readonly isConnected = true;
  /** What was taken is in the port's FIFO, which the kernel waits for at the end. */
  readonly unsent = 0;
  readonly counters = {
    sentBytes: 0,
    receivedBytes: 0,
    interrupts: 0,
    overruns: 0,
    parityErrors: 0,
    framingErrors: 0,
    breaks: 0,
    endlessInterrupts: 0,
    lostInterrupts: 0,
  };
  readonly #platform: Platform;
  readonly #port: SerialPort;
  #enabled = 0;
  /** What was in the port before it had FIFOs. */
  #early = nothing;
  #interrupt: Interrupt | undefined;
  #host: TerminalHost | undefined;
  #cancelLook: () => void = () => {};

  constructor(platform: Platform, port: SerialPort) {
    this.#platform = platform;
    this.#port = port;
    this.name = port.number === 0 ? 'serial' : `serial${port.number}`;
    this.fileName = `ttyS${port.number}`;
    this.isBootConsole = port.isBootConsole;
  }

  start(host: TerminalHost): void {
    const port = this.#port;
    const interrupt = port.open();
    this.#interrupt = interrupt;
    this.#host = host;
    if (this.#isSetUp()) {
      // By the driver before this one: what is in the FIFOs stays.
      port.write(register.fifoControl, fifoControl.enable);
    } else if (!port.isBootConsole) {
      port.write(register.interruptEnable, 0);
      port.write(register.lineControl, lineControl.divisorAccess);
      port.write(register.divisorLow, divisor115200);
      port.write(register.divisorHigh, 0);
      port.write(register.lineControl, lineControl.eightBits);
      port.write(register.fifoControl, fifoControl.enable | fifoControl.clear);
    } else {
      // Switching FIFOs on empties the register that holds what came first.
      const early = new Uint8Array(1);
      this.#early = early.subarray(0, port.receive(early));
      port.write(register.fifoControl, fifoControl.enable);
    }
    port.write(register.modemControl, modemControl.ready);
    interrupt.onInterrupt(() => this.#onInterrupt());
    // What arrived before raises no interrupt of its own. Those are switched on by the read that finds nothing.
    host.readable();
  }

  write(bytes: Uint8Array): number {
    let sent = 0;
    while (sent < bytes.length) {
      const count = this.#port.transmit(bytes.subarray(sent));
      if (count === 0) break;
      sent += count;
    }
    this.counters.sentBytes += sent;
    if (sent < bytes.length) this.#awaitTransmitter();
    return sent;
  }

  read(into: Uint8Array): number {
    if (this.#early.length > 0 && into.length > 0) {
      into.set(this.#early);
      this.counters.receivedBytes += this.#early.length;
      this.#early = nothing;
      return 1;
    }
    const count = this.#port.receive(into.subarray(0, mostAtOnce));
    this.counters.receivedBytes += count;
    this.#countErrors(this.#port.errors);
    if (count === 0) this.#enable(this.#enabled | inputInterrupts);
    return count;
  }

  stop(): void {
    this.#cancelLook();
    this.#enable(0);
    this.#interrupt?.release();
    this.#interrupt = undefined;
    this.#host = undefined;
  }

  #isSetUp(): boolean {
    const port = this.#port;
    const { fifosOn } = interruptIdentification;
    if ((port.read(register.interruptIdentification) & fifosOn) !== fifosOn) return false;
    if (port.isBootConsole) return true;
    if (port.read(register.lineControl) !== lineControl.eightBits) return false;
    port.write(register.lineControl, lineControl.eightBits | lineControl.divisorAccess);
    const divisor = port.read(register.divisorLow) | (port.read(register.divisorHigh) << 8);
    port.write(register.lineControl, lineControl.eightBits);
    return divisor === divisor115200;
  }

  #enable(interrupts: number): void {
    if (this.#enabled === interrupts) return;
    this.#enabled = interrupts;
    this.#port.write(register.interruptEnable, interrupts);
  }

  #countErrors(errors: number): void {
    if (errors === 0) return;
    if (errors & lineStatus.overrun) this.counters.overruns += 1;
    if (errors & lineStatus.parity) this.counters.parityErrors += 1;
    if (errors & lineStatus.framing) this.counters.framingErrors += 1;
    if (errors & lineStatus.break) {
      this.counters.breaks += 1;
      this.#host?.breakReceived();
    }
  }

  #onInterrupt(): void {
    this.counters.interrupts += 1;
    // First, as the line tells of edges: what comes from here on is told anew, what came before is found.
    this.#interrupt?.acknowledge();
    this.#serve();
  }

  /** Serves what the port wants until it wants nothing. */
  #serve(): void {
    for (let cause = 0; cause < mostCauses; cause += 1) {
      const identification = this.#port.read(register.interruptIdentification);
      if (identification & interruptIdentification.none) return;
      switch (identification & interruptIdentification.mask) {
        case interruptIdentification.transmitterEmpty:
          this.#transmitterIsEmpty();
          break;
        case interruptIdentification.modemStatus:
          this.#port.read(register.modemStatus);
          break;
        default: // received data, or an error with it: reading takes both
          this.#enable(this.#enabled & ~inputInterrupts);
          this.#host?.readable();
          break;
      }
    }
    this.counters.endlessInterrupts += 1;
  }

  #awaitTransmitter(): void {
    this.#enable(this.#enabled | interruptEnable.transmitterEmpty);
    this.#cancelLook();
    this.#cancelLook = this.#platform.at(this.#platform.now() + lookPeriod, () => this.#look());
  }

  /** Should the interrupt have been lost. */
  #look(): void {
    const status = this.#port.read(register.lineStatus);
    this.#countErrors(status);
    if ((status & lineStatus.transmitterEmpty) === 0) {
      this.#awaitTransmitter();
      return;
    }
    this.counters.lostInterrupts += 1;
    this.#transmitterIsEmpty();
  }

  #transmitterIsEmpty(): void {
    this.#cancelLook();
    this.#enable(this.#enabled & ~interruptEnable.transmitterEmpty);
    this.#host?.writable();
  }
}

/** Finds the serial ports. */
export function attach(platform: Platform): readonly SerialLine[] {
  return platform.serialPorts().map((port) => new SerialLine(platform, port));
}
