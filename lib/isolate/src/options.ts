/** What isolates are started with, and what is known of them. */
import type { Channel } from '@runtimejs/rpc/channel.ts';
import type { Life } from './life.ts';
import type { Json } from './program.ts';
import type { SupervisorPolicy } from './supervisor.ts';

/** A URL, of whichever library. */
export interface ModuleUrl {
  readonly pathname: string;
}

/** What an isolate is started with. */
export interface SpawnOptions {
  /** For logs and lists. */
  readonly name: string;
  /** Its program: `new URL('./program.ts', import.meta.url)`. */
  readonly entry: ModuleUrl | string;
  /** Given to the program. */
  readonly argument?: Json;
  /** Ends of channels that move to it, by the names that it knows them by. */
  readonly capabilities?: Readonly<Record<string, Channel>>;
  /** Most bytes of its JavaScript heap and of its ArrayBuffers. By default 64 MiB. */
  readonly heapLimit?: number;
  /**
   * Its share of a processor where others want it, too: above 0 and at most 1, which is the default, and as much as
   * the app has. Where nobody else wants the processor it has all of it.
   */
  readonly cpuShare?: number;
  /** Most messages that it may send in a second. By default any number: channels slow down who sends too much. */
  readonly messageLimit?: number;
  /**
   * Most milliseconds of processor time that a turn of its event loop may take, on the isolate's own thread. One that does
   * not run at all, because it waits for memory that nobody changes, is ended after as long, and 10 s at least. By default
   * any: kill() ends what does not end.
   */
  readonly turnLimit?: number;
  /** The device that it drives. It has it until its end, at which the device is stopped. */
  readonly device?: GrantedDevice;
}

/** A device that an isolate can be given, with memory for it: see Isolates.grantDevice(). */
export interface GrantedDevice {
  /** Of this isolate alone. */
  readonly id: number;
  /** The memory's place in the arena, and its bytes. */
  readonly offset: number;
  readonly size: number;
}

/** What an isolate is started with that is started anew when it ends. */
export interface RestartedSpawnOptions extends Omit<SpawnOptions, 'capabilities'> {
  /** When, with which pauses, and how often. */
  readonly restart: Omit<SupervisorPolicy, 'strategy'>;
  /** Ends of channels for one life: an end is given away once. */
  readonly capabilities?: () => NonNullable<SpawnOptions['capabilities']>;
  /** Called with the isolate of each life. */
  readonly started?: (isolate: Isolate) => void;
}

/** What an isolate has used so far. */
export interface IsolateUsage {
  readonly name: string;
  /** CPU time that it has taken in milliseconds, that of collecting its garbage and compiling its code included. */
  readonly cpuTime: number;
  /** Bytes of its JavaScript heap, garbage included; found now and then. */
  readonly heap: number;
  /** Bytes of its ArrayBuffers; found now and then. */
  readonly buffers: number;
  readonly messagesSent: number;
  readonly messagesReceived: number;
  /** How long its turn of the event loop takes, that it is in now, in milliseconds; 0 when it waits. */
  readonly busy: number;
  /** From spawn() until its script had run, in milliseconds; 0 when it has not. */
  readonly startTime: number;
}

/** An isolate that this one has started. */
export interface Isolate extends Life {
  readonly name: string;
  /** Leads to it. */
  readonly channel: Channel;
  /** Stops it, whatever it does. */
  kill(reason?: string): void;
  /**
   * Gives it another share of a processor, at once: see SpawnOptions.cpuShare.
   * @throws RangeError when it is not above 0 and at most 1
   */
  setCpuShare(share: number): void;
  /** Lets Node's event loop end although it runs: then the isolate ends with the app. Elsewhere this has no effect. */
  unref(): void;
  /** Takes unref() back. */
  ref(): void;
  /** What it has used so far; what it had used when it has ended. */
  usage(): IsolateUsage;
}

/** An isolate that is started anew: what it is given is made for each life. */
export interface SupervisedIsolate {
  readonly name: string;
  options(): Omit<SpawnOptions, 'name'>;
  /** Called for each life. */
  started?(isolate: Isolate): void;
}
