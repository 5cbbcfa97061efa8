/**
 * A screen with its keyboards as one terminal device: what is written goes through the terminal model to all
 * displays, and what is typed on any keyboard is its input.
 */

import type { TerminalDevice, TerminalHost, TerminalSize } from '../device.ts';
import type { Keyboard, KeyboardLights, KeyEvent } from '../keyboard/keys.ts';
import { createLayout, type LayoutName } from '../keyboard/layouts.ts';
import { Typist } from '../keyboard/typist.ts';
import type { Display, View } from './display.ts';
import { Terminal } from './terminal.ts';
import { encodeUtf8 } from './utf8.ts';

/** What a screen needs of the machine. */
export interface ScreenClock {
  /** Microseconds. */
  now(): number;
  /** Runs something once, at or after an instant; returns what cancels it. */
  at(instant: number, run: () => void): () => void;
}

/** How a screen is put together. */
export interface ScreenOptions {
  readonly displays: readonly Display[];
  readonly keyboards: readonly Keyboard[];
  readonly layout: LayoutName;
}

/** Until a key that is held is typed again, and then between two, microseconds. */
const repeatDelay = 500_000;
const repeatPeriod = 33_000;
/** Nobody sees more pictures in a second than this leaves time for. */
const framePeriod = 20_000;
/** Output that is taken between two pictures, bytes: what is more waits, and the loop turns meanwhile. */
const bytesPerFrame = 64 * 1024;
/** Input that nobody has read, bytes; a pasted screenful and more. */
const inputCapacity = 4096;

/** The device. Displays of different sizes show what fits: the terminal is as large as the first one. */
export class ScreenDevice implements TerminalDevice {
  readonly name = 'screen';
  readonly fileName = 'tty1';
  readonly isBootConsole = false;
  readonly isConnected = true;
  readonly counters = { bytesIn: 0, bytesOut: 0, droppedInput: 0, keys: 0, bells: 0, frames: 0 };
  readonly #clock: ScreenClock;
  readonly #displays: readonly Display[];
  readonly #keyboards: readonly Keyboard[];
  readonly #typist: Typist;
  readonly #terminal: Terminal;
  #host: TerminalHost | undefined;
  #size: TerminalSize;
  #input: number[] = [];
  #room = bytesPerFrame;
  #isRefused = false;
  #cancelFrame: (() => void) | undefined;
  #cancelRepeat: () => void = () => {};
  #lastFrame = 0;
  #lights: KeyboardLights | undefined;

