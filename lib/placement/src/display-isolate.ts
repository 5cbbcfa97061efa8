/** What runs in the isolate of a display's driver: the driver, which draws what the system isolate writes. */
import type { Program } from '@runtimejs/isolate/program.ts';
import type { Platform } from '@runtimejs/platform/platform.ts';
import { createFontReader } from '@runtimejs/system/screen-font.ts';
import type { TerminalSize } from '@runtimejs/tty/device.ts';
import type { Display, View } from '@runtimejs/tty/screen/display.ts';
import type { Font } from '@runtimejs/tty/screen/font.ts';
import type { SizeMessage } from './display-messages.ts';
import { bareBindings, type IsolatedDriver, Succession, systemViolated } from './driver-isolate.ts';
import { GrantedPlatform } from './granted-platform.ts';
import { CountersTeller } from './life-counters.ts';
import {
  Conversation,
  type DriverMessage,
  type ReplacementMessage,
  replacementMessage,
} from './messages.ts';
import { picturePlace, pictureReserved } from './picture-layout.ts';
import { PictureReader } from './shared-picture.ts';

/** A display's driver: what its package exports as `driver.ts`. */
export interface IsolatedDisplayDriver
  extends Pick<IsolatedDriver<Display>, 'handOver' | 'takeOver'> {
  attach(platform: Platform, font: () => Font | undefined): readonly Display[];
}

type Voice = Pick<Conversation<DriverMessage | SizeMessage, never>, 'tell' | 'ring'>;

/**
 * Makes the program of the isolate of a display's driver.
 * @param most cells of its largest picture; the same as in `own.ts`
 */
export function displayProgram(driver: IsolatedDisplayDriver, most: TerminalSize): Program {
  return async ({ channel, argument, finish }) => {
    const bindings = bareBindings();
    const platform = new GrantedPlatform(bindings, pictureReserved(most));
    const [device] = driver.attach(platform, createFontReader(platform, bindings.grant));
    if (device === undefined) throw new Error('its device cannot be started: see the log');
    const conversation = new Conversation<DriverMessage | SizeMessage, ReplacementMessage>(
      channel,
      bindings.text,
      { told: (message) => succession.told(message), closed: finish, violated: systemViolated },
      replacementMessage,
    );
    const picture = new PictureReader(platform.memory.words, picturePlace(most, 0));
    const bridge = new DisplayBridge(device, picture, platform, conversation);
    const succession = new Succession(driver, device, conversation, () => bridge.quiesce());
    bridge.start();
    bindings.loop.onTurn(() => {
      bridge.wake();
      platform.turn();
      bridge.turn();
      return bridge.sleep() ? 0 : platform.nextDeadline();
    });
    await succession.takeOver(argument);
    conversation.tell({ is: 'ready', linkUp: true });
  };
}

/** Has one display show what is written. */
export class DisplayBridge {
  readonly #device: Display;
  readonly #picture: PictureReader;
  readonly #voice: Voice;
  readonly #counters: CountersTeller;
  #isOver = false;

  constructor(
    device: Display,
    picture: PictureReader,
    clock: Pick<Platform, 'now' | 'at'>,
    voice: Voice,
  ) {
    this.#device = device;
    this.#picture = picture;
    this.#voice = voice;
    this.#counters = new CountersTeller(
      () => device.counters,
      (counters) => voice.tell({ is: 'counters', counters }),
      clock,
    );
  }

  start(): void {
    this.#device.onChange(() => {
      this.#tellSize();
      this.#draw(this.#picture.takeAll());
    });
    this.#tellSize();
  }

  /** Is awake: the other side need not ring. */
  wake(): void {
    this.#picture.sleep(false);
  }

  turn(): void {
    this.#draw(this.#picture.take());
  }

  /** Says that it is about to sleep. @returns true when there is something to do */
  sleep(): boolean {
    return !this.#isOver && this.#picture.sleep(true);
  }

  /** Is about to be replaced. */
  quiesce(): void {
    this.turn();
    this.#isOver = true;
    this.#counters.tell();
  }

  #draw(view: View | undefined): void {
    if (view === undefined || this.#isOver) return;
    this.#device.draw(view);
    this.#picture.drawn();
    this.#voice.ring(); // whoever waits until all is shown
    this.#counters.soon();
  }

  #tellSize(): void {
    const { columns, rows } = this.#device.size;
    this.#voice.tell({ is: 'size', columns, rows });
  }
}
