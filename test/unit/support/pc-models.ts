/** Models of devices that every PC has: the keyboard controller with a keyboard, and VGA's text screen. */
import type { KeyboardControllerDevice, TextScreenDevice } from '@runtimejs/platform/platform.ts';
import { FakeInterrupt } from './fake-platform.ts';

/** A keyboard controller with a keyboard; honest unless a test says otherwise. */
export class ControllerModel {
  interrupt = new FakeInterrupt(0, 0);
  /** Bytes that wait for the driver, and whether the mouse sent them. */
  readonly output: { readonly byte: number; readonly isMouse: boolean }[] = [];
  readonly sent: number[] = [];
  configuration = 0x43;
  /** The input buffer never empties. */
  isStuck = false;
  /** There is always something to read. */
  neverStops = false;
  selfTest = 0x55;
  ignoresTranslation = false;
  keyboardAnswers: number[] | undefined = undefined;
  /** What was typed while the keyboard is off: it comes as soon as it is on. */
  typedAhead: number[] = [];
  #awaitsConfiguration = false;

  get device(): KeyboardControllerDevice {
    return {
      kind: 'keyboard-controller',
      number: 0,
      ports: {
        size: 2,
        read: (port) => (port === 1 ? this.#status() : this.#take()),
        write: (port, _width, value) => (port === 1 ? this.#command(value) : this.#data(value)),
      },
      openInterrupt: () => this.interrupt,
    };
  }

  /** The keyboard sends bytes. */
  send(...bytes: readonly number[]): void {
    for (const byte of bytes) this.output.push({ byte, isMouse: false });
    this.interrupt.raised += 1;
  }

  #status(): number {
    const isFull = this.neverStops || this.output.length > 0;
    return (
      (isFull ? 1 : 0) | (this.isStuck ? 2 : 0) | (this.output[0]?.isMouse === true ? 0x20 : 0)
    );
  }

  #take(): number {
    return this.output.shift()?.byte ?? 0;
  }

  #command(value: number): void {
    const answer = (byte: number) => this.output.push({ byte, isMouse: false });
    if (value === 0xaa) answer(this.selfTest);
    else if (value === 0xab) answer(0);
    else if (value === 0x20) answer(this.configuration);
    else if (value === 0x60) this.#awaitsConfiguration = true;
    else if (value === 0xad) this.configuration |= 0x10;
    else if (value === 0xae) this.configuration &= ~0x10;
    this.#type();
  }

  #type(): void {
    if ((this.configuration & 0x10) !== 0 || this.typedAhead.length === 0) return;
    this.send(...this.typedAhead.splice(0));
  }

  #data(value: number): void {
    if (this.#awaitsConfiguration) {
      this.#awaitsConfiguration = false;
      this.configuration = this.ignoresTranslation ? value & ~0x40 : value;
      this.#type();
      return;
    }
    this.sent.push(value);
    const answer = this.keyboardAnswers === undefined ? 0xfa : this.keyboardAnswers.shift();
    if (answer !== undefined) this.send(answer);
  }
}

/** A text screen's memory and its CRT controller. */
export class TextScreenModel {
  readonly registers = new Map<number, number>();
  readonly device: TextScreenDevice;
  #selected = 0;

  constructor() {
    const bytes = new Uint8Array(0x8000);
    this.device = {
      kind: 'text-screen',
      number: 0,
      memory: {
        bytes,
        halves: new Uint16Array(bytes.buffer),
        words: new Uint32Array(bytes.buffer),
        size: bytes.length,
      },
      ports: {
        size: 2,
        read: (port) => (port === 0 ? this.#selected : (this.registers.get(this.#selected) ?? 0)),
        write: (port, _width, value) => {
          if (port === 0) this.#selected = value;
          else this.registers.set(this.#selected, value);
        },
      },
    };
  }

  readonly cell = (column: number, row: number): number =>
    this.device.memory.halves[row * 80 + column] ?? 0;
}
