/** What runs in the isolate of a driver of terminals: the driver, and bytes between its devices and the rings. */
import type { Json, Program } from '@runtimejs/isolate/program.ts';
import type { Memory } from '@runtimejs/net/memory.ts';
import type { Platform } from '@runtimejs/platform/platform.ts';
import type { TerminalDevice, TerminalHost } from '@runtimejs/tty/device.ts';
import { ByteReader, ByteWriter } from './byte-ring.ts';
import { bareBindings, Succession, systemViolated } from './driver-isolate.ts';
import { GrantedPlatform } from './granted-platform.ts';
import { CountersTeller } from './life-counters.ts';
import {
  Conversation,
  type DriverMessage,
  type ReplacementMessage,
  replacementMessage,
} from './messages.ts';
import { terminalPlace, terminalReserved } from './terminal-layout.ts';
import type { TerminalMessage } from './terminal-messages.ts';

/** Between two looks at the counters, microseconds. */
const countersPeriod = 1_000_000;

/** A driver of terminals: what its package exports as `driver.ts`. */
export interface IsolatedTerminalDriver<Device extends TerminalDevice> {
  attach(platform: Platform, memory: Memory): readonly Device[];
  /** As those of IsolatedDriver, for all terminals of the device. */
  handOver?(devices: readonly Device[]): Json | Promise<Json>;
  takeOver?(devices: readonly Device[], state: Json): unknown;
}

/** What the program of such an isolate is told. */
export interface TerminalProgramOptions<Device extends TerminalDevice> {
  /** Most terminals that a device has; the same as in `own.ts`. */
  readonly most: number;
  /**
   * Names the place for a terminal's record, in memory that outlives the driver: before it is started.
   * @param record offset in the memory of the driver's device, see terminal-layout.ts
   */
  readonly keepRecord?: (device: Device, memory: Memory, record: number) => void;
}

/** Makes the program of the isolate of a driver of terminals. */
export function terminalProgram<Device extends TerminalDevice>(
  driver: IsolatedTerminalDriver<Device>,
  { most, keepRecord }: TerminalProgramOptions<Device>,
): Program {
  return async ({ channel, argument, finish }) => {
    const bindings = bareBindings();
    const platform = new GrantedPlatform(bindings, terminalReserved(most));
    const { memory } = platform;
    const devices = driver.attach(platform, memory).slice(0, most);
    if (devices.length === 0) throw new Error('its device cannot be started: see the log');
    const conversation = new Conversation<DriverMessage | TerminalMessage, ReplacementMessage>(
      channel,
      bindings.text,
      { told: (message) => succession.told(message), closed: finish, violated: systemViolated },
      replacementMessage,
    );
    const bridges = devices.map((device, index) => {
      keepRecord?.(device, memory, terminalPlace(index).record);
      return new Bridge(device, index, platform, conversation);
    });
    const succession = new Succession(
      {
        handOver: () => driver.handOver?.(devices) ?? null,
        takeOver: (_, state) => driver.takeOver?.(devices, state),
      },
      {
        stop() {
          for (const device of devices) device.stop();
        },
      },
      conversation,
      () => {
        for (const bridge of bridges) bridge.quiesce();
      },
    );
    for (const bridge of bridges) bridge.start();
    const tellCounters = (): void => {
      for (const bridge of bridges) bridge.tellCounters();
      platform.at(platform.now() + countersPeriod, tellCounters);
    };
    tellCounters();
    bindings.loop.onTurn(() => {
      for (const bridge of bridges) bridge.wake();
      platform.turn();
      for (const bridge of bridges) bridge.turn();
      let hasMore = false;
      for (const bridge of bridges) hasMore = bridge.sleep() || hasMore;
      return hasMore ? 0 : platform.nextDeadline();
    });
    await succession.takeOver(argument);
    conversation.tell({ is: 'ready', linkUp: true });
  };
}

/** Moves the bytes of one terminal. */
class Bridge implements TerminalHost {
  readonly #device: TerminalDevice;
  readonly #index: number;
  readonly #conversation: Conversation<DriverMessage | TerminalMessage, ReplacementMessage>;
  readonly #output: ByteReader;
  readonly #input: ByteWriter;
  readonly #inputSize: number;
  /** The device takes nothing until it says so. */
  #isBlocked = false;
  /** The device has said that it has some input. */
  #isReadable = true;
  #isOver = false;
  readonly #counters: CountersTeller;

  constructor(
    device: TerminalDevice,
    index: number,
    platform: GrantedPlatform,
    conversation: Conversation<DriverMessage | TerminalMessage, ReplacementMessage>,
  ) {
    const { memory } = platform;
    const { output, input } = terminalPlace(index);
    this.#device = device;
    this.#index = index;
    this.#conversation = conversation;
    this.#output = new ByteReader(memory, output);
    this.#input = new ByteWriter(memory, input);
    this.#inputSize = input.size;
    this.#counters = new CountersTeller(
      () => device.counters,
      (counters) => conversation.tell({ is: 'terminalCounters', index, counters }),
      platform,
    );
  }

  start(): void {
    this.#device.start(this);
    this.#tellState();
  }

  // TerminalHost

  readable(): void {
    this.#isReadable = true;
  }

  writable(): void {
    this.#isBlocked = false;
  }

  resized(): void {
    this.#tellState();
  }

  breakReceived(): void {
    this.#conversation.tell({ is: 'break', index: this.#index });
  }

  connectionChanged(): void {
    this.#tellState();
  }

  /** Is awake: the other side need not ring. */
  wake(): void {
    this.#output.sleep(false);
  }

  /** Moves what can be moved. */
  turn(): void {
    if (this.#isOver) return;
    this.#receive();
    this.#send();
    const violation = this.#output.violation ?? this.#input.violation;
    if (violation !== null) systemViolated(violation);
  }

  /** Says that it is about to sleep. @returns true when there is something to do */
  sleep(): boolean {
    if (this.#isOver) return false;
    const hasOutput = this.#output.sleep(true) && !this.#isBlocked;
    const hasInput = this.#isReadable && !this.#input.wantRoom(this.#inputSize / 2);
    return hasOutput || hasInput;
  }

  /** Is about to be replaced: says how far the device has come, and touches the rings no more. */
  quiesce(): void {
    this.turn();
    this.#isOver = true;
    this.tellCounters();
  }

  tellCounters(): void {
    this.#counters.tell();
  }

  /** From the device, into the ring. What has no room stays with the device, whose other side waits. */
  #receive(): void {
    let isAsleep = false;
    while (this.#isReadable) {
      const space = this.#input.space();
      if (space.length === 0) break;
      this.#isReadable = false; // before: what comes later is told anew
      const count = this.#device.read(space);
      if (count === 0) break;
      this.#isReadable = true;
      isAsleep = this.#input.publish(count) || isAsleep;
    }
    if (isAsleep) this.#conversation.ring();
  }

  /** To the device. What it has taken and not sent stays in the ring. */
  #send(): void {
    while (!this.#isBlocked) {
      const bytes = this.#output.next();
      if (bytes.length === 0) break;
      this.#isBlocked = true; // before: the device may say at once that there is room again
      const taken = this.#device.write(bytes);
      this.#output.take(taken);
      if (taken === bytes.length) this.#isBlocked = false;
    }
    if (this.#output.publish(this.#device.unsent)) this.#conversation.ring();
  }

  #tellState(): void {
    const { isConnected, size = null } = this.#device;
    this.#conversation.tell({ is: 'terminal', index: this.#index, isConnected, size });
  }
}
