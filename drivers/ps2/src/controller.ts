/** The keyboard controller of a PC: Intel 8042, as IBM's PC AT technical reference describes it (section 1.4). */
import type { KeyboardControllerDevice, Platform } from '@runtimejs/platform/platform.ts';

const port = { data: 0, status: 1, command: 1 } as const;
/** Bits of the status. */
export const status = { outputFull: 0x01, inputFull: 0x02, fromMouse: 0x20 } as const;
const command = {
  readConfiguration: 0x20,
  writeConfiguration: 0x60,
  disableMouse: 0xa7,
  testKeyboardPort: 0xab,
  selfTest: 0xaa,
  disableKeyboard: 0xad,
  enableKeyboard: 0xae,
} as const;
/** Bits of the configuration byte. */
const configuration = {
  keyboardInterrupt: 0x01,
  mouseInterrupt: 0x02,
  keyboardOff: 0x10,
  translates: 0x40,
} as const;
const selfTestPassed = 0x55;

/** How long the controller may take for an answer, microseconds, and how often it is asked meanwhile. */
const patience = 50_000;
const mostPolls = 100_000;
/** Bytes that may wait in the controller at the start; more never end. */
const mostStale = 64;

/** The controller, all waits bounded. */
export class KeyboardController {
  readonly #platform: Platform;
  readonly #device: KeyboardControllerDevice;

  constructor(platform: Platform, device: KeyboardControllerDevice) {
    this.#platform = platform;
    this.#device = device;
  }

  /**
   * Sets the controller up for one keyboard, with its interrupt on.
   * @returns the set of scan codes that will come, or why it cannot be used
   */
  start(): 1 | 2 | string {
    if (!this.#command(command.disableKeyboard) || !this.#command(command.disableMouse)) {
      return 'it does not take commands';
    }
    if (!this.#drain()) return 'it never stops sending';
    const test = this.#ask(command.selfTest);
    if (test !== selfTestPassed) return `its self-test gave ${show(test)}`;
    const before = this.#ask(command.readConfiguration);
    if (before === undefined) return 'it does not tell its configuration';
    const portTest = this.#ask(command.testKeyboardPort);
    if (portTest !== 0) return `the test of its keyboard port gave ${show(portTest)}`;
    const { keyboardInterrupt, mouseInterrupt, keyboardOff, translates } = configuration;
    // The keyboard stays off until there is nothing more to ask: keys that were pressed meanwhile are no answers.
    const wanted = (before | keyboardInterrupt | translates | keyboardOff) & ~mouseInterrupt;
    if (!this.#command(command.writeConfiguration) || !this.send(wanted)) {
      return 'it does not take its configuration';
    }
    const after = this.#ask(command.readConfiguration);
    if (!this.#command(command.enableKeyboard)) return 'it does not take commands any more';
    // Without translation the keyboard's own codes come, which are of set 2.
    return after !== undefined && (after & translates) === 0 ? 2 : 1;
  }

  /**
   * Goes on with a controller that start() has set up. It is asked nothing, so that every byte that comes is a key's.
   * @returns why it cannot be used; undefined when it can
   */
  resume(): string | undefined {
    return this.#command(command.enableKeyboard) ? undefined : 'it does not take commands any more';
  }

  /** Sends a byte to the keyboard. @returns false when the controller does not take it */
  send(byte: number): boolean {
    if (!this.#waitFor(status.inputFull, 0)) return false;
    this.#device.ports.write(port.data, 1, byte);
    return true;
  }

  /** The next byte of the keyboard; undefined when there is none. Bytes of a mouse are dropped and counted. */
  take(dropped: () => void): number | undefined {
    for (let left = mostStale; left > 0; left--) {
      const now = this.#device.ports.read(port.status, 1);
      if ((now & status.outputFull) === 0) return undefined;
      const byte = this.#device.ports.read(port.data, 1);
      if ((now & status.fromMouse) === 0) return byte;
      dropped();
    }
    return undefined;
  }

  /** Switches the keyboard off. */
  stop(): void {
    this.#command(command.disableKeyboard);
  }

  #command(byte: number): boolean {
    if (!this.#waitFor(status.inputFull, 0)) return false;
    this.#device.ports.write(port.command, 1, byte);
    return true;
  }

  /** Gives a command and takes its answer; undefined when there is none. */
  #ask(byte: number): number | undefined {
    if (!this.#command(byte) || !this.#waitFor(status.outputFull, status.outputFull))
      return undefined;
    return this.#device.ports.read(port.data, 1);
  }

  #drain(): boolean {
    for (let left = mostStale; left > 0; left--) {
      if ((this.#device.ports.read(port.status, 1) & status.outputFull) === 0) return true;
      this.#device.ports.read(port.data, 1);
    }
    return false;
  }

  #waitFor(bit: number, value: number): boolean {
    const deadline = this.#platform.now() + patience;
    for (let left = mostPolls; left > 0; left--) {
      if ((this.#device.ports.read(port.status, 1) & bit) === value) return true;
      if (this.#platform.now() >= deadline) return false;
    }
    return false;
  }
}

function show(byte: number | undefined): string {
  return byte === undefined ? 'no answer' : `0x${byte.toString(16)}`;
}
