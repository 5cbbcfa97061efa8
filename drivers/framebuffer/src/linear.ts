/** A framebuffer that shows what is written to its memory at once. */
import type { PixelLayout, RegisterMemory } from '@runtimejs/platform/platform.ts';
import type { Display, View } from '@runtimejs/tty/screen/display.ts';
import type { Font } from '@runtimejs/tty/screen/font.ts';
import { PixelScreen } from '@runtimejs/tty/screen/pixels.ts';

/** The display. */
export class LinearFramebuffer implements Display {
  readonly name: string;
  readonly isTextScreen = false;
  readonly replacesTextScreen: boolean;
  readonly counters = { draws: 0 };
  readonly #screen: PixelScreen;
  #isStopped = false;

  /** Throws when it cannot be used. */
  constructor(
    name: string,
    memory: RegisterMemory,
    layout: PixelLayout,
    font: Font,
    replacesTextScreen: boolean,
  ) {
    this.name = name;
    this.replacesTextScreen = replacesTextScreen;
    this.#screen = new PixelScreen(memory.bytes, layout, font);
  }

  get size() {
    return this.#screen.size;
  }

  /** A framebuffer keeps its size. */
  onChange(): void {}

  draw(view: View): void {
    if (this.#isStopped) return;
    if (this.#screen.draw(view) !== undefined) this.counters.draws += 1;
  }

  stop(): void {
    this.#isStopped = true;
  }
}
