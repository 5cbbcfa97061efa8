/**
 * A keyboard whose driver has an isolate of its own, as a screen sees it. Keys come through a ring in memory that outlives the
 * driver; what it had taken from its device and not put there yet is found out when it has ended.
 */
import type { GrantedDevice } from '@runtimejs/isolate/isolates.ts';
import type { Json } from '@runtimejs/isolate/program.ts';
import type { Memory } from '@runtimejs/net/memory.ts';
import type { Channel } from '@runtimejs/rpc/channel.ts';
import type { SystemContext } from '@runtimejs/system/compose.ts';
import type { Keyboard, KeyboardLights, KeyEvent } from '@runtimejs/tty/keyboard/keys.ts';
import { ByteReader } from './byte-ring.ts';
import { keyBytes, keyboardRecord, keyOf, keyRing, lostWord } from './keyboard-layout.ts';
import type { LightsMessage } from './keyboard-messages.ts';
import { type Counters, LifeCounters } from './life-counters.ts';
import {
  Conversation,
  type DriverMessage,
  driverMessage,
  type ReplacementMessage,
} from './messages.ts';
import type { PlacedListener } from './placed-driver.ts';
import { ringAt } from './ring.ts';

/** Nobody types so many keys between two looks. */
const mostKeys = 1024;

/** What a driver has left, when it has ended and the device is quiet. */
export interface KeyboardRemains {
  readonly memory: Memory;
  /** Where the memory of the device begins; first is the page of the isolate's host. */
  readonly start: number;
  /** What the driver noted of its keyboard when it had started. */
  readonly note: number;
  /** How many bytes the host had noted at the last key that came. */
  readonly position: number;
  /** Whether any key came in this life. */
  readonly hasGivenKeys: boolean;
  /** Keys that are held. */
  readonly held: readonly number[];
  /** What this life was started with. */
  readonly remains: Json | undefined;
}

/** What becomes of it. */
export interface KeyboardSettlement {
  /** Keys that follow those that came. */
  readonly keys: readonly KeyEvent[];
  /** More keys were lost: none counts as held any more. */
  readonly hasLost: boolean;
  /** What the next life is started with; undefined: as the first one. */
  readonly remains: Json | undefined;
}

/** Finds out what a driver had no time to say. */
export type SettleKeyboard = (remains: KeyboardRemains) => KeyboardSettlement;

type Voice = Conversation<LightsMessage | ReplacementMessage, DriverMessage>;

/** The keyboard. */
export class PlacedKeyboard implements Keyboard, PlacedListener {
  readonly name: string;
  readonly #context: Pick<SystemContext, 'bindings' | 'memory'>;
  readonly #settle: SettleKeyboard | undefined;
  readonly #counted = new LifeCounters();
  readonly #held = new Set<number>();
  #driverEnds = 0;
  #isReady = false;
  #take: (event: KeyEvent) => void = () => {};
  #lost: () => void = () => {};
  #lights: KeyboardLights | undefined;
  #voice: Voice | undefined;
  #keys: ByteReader | undefined;
  #start = 0;
  /** Of the last key of this life. */
  #position: number | undefined;
  #remains: Json | undefined;

  /** @param settle without it, keys are lost with the driver, and none counts as held any more */
  constructor(
    name: string,
    context: Pick<SystemContext, 'bindings' | 'memory'>,
    settle: SettleKeyboard | undefined,
  ) {
    this.name = name;
    this.#context = context;
    this.#settle = settle;
  }

