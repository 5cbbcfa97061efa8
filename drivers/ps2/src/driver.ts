/** The driver for PS/2 keyboards behind a PC's keyboard controller. */
import type {
  Interrupt,
  KeyboardControllerDevice,
  Platform,
} from '@runtimejs/platform/platform.ts';
import type { Keyboard, KeyboardLights, KeyEvent } from '@runtimejs/tty/keyboard/keys.ts';
import { KeyboardController } from './controller.ts';
import { KeyReader } from './key-reader.ts';
import type { Ps2Remains } from './remains.ts';

/** Commands to the keyboard (IBM PC AT technical reference, section 4). */
const command = { setLights: 0xed, enable: 0xf4 } as const;
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
  /** The set of scan codes that come. */
  readonly set: 1 | 2;
  readonly #keys: KeyReader;
  #take: (event: KeyEvent) => void = () => {};
  #lost: () => void = () => {};
  /** Bytes for the keyboard; the first one has been sent and waits for its acknowledgement. */
  #outgoing: number[] = [];
  #resends = 0;
  #cancelAnswer: () => void = () => {};
  #cancelLook: () => void = () => {};
  #isStopped = false;

  /**
   * Throws when the machine gives no interrupt.
   * @param remains of the driver before, which had set the keyboard up
   */
  constructor(
    platform: Platform,
    device: KeyboardControllerDevice,
    controller: KeyboardController,
    set: 1 | 2,
    remains?: Ps2Remains,
  ) {
    this.#platform = platform;
    this.#controller = controller;
    this.set = set;
    this.#keys = new KeyReader(set, remains?.held, remains?.begun);
    this.#interrupt = device.openInterrupt();
    this.#interrupt.onInterrupt(() => this.#onInterrupt());
    this.#look();
    // A keyboard that was enabled would forget what it has not sent yet.
    if (remains === undefined) this.#send(command.enable);
    // What it has sent meanwhile: the line tells of edges, and nobody has seen that one.
    else platform.at(platform.now(), () => this.#receive());
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
    const meaning = this.#keys.take(byte);
    switch (meaning) {
      case undefined:
        break;
      case 'acknowledged':
        this.#acknowledged();
        break;
      case 'resend':
        this.#resend();
        break;
      case 'plugged':
        this.#lost();
        this.#send(command.enable);
        break;
      case 'unknown':
        this.counters.unknown += 1;
        break;
      case 'overrun':
        this.counters.overruns += 1;
        this.#lost();
        break;
      default:
        this.#take(meaning);
    }
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
  return start(platform, (controller) => controller.start());
}

/** The same after a driver that has ended, wherever it was: what the keyboard has sent since is not lost. */
export function resume(platform: Platform, remains: Ps2Remains): readonly Ps2Keyboard[] {
  return start(platform, (controller) => controller.resume() ?? remains.set, remains);
}

/** @param setUp gives the set of scan codes that will come, or why the controller cannot be used */
function start(
  platform: Platform,
  setUp: (controller: KeyboardController) => 1 | 2 | string,
  remains?: Ps2Remains,
): readonly Ps2Keyboard[] {
  const keyboards: Ps2Keyboard[] = [];
  for (const device of platform.platformDevices()) {
    if (device.kind !== 'keyboard-controller') continue;
    const controller = new KeyboardController(platform, device);
    const set = setUp(controller);
    if (typeof set === 'string') {
      platform.log('warn', `ps2: left out the keyboard controller: ${set}`);
      continue;
    }
    try {
      keyboards.push(new Ps2Keyboard(platform, device, controller, set, remains));
    } catch (error) {
      platform.log('error', `ps2: left out the keyboard: ${(error as Error).message}`);
    }
  }
  return keyboards;
}
