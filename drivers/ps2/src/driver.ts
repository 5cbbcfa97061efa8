/** The driver for PS/2 keyboards behind a PC's keyboard controller. */
import type {
  Interrupt,
  KeyboardControllerDevice,
  Platform,
} from '@runtimejs/platform/platform.ts';
import type { Keyboard, KeyboardLights, KeyEvent } from '@runtimejs/tty/keyboard/keys.ts';
import { ScancodeDecoder } from '@runtimejs/tty/keyboard/scancodes.ts';
import { KeyboardController } from './controller.ts';

/** Commands to the keyboard, and its answers (IBM PC AT technical reference, section 4). */
const command = { setLights: 0xed, enable: 0xf4 } as const;
const answer = { acknowledge: 0xfa, resend: 0xfe, echo: 0xee, testPassed: 0xaa } as const;
const mostResends = 3;
/** How long the keyboard may take to acknowledge a byte, microseconds. */
const answerTime = 500_000;
/** How often the controller is looked at in case an interrupt was lost. */
const lookPeriod = 2_000_000;
/** Bytes that are taken in one turn: a keyboard sends far fewer, a broken one must not stop the rest. */
const mostBytesPerTurn = 256;

/** The keyboard. Made by attach(). */
export class Ps2Keyboard implements Keyboard {
  readonly name = 'PS/2 keyboard';
  readonly counters = {
    bytes: 0,
    unknown: 0,
    overruns: 0,
    mouseBytes: 0,
    unanswered: 0,
    withoutInterrupt: 0,
    floods: 0,
  };
  readonly #platform: Platform;
  readonly #controller: KeyboardController;
  readonly #interrupt: Interrupt;
  readonly #decoder: ScancodeDecoder;
  readonly #held = new Set<number>();
  #take: (event: KeyEvent) => void = () => {};
  #lost: () => void = () => {};
  /** Bytes for the keyboard; the first one has been sent and waits for its acknowledgement. */
  #outgoing: number[] = [];
  #resends = 0;
  #cancelAnswer: () => void = () => {};
  #cancelLook: () => void = () => {};
  #isStopped = false;

  /** Throws when the machine gives no interrupt. */
  constructor(
    platform: Platform,
    device: KeyboardControllerDevice,
    controller: KeyboardController,
    set: 1 | 2,
  ) {
    this.#platform = platform;
    this.#controller = controller;
    this.#decoder = new ScancodeDecoder(set);
    this.#interrupt = device.openInterrupt();
    this.#interrupt.onInterrupt(() => this.#onInterrupt());
    this.#send(command.enable);
    this.#look();
  }

  listen(take: (event: KeyEvent) => void, lost: () => void): void {
    this.#take = take;
    this.#lost = lost;
  }

  setLights({ capsLock, numLock }: KeyboardLights): void {
    this.#send(command.setLights, (numLock ? 2 : 0) | (capsLock ? 4 : 0));
  }

  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#cancelAnswer();
    this.#cancelLook();
    this.#interrupt.release();
    this.#controller.stop();
  }

  #onInterrupt(): void {
    if (this.#isStopped) return;
    // Acknowledged first: the line is edge-triggered, and an edge that comes while it is masked is lost. What
    // arrives from here on interrupts again, or is seen below.
    this.#interrupt.acknowledge();
    this.#receive();
  }

  /** @returns how many bytes there were */
  #receive(): number {
    let count = 0;
    for (; count < mostBytesPerTurn; count++) {
      const byte = this.#controller.take(() => {
        this.counters.mouseBytes += 1;
      });
      if (byte === undefined) return count;
      this.counters.bytes += 1;
      this.#takeByte(byte);
    }
    this.counters.floods += 1;
    return count;
  }

  #takeByte(byte: number): void {
    if (byte === answer.acknowledge) {
      this.#acknowledged();
    } else if (byte === answer.resend) {
      this.#resend();
    } else if (byte === answer.testPassed && this.#held.size === 0) {
      // It was plugged in just now, and begins with its keys off. (As a release it means that of left shift.)
      this.#forget();
      this.#send(command.enable);
    } else if (byte !== answer.echo) {
      this.#takeScancode(byte);
    }
  }

  #takeScancode(byte: number): void {
    const result = this.#decoder.take(byte);
    if (result === undefined) return;
    if (result === 'unknown') {
      this.counters.unknown += 1;
    } else if (result === 'overrun') {
      this.counters.overruns += 1;
      this.#forget();
    } else {
      if (result.isDown) this.#held.add(result.code);
      else this.#held.delete(result.code);
      this.#take(result);
    }
  }

  #forget(): void {
    this.#held.clear();
    this.#decoder.reset();
    this.#lost();
  }

  #send(...bytes: readonly number[]): void {
    const isIdle = this.#outgoing.length === 0;
    this.#outgoing.push(...bytes);
    if (isIdle) this.#sendNext();
  }

  #sendNext(): void {
    this.#cancelAnswer();
    const [byte] = this.#outgoing;
    if (byte === undefined || this.#isStopped) return;
    if (!this.#controller.send(byte)) {
      this.#giveUp();
      return;
    }
    this.#cancelAnswer = this.#platform.at(this.#platform.now() + answerTime, () => this.#giveUp());
  }

  #acknowledged(): void {
    if (this.#outgoing.length === 0) return;
    this.#outgoing.shift();
    this.#resends = 0;
    this.#sendNext();
  }

  #resend(): void {
    if (this.#outgoing.length === 0) return;
    this.#resends += 1;
    if (this.#resends > mostResends) this.#giveUp();
    else this.#sendNext();
  }

  /** A keyboard that does not answer may type all the same: only what was to be said to it is dropped. */
  #giveUp(): void {
    this.counters.unanswered += 1;
    this.#resends = 0;
    this.#outgoing = [];
    this.#cancelAnswer();
  }

  #look(): void {
    this.#cancelLook = this.#platform.at(this.#platform.now() + lookPeriod, () => {
      this.counters.withoutInterrupt += this.#receive();
      this.#look();
    });
  }
}

/** Takes the keyboard, where there is a controller that works. */
export function attach(platform: Platform): readonly Ps2Keyboard[] {
  const keyboards: Ps2Keyboard[] = [];
  for (const device of platform.platformDevices()) {
    if (device.kind !== 'keyboard-controller') continue;
    const controller = new KeyboardController(platform, device);
    const set = controller.start();
    if (typeof set === 'string') {
      platform.log('warn', `ps2: left out the keyboard controller: ${set}`);
      continue;
    }
    try {
      keyboards.push(new Ps2Keyboard(platform, device, controller, set));
    } catch (error) {
      platform.log('error', `ps2: left out the keyboard: ${(error as Error).message}`);
    }
  }
  return keyboards;
}
