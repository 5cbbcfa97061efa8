/** What runs in the isolate of a keyboard's driver: the driver, and keys on their way into the ring. */
import type { Json, Program } from '@runtimejs/isolate/program.ts';
import type { Memory } from '@runtimejs/net/memory.ts';
import type { Platform } from '@runtimejs/platform/platform.ts';
import type { Keyboard, KeyboardLights } from '@runtimejs/tty/keyboard/keys.ts';
import { ByteWriter } from './byte-ring.ts';
import {
  bareBindings,
  type DriverArgument,
  type IsolatedDriver,
  Succession,
  systemViolated,
} from './driver-isolate.ts';
import { GrantedPlatform } from './granted-platform.ts';
import {
  keyBytes,
  keyboardRecord,
  keyboardReserved,
  keyRing,
  keyWord,
  lostWord,
} from './keyboard-layout.ts';
import { keyboardOrder, type LightsMessage } from './keyboard-messages.ts';
import { CountersTeller } from './life-counters.ts';
import {
  Conversation,
  type DriverMessage,
  type DriverVoice,
  type ReplacementMessage,
} from './messages.ts';

/** A keyboard's driver: what its package exports as `driver.ts`. */
export interface IsolatedKeyboardDriver<Device extends Keyboard>
  extends Pick<IsolatedDriver<Device>, 'handOver' | 'takeOver'> {
  /** @param remains what settle() has made of the life before, see own-keyboard.ts; undefined in the first one */
  attach(platform: Platform, remains?: Json): readonly Device[];
}

/** What the program of such an isolate is told. */
export interface KeyboardProgramOptions<Device extends Keyboard> {
  /** What is to be known of a keyboard that was started, when its driver has ended: a number, not 0. By default 1. */
  readonly note?: (device: Device) => number;
}

/** Makes the program of the isolate of a keyboard's driver. */
export function keyboardProgram<Device extends Keyboard>(
  driver: IsolatedKeyboardDriver<Device>,
  { note = () => 1 }: KeyboardProgramOptions<Device> = {},
): Program {
  return async ({ channel, argument, finish }) => {
    const bindings = bareBindings();
    const platform = new GrantedPlatform(bindings, keyboardReserved);
    const { remains } = argument as DriverArgument;
    const [device] = driver.attach(platform, remains);
    if (device === undefined) throw new Error('its device cannot be started: see the log');
    const conversation = new Conversation<DriverMessage, LightsMessage | ReplacementMessage>(
      channel,
      bindings.text,
      {
        told: (message) => {
          if (message.is === 'lights') bridge.setLights(message);
          else succession.told(message);
        },
        closed: finish,
        violated: systemViolated,
      },
      keyboardOrder,
    );
    const bridge = new KeyboardBridge(device, platform.memory, platform, conversation);
    const succession = new Succession(driver, device, conversation, () => bridge.quiesce());
    bridge.start(note(device));
    bindings.loop.onTurn(() => {
      platform.turn();
      return platform.nextDeadline();
    });
    await succession.takeOver(argument);
    conversation.tell({ is: 'ready', linkUp: true });
  };
}

/** Puts the keys of one keyboard into the ring. */
export class KeyboardBridge {
  readonly #device: Keyboard;
  readonly #words: Int32Array;
  readonly #keys: ByteWriter;
  readonly #counters: CountersTeller;
  readonly #wake: () => void;
  /** There was no room for a key. */
  #hasLost = false;

  /** @param memory that begins with what the driver shares with the system isolate */
  constructor(
    device: Keyboard,
    memory: Memory,
    clock: Pick<Platform, 'now' | 'at'>,
    voice: DriverVoice,
  ) {
    this.#device = device;
    this.#words = memory.words;
    this.#keys = new ByteWriter(memory, keyRing);
    this.#wake = () => voice.ring();
    this.#counters = new CountersTeller(
      () => device.counters,
      (counters) => voice.tell({ is: 'counters', counters }),
      clock,
    );
  }

  /** @param note see KeyboardProgramOptions */
  start(note: number): void {
    const at = keyboardRecord / 4;
    Atomics.store(this.#words, at + 1, this.#noted());
    Atomics.store(this.#words, at, note);
    this.#device.listen(
      (event) => this.#put(keyWord(event)),
      () => this.#put(lostWord),
    );
  }

  setLights(lights: KeyboardLights): void {
    this.#device.setLights(lights);
  }

  /** Is about to be replaced. */
  quiesce(): void {
    this.#counters.tell();
  }

  /** How many bytes the host has noted. */
  #noted(): number {
    return Atomics.load(this.#words, 0);
  }

  #put(word: number): void {
    this.#counters.soon();
    if (this.#hasLost && this.#push(lostWord)) this.#hasLost = false;
    if (this.#hasLost || !this.#push(word)) this.#hasLost = true;
    if (this.#keys.violation !== null) systemViolated(this.#keys.violation);
  }

  /** Shows key and position at once: the driver may end between any two steps. @returns false when there is no room */
  #push(word: number): boolean {
    const entry = Uint32Array.of(word, this.#noted());
    return this.#keys.push(new Uint8Array(entry.buffer), this.#wake) === keyBytes;
  }
}
