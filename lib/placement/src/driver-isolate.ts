/** What runs in a driver's own isolate, for drivers whose devices work by themselves. */
import type { BareBindings } from '@runtimejs/isolate/generated/bindings.d.ts';
import type { Json, Program } from '@runtimejs/isolate/program.ts';
import type { Memory } from '@runtimejs/net/memory.ts';
import type { Platform } from '@runtimejs/platform/platform.ts';
import { GrantedPlatform } from './granted-platform.ts';
import {
  Conversation,
  type DriverMessage,
  type DriverVoice,
  type ReplacementMessage,
  replacementMessage,
} from './messages.ts';

/** Most bytes of a state as JSON: it travels in one message. */
const mostState = 15 * 1024;

/** Ends this life of the driver: what started it does not make sense to it. */
export function systemViolated(what: string): never {
  throw new Error(`the system isolate broke the rules: ${what}`);
}

/** The bindings of this isolate. */
export function bareBindings(): BareBindings {
  return (globalThis as unknown as { readonly runtime: BareBindings }).runtime;
}

/** A device that can be taken out of service: when stop() returns, it accesses no memory. */
export interface Stoppable {
  stop?(): void;
}

/** The driver: what its package exports as `driver.ts`. */
export interface IsolatedDriver<Device extends Stoppable> {
  attach(platform: Platform, memory: Memory): readonly Device[];
  /**
   * Gives the state for the version that replaces this one: JSON of 15 KiB at most. The device runs on until then; when
   * this throws, or has not ended after 5 s, it goes on.
   */
  handOver?(device: Device): Json | Promise<Json>;
  /** Takes the state of the version before, when the device was started. When it throws, that one is back. */
  takeOver?(device: Device, state: Json): unknown;
}

/** The one device of this isolate. @throws Error when it cannot be started: the driver has said why in the log */
export function startDevice<Device extends Stoppable>(
  driver: IsolatedDriver<Device>,
  platform: GrantedPlatform,
): Device {
  const [device] = driver.attach(platform, platform.memory);
  if (device === undefined) throw new Error('its device cannot be started: see the log');
  return device;
}

/** What a driver's isolate is started with. */
export interface DriverArgument {
  /** Of the version that it replaces; undefined when it replaces none, or one that had no state. */
  readonly state?: Json;
  /** What is known of the device since the life before: see PlacedListener.remains(). */
  readonly remains?: Json;
}

/** What a driver does about its successor. */
type Succeeded<Device extends Stoppable> = Pick<IsolatedDriver<Device>, 'handOver' | 'takeOver'>;

/** The driver as one that can be replaced. */
export class Succession<Device extends Stoppable> {
  readonly #driver: Succeeded<Device>;
  readonly #device: Device;
  readonly #conversation: DriverVoice;
  readonly #quiesce: () => void;

  /** @param quiesce finishes what is under way; the device is stopped after it */
  constructor(
    driver: Succeeded<Device>,
    device: Device,
    conversation: DriverVoice,
    quiesce: () => void = () => {},
  ) {
    this.#driver = driver;
    this.#device = device;
    this.#conversation = conversation;
    this.#quiesce = quiesce;
  }

  /** Has the driver take the state of the one before, if there is one. */
  async takeOver(argument: Json): Promise<void> {
    const { state } = argument as DriverArgument;
    if (state !== undefined) await this.#driver.takeOver?.(this.#device, state);
  }

  /** Takes what the system isolate asks for. */
  told({ is }: ReplacementMessage): void {
    if (is === 'stop') {
      this.#quiesce();
      this.#device.stop?.();
      this.#conversation.tell({ is: 'stopped' });
      return;
    }
    Promise.resolve()
      .then(() => this.#driver.handOver?.(this.#device) ?? null)
      .then((state) => {
        const bytes = JSON.stringify(state).length;
        if (bytes > mostState)
          throw new RangeError(`its ${bytes} bytes are more than ${mostState}`);
        this.#conversation.tell({ is: 'state', state });
      })
      .catch((error) => {
        const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
        this.#conversation.tell({ is: 'stateless', reason: reason.slice(0, mostState / 4) });
      });
  }
}

/** Makes the program of a driver's isolate. */
export function driverProgram(driver: IsolatedDriver<Stoppable>): Program {
  return async ({ channel, argument, finish }) => {
    const bindings = bareBindings();
    const conversation = new Conversation<DriverMessage, ReplacementMessage>(
      channel,
      bindings.text,
      { told: (message) => succession.told(message), closed: finish, violated: systemViolated },
      replacementMessage,
    );
    const platform = new GrantedPlatform(bindings, 0, (bytes) => conversation.entropy(bytes));
    const succession = new Succession(driver, startDevice(driver, platform), conversation);
    bindings.loop.onTurn(() => {
      platform.turn();
      return platform.nextDeadline();
    });
    await succession.takeOver(argument);
    conversation.tell({ is: 'ready', linkUp: true });
  };
}