  get counters(): Counters {
    return { ...this.#counted.sums, driverEnds: this.#driverEnds };
  }

  get isAway(): boolean {
    return !this.#isReady;
  }

  listen(take: (event: KeyEvent) => void, lost: () => void): void {
    this.#take = take;
    this.#lost = lost;
    this.onWanted();
  }

  setLights(lights: KeyboardLights): void {
    this.#lights = lights;
    this.#tellLights();
  }

  stop(): void {
    this.onStopped();
  }

  // PlacedListener

  started(channel: Channel, { offset }: GrantedDevice): Voice {
    const { bindings, memory } = this.#context;
    const voice: Voice = new Conversation<LightsMessage | ReplacementMessage, DriverMessage>(
      channel,
      bindings.text,
      {
        bell: () => this.#look(),
        told: (message) => {
          if (message.is === 'ready') this.#isReady = true;
          if (message.is === 'counters') this.#counted.tell(message.counters);
          else this.onTold(message);
        },
        violated: (what) => this.#violated(what),
      },
      driverMessage,
    );
    this.#voice = voice;
    this.#start = offset;
    this.#position = undefined;
    this.#keys = new ByteReader(memory, ringAt(keyRing, offset));
    this.#tellLights();
    this.#look();
    return voice;
  }

  stopping(): void {}

  stopped(then: () => void): void {
    then(); // what it has left is taken when it has ended
  }

  ended(): void {
    if (this.#keys === undefined) return;
    this.#look();
    this.#keys = undefined;
    this.#voice = undefined;
    this.#isReady = false;
    this.#counted.end();
    this.#driverEnds += 1;
    this.#settleLife();
  }

  remains(): Json | undefined {
    return this.#remains;
  }

  #settleLife(): void {
    const { memory } = this.#context;
    const at = (this.#start + keyboardRecord) / 4;
    const note = Atomics.load(memory.words, at);
    if (note === 0) return; // it has not started: nothing came, and all is as before
    const settled = this.#settle?.({
      memory,
      start: this.#start,
      note,
      position: this.#position ?? Atomics.load(memory.words, at + 1) >>> 0,
      hasGivenKeys: this.#position !== undefined,
      held: [...this.#held],
      remains: this.#remains,
    });
    for (const key of settled?.keys ?? []) this.#pass(key);
    if (settled?.hasLost !== false) this.#lose();
    this.#remains = settled?.remains;
  }

  /** Takes the keys that are in the ring. */
  #look(): void {
    const keys = this.#keys;
    if (keys === undefined) return;
    let count = 0;
    do {
      // A copy: the driver could change them after they were looked at.
      const bytes = keys.next().slice();
      const entries = new Uint32Array(bytes.buffer, 0, bytes.length >> 2);
      count += entries.length / 2;
      if (bytes.length % keyBytes !== 0) keys.violation ??= 'it has put half a key into the ring';
      else if (count > mostKeys) keys.violation ??= 'it gives more keys than anybody types';
      else this.#takeEntries(keys, entries);
      keys.take(bytes.length);
      keys.publish();
    } while (keys.violation === null && keys.sleep(true));
    if (keys.violation !== null) this.#violated(keys.violation);
  }

  #takeEntries(keys: ByteReader, entries: Uint32Array): void {
    for (let at = 0; at < entries.length; at += 2) {
      const word = entries[at] as number;
      const key = keyOf(word);
      if (key !== undefined) this.#pass(key);
      else if (word === lostWord) this.#lose();
      else {
        keys.violation ??= 'it says that there is a key that no keyboard has';
        return;
      }
      this.#position = entries[at + 1] as number;
    }
  }

  #pass(key: KeyEvent): void {
    if (key.isDown) this.#held.add(key.code);
    else this.#held.delete(key.code);
    this.#take(key);
  }

  #lose(): void {
    this.#held.clear();
    this.#lost();
  }

  #tellLights(): void {
    if (this.#lights === undefined) return;
    const { capsLock, numLock } = this.#lights;
    this.#voice?.tell({ is: 'lights', capsLock, numLock });
  }

  #violated(what: string): void {
    this.onViolation(`it broke the rules: ${what}`);
  }

  /** Takes what the driver says: see PlacedDriver. */
  onTold: (message: DriverMessage) => void = () => {};
  /** Ends the driver's life: see PlacedDriver. */
  onViolation: (reason: string) => void = () => {};
  /** Somebody listens: the driver is to start. */
  onWanted: () => void = () => {};
  /** It is not wanted any more. */
  onStopped: () => void = () => {};
}
