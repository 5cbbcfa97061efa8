/** Placed keyboards and displays, both sides in one process; the driver's side can be stopped at any step that it takes. */
import { HostMemory, type Memory } from '@runtimejs/net/memory.ts';
import { Conversation, type DriverVoice } from '@runtimejs/placement/messages.ts';
import type { PlacedListener } from '@runtimejs/placement/placed-driver.ts';
import type { Platform, RegisterPorts } from '@runtimejs/platform/platform.ts';
import type { Channel } from '@runtimejs/rpc/channel.ts';
import { memoryChannels } from '@runtimejs/rpc/channels/memory.ts';
import type { SystemContext } from '@runtimejs/system/compose.ts';
import { texts } from './placed.ts';

/** Lives of a driver with one block of memory. */
export class DriverLives {
  readonly memory = new HostMemory(64 * 4096);
  readonly block = { id: 1, offset: 4 * 4096, size: 48 * 4096 };
  readonly context: Pick<SystemContext, 'bindings' | 'memory'> = {
    bindings: { text: texts } as unknown as SystemContext['bindings'],
    memory: this.memory,
  };
  readonly #listener: PlacedListener;
  #later: (() => void)[] = [];
  /** Steps that this life still has; undefined: it is not stopped. */
  #left: number | undefined;
  #isKilled = false;
  #die: () => void = () => {};

  constructor(make: (context: Pick<SystemContext, 'bindings' | 'memory'>) => PlacedListener) {
    this.#listener = make(this.context);
  }

  /** The driver's view: the block alone. */
  get driverMemory(): Memory {
    const { offset, size } = this.block;
    const { memory } = this;
    return {
      bytes: memory.bytes.subarray(offset, offset + size),
      words: memory.words.subarray(offset / 4, (offset + size) / 4),
      copy: (to, from, length) => memory.copy(offset + to, offset + from, length),
      checksum: (at, length, sum) => memory.checksum(offset + at, length, sum),
    };
  }

  /**
   * A life begins, in zeroed memory.
   * @param steps after which it is killed; undefined: it is not
   * @param run starts the driver
   * @returns false when it was killed by the end of that
   */
  begin(steps: number | undefined, run: (voice: DriverVoice) => void): boolean {
    const { offset, size } = this.block;
    this.memory.bytes.fill(0, offset, offset + size);
    this.#left = steps;
    this.#isKilled = false;
    const carries = (value: object): boolean => 'close' in value;
    const [ours, theirs] = memoryChannels({ later: (each) => this.#later.push(each), carries });
    this.#die = () => theirs.die('killed');
    this.#listener.started(ours as Channel, this.block);
    return this.drive(() => {
      const voice = new Conversation<never, never>(theirs as Channel, texts, { violated() {} });
      run(this.stoppable(voice as unknown as DriverVoice));
    });
  }

  /** Runs something of the driver's, and what waits in the event loop. @returns false when it was killed meanwhile */
  drive(run: () => void): boolean {
    try {
      run();
      this.turn();
    } catch (error) {
      if (!this.#isKilled) throw error;
    }
    if (this.#isKilled) this.end(); // whatever the driver has caught
    return !this.#isKilled;
  }

  /** It is killed after so many more steps. */
  limit(steps: number | undefined): void {
    this.#left = steps;
  }

  /** It has ended. */
  end(): void {
    this.#die();
    this.#left = undefined;
    this.#listener.ended();
    this.turn();
  }

  turn(): void {
    while (this.#later.length > 0) {
      const due = this.#later;
      this.#later = [];
      for (const run of due) run();
    }
  }

  /** A step: the driver may end before it, and after it. */
  readonly step = <Result>(run: () => Result): Result => {
    this.#count();
    const result = run();
    this.#count();
    return result;
  };

  /** Whose calls are steps. */
  stoppable(voice: DriverVoice): DriverVoice {
    return {
      ring: () => this.step(() => voice.ring()),
      tell: (message) => this.step(() => voice.tell(message)),
    };
  }

  /** Ports whose accesses are steps. @param note is told within the step what was read */
  ports(
    { size, read, write }: RegisterPorts,
    note: (port: number, value: number) => void = () => {},
  ): RegisterPorts {
    return {
      size,
      read: (port, width) =>
        this.step(() => {
          const value = read(port, width);
          note(port, value);
          return value;
        }),
      write: (port, width, value) => this.step(() => write(port, width, value)),
    };
  }

  /** A platform whose clock's calls are steps. */
  platform(platform: Platform, devices: ReturnType<Platform['platformDevices']>): Platform {
    return {
      pciFunctions: () => [],
      platformDevices: () => devices,
      serialPorts: () => [],
      allocateDma: (size) => platform.allocateDma(size),
      freeDma: (memory) => platform.freeDma(memory),
      now: () => this.step(() => platform.now()),
      at: (instant, run) => this.step(() => platform.at(instant, run)),
      log: (level, text) => platform.log(level, text),
      addEntropy: (bytes) => platform.addEntropy(bytes),
    };
  }

  #count(): void {
    if (this.#left === undefined) return;
    this.#isKilled ||= this.#left === 0;
    if (this.#isKilled) throw new Error('the isolate was killed');
    this.#left -= 1;
  }
}
