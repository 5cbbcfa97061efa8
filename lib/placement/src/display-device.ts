/**
 * A display whose driver has an isolate of its own, as a screen sees it: its cells are in memory that both see. The driver's
 * next life is given all of them.
 */
import type { GrantedDevice } from '@runtimejs/isolate/isolates.ts';
import type { Channel } from '@runtimejs/rpc/channel.ts';
import type { SystemContext } from '@runtimejs/system/compose.ts';
import type { TerminalSize } from '@runtimejs/tty/device.ts';
import type { Display, View } from '@runtimejs/tty/screen/display.ts';
import { displayMessage, type SizeMessage } from './display-messages.ts';
import { type Counters, LifeCounters } from './life-counters.ts';
import { Conversation, type DriverMessage, type ReplacementMessage } from './messages.ts';
import { picturePlace } from './picture-layout.ts';
import type { PlacedListener } from './placed-driver.ts';
import { PictureWriter } from './shared-picture.ts';

/** What a display is, which is known while its driver does not run. */
export interface DisplayIdentity
  extends Pick<Display, 'name' | 'isTextScreen' | 'replacesTextScreen'> {
  /** Until the driver says otherwise. */
  readonly size: TerminalSize;
}

type Voice = Conversation<ReplacementMessage, DriverMessage | SizeMessage>;

/** The display. */
export class PlacedDisplay implements Display, PlacedListener {
  readonly name: string;
  readonly isTextScreen: boolean;
  readonly replacesTextScreen: boolean;
  readonly #context: Pick<SystemContext, 'bindings' | 'memory'>;
  readonly #most: TerminalSize;
  readonly #counted = new LifeCounters();
  #driverEnds = 0;
  #size: TerminalSize;
  #changed: () => void = () => {};
  #voice: Voice | undefined;
  #picture: PictureWriter | undefined;

  /** @param most cells of its largest picture */
  constructor(
    identity: DisplayIdentity,
    most: TerminalSize,
    context: Pick<SystemContext, 'bindings' | 'memory'>,
  ) {
    this.name = identity.name;
    this.isTextScreen = identity.isTextScreen;
    this.replacesTextScreen = identity.replacesTextScreen;
    this.#context = context;
    this.#most = most;
    this.#size = this.#limit(identity.size);
  }

  get size(): TerminalSize {
    return this.#size;
  }

  get counters(): Counters {
    return { ...this.#counted.sums, driverEnds: this.#driverEnds };
  }

  /** Also while the driver is away. */
  get isBehind(): boolean {
    return this.#picture?.isShown !== true;
  }

  onChange(changed: () => void): void {
    this.#changed = changed;
    this.onWanted();
  }

  draw(view: View): void {
    if (this.#picture?.write(view) === true) this.#voice?.ring();
  }

  stop(): void {
    this.onStopped();
  }

  // PlacedListener

  started(channel: Channel, { offset }: GrantedDevice): Voice {
    const { bindings, memory } = this.#context;
    this.#voice = new Conversation<ReplacementMessage, DriverMessage | SizeMessage>(
      channel,
      bindings.text,
      {
        told: (message) => this.#told(message),
        violated: (what) => this.onViolation(`it broke the rules: ${what}`),
      },
      displayMessage,
    );
    this.#picture = new PictureWriter(memory.words, picturePlace(this.#most, offset));
    this.#changed(); // all is drawn again
    return this.#voice;
  }

  stopping(): void {}

  stopped(then: () => void): void {
    then();
  }

  ended(): void {
    this.#voice = undefined;
    this.#picture = undefined;
    this.#counted.end();
    this.#driverEnds += 1;
  }

  #told(message: DriverMessage | SizeMessage): void {
    if (message.is === 'counters') this.#counted.tell(message.counters);
    else if (message.is !== 'size') this.onTold(message);
    else {
      const before = this.#size;
      this.#size = this.#limit(message);
      const { columns, rows } = this.#size;
      if (columns !== before.columns || rows !== before.rows) this.#changed();
    }
  }

  #limit({ columns, rows }: TerminalSize): TerminalSize {
    const most = this.#most;
    return { columns: Math.min(columns, most.columns), rows: Math.min(rows, most.rows) };
  }

  /** Takes what the driver says: see PlacedDriver. */
  onTold: (message: DriverMessage) => void = () => {};
  /** Ends the driver's life: see PlacedDriver. */
  onViolation: (reason: string) => void = () => {};
  /** Somebody looks: the driver is to start. */
  onWanted: () => void = () => {};
  /** It is not wanted any more. */
  onStopped: () => void = () => {};
}