  /** @param options at least one display */
  constructor(clock: ScreenClock, options: ScreenOptions) {
    this.#clock = clock;
    this.#displays = options.displays;
    this.#keyboards = options.keyboards;
    this.#typist = new Typist(createLayout(options.layout));
    this.#size = this.#smallestSize();
    this.#terminal = new Terminal(this.#size.columns, this.#size.rows, {
      reply: (bytes) => this.#receive(bytes),
      bell: () => {
        this.counters.bells += 1;
      },
    });
  }

  get size(): TerminalSize {
    return this.#size;
  }

  start(host: TerminalHost): void {
    this.#host = host;
    for (const display of this.#displays) display.onChange(() => this.#resize());
    for (const keyboard of this.#keyboards) {
      keyboard.listen(
        (event) => this.#take(event),
        () => this.#releaseAll(),
      );
    }
    this.#setLights();
    this.#scheduleFrame();
  }

  write(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.#room);
    this.#terminal.write(bytes.subarray(0, taken));
    this.#room -= taken;
    this.counters.bytesOut += taken;
    this.#isRefused = taken < bytes.length;
    this.#scheduleFrame();
    return taken;
  }

  /** What was taken is in the picture, but the picture may not be shown yet. */
  get unsent(): number {
    const undrawn = bytesPerFrame - this.#room;
    return undrawn === 0 && this.#displays.some(({ isBehind }) => isBehind) ? 1 : undrawn;
  }

  read(into: Uint8Array): number {
    const count = Math.min(into.length, this.#input.length);
    into.set(this.#input.slice(0, count));
    this.#input.splice(0, count);
    return count;
  }

  stop(): void {
    this.#host = undefined;
    this.#cancelFrame?.();
    this.#cancelRepeat();
    for (const keyboard of this.#keyboards) keyboard.stop();
    for (const display of this.#displays) display.stop();
  }

  #smallestSize(): TerminalSize {
    return {
      columns: Math.min(...this.#displays.map(({ size }) => size.columns)),
      rows: Math.min(...this.#displays.map(({ size }) => size.rows)),
    };
  }

  #resize(): void {
    const before = this.#size;
    this.#size = this.#smallestSize();
    this.#terminal.grid.changed.fill(1);
    if (before.columns !== this.#size.columns || before.rows !== this.#size.rows) {
      this.#terminal.resize(this.#size.columns, this.#size.rows);
      this.#host?.resized();
    }
    this.#scheduleFrame();
  }

  #scheduleFrame(): void {
    if (this.#cancelFrame !== undefined || this.#host === undefined) return;
    const next = Math.max(this.#lastFrame + framePeriod, this.#clock.now());
    this.#cancelFrame = this.#clock.at(next, () => this.#draw());
  }

  #draw(): void {
    this.#cancelFrame = undefined;
    this.#lastFrame = this.#clock.now();
    this.counters.frames += 1;
    const { grid, modes, cursor } = this.#terminal;
    const column = Math.min(cursor.column, grid.columns - 1);
    const view: View = {
      grid,
      cursor: modes.cursorVisible ? { column, row: cursor.row } : undefined,
      reverseVideo: modes.reverseVideo,
    };
    for (const display of this.#displays) display.draw(view);
    grid.changed.fill(0);
    this.#room = bytesPerFrame;
    if (!this.#isRefused) return;
    this.#isRefused = false;
    this.#host?.writable();
  }

  #take(event: KeyEvent): void {
    if (this.#typist.isHeld(event.code) === event.isDown) return;
    this.counters.keys += 1;
    const { modes } = this.#terminal;
    const typed = this.#typist.take(event, modes);
    this.#setLights();
    // Any other key that goes down ends the repeating, and so does the release of the key itself.
    if (event.isDown || event.code === this.#repeated) this.#stopRepeating();
    if (typed.isBreak) this.#host?.breakReceived();
    if (typed.text !== '') this.#receive(encodeUtf8(typed.text));
    if (typed.repeats && this.#typist.isHeld(event.code)) this.#repeat(event.code, repeatDelay);
  }

  #repeated = 0;

  /** @param wasAway a keyboard's driver was not there when it should have been typed last */
  #repeat(code: number, delay: number, wasAway = false): void {
    this.#repeated = code;
    this.#cancelRepeat = this.#clock.at(this.#clock.now() + delay, () => {
      if (!this.#typist.isHeld(code)) return;
      const isAway = this.#keyboards.some((keyboard) => keyboard.isAway);
      if (isAway || wasAway) {
        // A release that has waited for the driver comes first.
        this.#repeat(code, isAway ? repeatPeriod : repeatDelay, isAway);
        return;
      }
      const { text } = this.#typist.type(code, this.#terminal.modes);
      // Nobody reads: a key that is held must not fill what is left for others.
      if (text !== '' && this.#input.length < inputCapacity / 2) this.#receive(encodeUtf8(text));
      this.#repeat(code, repeatPeriod);
    });
  }

  #stopRepeating(): void {
    this.#cancelRepeat();
    this.#cancelRepeat = () => {};
    this.#repeated = 0;
  }

  #releaseAll(): void {
    this.#typist.releaseAll();
    this.#stopRepeating();
  }

  #setLights(): void {
    const { lights } = this.#typist;
    const shown = this.#lights;
    if (shown?.capsLock === lights.capsLock && shown.numLock === lights.numLock) return;
    this.#lights = lights;
    for (const keyboard of this.#keyboards) keyboard.setLights(lights);
  }

  #receive(bytes: Uint8Array): void {
    const room = inputCapacity - this.#input.length;
    // A sequence is taken whole or not at all: half of one would be read as something else.
    if (bytes.length > room) {
      this.counters.droppedInput += bytes.length;
      return;
    }
    this.#input.push(...bytes);
    this.counters.bytesIn += bytes.length;
    this.#host?.readable();
  }
}
