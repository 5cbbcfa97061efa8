/**
 * Starts isolates and looks after them, from the system isolate, a bare app, or an app in Node and its Workers.
 *
 * ```ts
 * const isolate = isolates().spawn({
 *   name: 'resizer',
 *   entry: new URL('./resizer.ts', import.meta.url),
 *   heapLimit: 32 * 1024 * 1024,
 * });
 * isolate.onEnded(({ how, report }) => console.log(how, report));
 * ```
 *
 * The bundler finds such entries and makes scripts of them, which are in the image.
 */
import type { Channel } from '@runtimejs/rpc/channel.ts';
import { Channels, IsolateChannel } from './channel.ts';
import type { IsolateFigures } from './generated/node-bindings.d.ts';
import type { Ending, EndingKind, Life } from './life.ts';
import type { Json } from './program.ts';
import { ReportMaps } from './report.ts';
import type { StartMessage } from './start-message.ts';
import { findStarter, type Starter } from './starter.ts';
import { type ChildSpecification, Supervisor, type SupervisorPolicy } from './supervisor.ts';
import { TurnLimit } from './turn-limit.ts';

/** A URL, of whichever library. */
interface ModuleUrl {
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

/** RUNTIME_GRANT_* in native/abi/isolate.abi.ts. */
const busNumbers = { function: 0, platform: 1, serial: 2 } as const;
const defaultHeapLimit = 64 * 1024 * 1024;
/** Kinds by RUNTIME_END_* in native/abi/isolate.abi.ts. */
const kinds: readonly (EndingKind | undefined)[] = [
  undefined,
  'finished',
  'failed',
  'limit',
  'killed',
];
/** What a turn that has taken a quarter of its limit has of the processor, until it ends. */
const shareInLongTurn = 0.035;

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

/** The isolates of this isolate. */
export class Isolates {
  readonly channels: Channels;
  readonly #starter: Starter;
  readonly #running = new Map<number, SpawnedIsolate>();
  readonly #maps = new ReportMaps();
  /** How often hold() was called that has not ended. */
  #held = 0;

  /** @param starter where this is */
  constructor(starter: Starter) {
    this.#starter = starter;
    this.channels = new Channels(starter.channel, starter);
    this.channels.onIsolateEnded((id) => {
      const ended = this.#running.get(id);
      this.#running.delete(id);
      ended?.end();
      this.#keepAlive();
    });
  }

  /** Has Node's event loop go on. @returns what ends that; to be called once */
  hold(): () => void {
    this.#held++;
    if (this.#held === 1) this.#keepAlive();
    return () => {
      this.#held--;
      if (this.#held === 0) this.#keepAlive();
    };
  }

  /** Node's event loop goes on as long as an isolate runs that has not been told otherwise. */
  readonly #keepAlive = (): void => {
    const { keepAlive } = this.#starter.isolates;
    if (keepAlive === undefined) return;
    const isNeeded = this.#held > 0 || this.#running.values().some(({ isRef }) => isRef);
    keepAlive(isNeeded ? 1 : 0);
  };

  /**
   * Starts an isolate on a thread of its own.
   * @throws Error with the code ENOENT when its script is not in the image, EAGAIN or ENOMEM when there is no
   *   memory for its thread, EBUSY when another isolate has its device; TypeError when a capability cannot be
   *   given away
   */
  spawn(options: SpawnOptions): Isolate;
  /**
   * Starts an isolate, and anew when it ends.
   * @returns who looks after it, which tells how it goes and stops it; an error of a start counts as an end
   */
  spawn(options: RestartedSpawnOptions): Supervisor;
  spawn(options: SpawnOptions | RestartedSpawnOptions): Isolate | Supervisor {
    return 'restart' in options ? this.#spawnAgain(options) : this.#spawn(options);
  }

  #spawnAgain({ restart, capabilities, started, ...rest }: RestartedSpawnOptions): Supervisor {
    const options = () => ({ ...rest, capabilities: capabilities?.() ?? {} });
    const child: SupervisedIsolate = {
      name: rest.name,
      options,
      started: (isolate) => started?.(isolate),
    };
    const supervisor = this.supervise([child], restart);
    supervisor.start();
    return supervisor;
  }

  /** @param part of its share of the processor that it begins with */
  #spawn(options: SpawnOptions, part = 1): Isolate {
    const starter = this.#starter;
    const { name, capabilities = {}, turnLimit, argument = null, cpuShare = 1 } = options;
    checkShare(cpuShare);
    const script = scriptPath(options.entry);
    const given = Object.entries(capabilities);
    for (const [each, channel] of given) {
      if (IsolateChannel.canMove(channel)) continue;
      throw new TypeError(`The capability ${each} of isolate ${name} cannot be given away.`);
    }
    const { id, channel: first } = starter.isolates.spawn(
      name,
      script,
      options.heapLimit ?? defaultHeapLimit,
      options.messageLimit ?? 0,
      niceOf(cpuShare * part),
      options.device?.id ?? 0,
      { id: 0, channel: 0 },
    );
    const control = this.channels.adopt(first);
    control.start({ readable: () => control.receive(), writable() {}, closed() {} });
    const [own, others] = this.channels.create();
    const message: StartMessage = { name, argument, capabilities: given.map(([each]) => each) };
    const isolate = new SpawnedIsolate(starter, id, name, own, {
      describe: (report) =>
        this.#maps.describe(report, script, () => starter.isolates.sourceMap(id)),
      keepAlive: this.#keepAlive,
      cpuShare,
      part,
    });
    this.#running.set(id, isolate);
    this.#keepAlive();
    const bytes = starter.encodeUtf8(JSON.stringify(message));
    try {
      control.send(bytes, [others, ...given.map(([, channel]) => channel)]);
    } catch (error) {
      isolate.kill('it could not be told what to do');
      throw error;
    }
    if (turnLimit !== undefined) isolate.limitTurns(turnLimit);
    return isolate;
  }

  /**
   * Takes a device and memory for it, to give them to an isolate, and to the next one when that has ended. For the system
   * isolate.
   * @param bus which of the kernel's lists the index is of: PCI functions, devices of the platform, or serial ports
   * @param index its place there
   * @param bytes of memory, at most 4 MiB
   * @throws Error with the code EBUSY when the device was taken already, ENODEV when there is none, EINVAL for a
   *   bridge, ENOMEM or ENOSPC when there is no memory for it, or there are too many of its kind, EPERM where
   *   there are no devices to give
   */
  grantDevice(bus: keyof typeof busNumbers, index: number, bytes: number): GrantedDevice {
    const { grantDevice } = this.#starter.isolates;
    if (grantDevice === undefined) {
      throw Object.assign(new Error('Devices are given away by the system isolate.'), {
        code: 'EPERM',
      });
    }
    return grantDevice(busNumbers[bus], index, bytes, { id: 0, offset: 0, size: 0 });
  }

  /** Gives a device's memory back. An isolate that has it is killed, and the device stopped, before. */
  revokeDevice(device: GrantedDevice): void {
    this.#starter.isolates.revokeDevice?.(device.id);
  }

  /** What every isolate that runs has used. */
  list(): IsolateUsage[] {
    return [...this.#running.values()].map((each) => each.usage());
  }

  /**
   * Keeps isolates running.
   * @param children what is started, in their order, and anew after failures
   * @param policy how
   */
  supervise(
    children: readonly (ChildSpecification | SupervisedIsolate)[],
    policy: SupervisorPolicy = {},
  ): Supervisor {
    const specifications = children.map((child): ChildSpecification => {
      if ('start' in child) return child;
      const { options, started } = child;
      return {
        name: child.name,
        start: (part) => {
          const isolate = this.#spawn({ ...options(), name: child.name }, part);
          started?.(isolate);
          return isolate;
        },
      };
    });
    return new Supervisor(specifications, policy, this.#starter);
  }
}

/** An isolate that is started anew: what it is given is made for each life. */
export interface SupervisedIsolate {
  readonly name: string;
  options(): Omit<SpawnOptions, 'name'>;
  /** Called for each life. */
  started?(isolate: Isolate): void;
}

/** What an isolate needs of who has started it. */
interface Keeper {
  /** Makes a report one for people. */
  describe(report: string): string;
  /** Looks anew whether Node has a reason to go on. */
  keepAlive(): void;
  readonly cpuShare: number;
  readonly part: number;
}

class SpawnedIsolate implements Isolate {
  readonly name: string;
  readonly channel: Channel;
  isRef = true;
  readonly #starter: Starter;
  readonly #id: number;
  readonly #keeper: Keeper;
  #cpuShare: number;
  #part: number;
  #isInLongTurn = false;
  readonly #listeners: ((ending: Ending) => void)[] = [];
  #ending: Ending | undefined;
  #lastUsage: IsolateUsage | undefined;
  #endWatch: () => void = () => {};

  constructor(starter: Starter, id: number, name: string, channel: Channel, keeper: Keeper) {
    this.#starter = starter;
    this.#id = id;
    this.name = name;
    this.channel = channel;
    this.#keeper = keeper;
    this.#cpuShare = keeper.cpuShare;
    this.#part = keeper.part;
  }

  onEnded(listener: (ending: Ending) => void): void {
    if (this.#ending === undefined) this.#listeners.push(listener);
    else listener(this.#ending);
  }

  kill(reason = 'it was killed'): void {
    if (this.#ending === undefined) this.#starter.isolates.kill(this.#id, reason);
  }

  stop(reason: string): void {
    this.kill(reason);
  }

  setCpuShare(share: number): void {
    checkShare(share);
    this.#cpuShare = share;
    this.#setNice();
  }

  setShare(part: number): void {
    this.#part = part;
    this.#setNice();
  }

  unref(): void {
    this.isRef = false;
    this.#keeper.keepAlive();
  }

  ref(): void {
    this.isRef = true;
    this.#keeper.keepAlive();
  }

  usage(): IsolateUsage {
    if (this.#lastUsage !== undefined) return this.#lastUsage;
    const figures = this.#figures();
    const { takenNanoseconds: taken, turnNanoseconds: turn } = figures;
    return {
      name: this.name,
      cpuTime: figures.cpuNanoseconds / 1e6,
      heap: figures.heapBytes,
      buffers: figures.externalBytes,
      messagesSent: figures.messagesSent,
      messagesReceived: figures.messagesReceived,
      busy: turn === 0 ? 0 : Math.max(taken - turn, 0) / 1e6,
      startTime: figures.startedNanoseconds / 1e6,
    };
  }

  #figures(): IsolateFigures {
    return this.#starter.isolates.figures(this.#id, {
      cpuNanoseconds: 0,
      heapBytes: 0,
      externalBytes: 0,
      messagesSent: 0,
      messagesReceived: 0,
      takenNanoseconds: 0,
      turnNanoseconds: 0,
      turnCpuNanoseconds: 0,
      startedNanoseconds: 0,
      hasEnded: 0,
    });
  }

  /** Kills it when a turn of its event loop takes more processor time. */
  limitTurns(milliseconds: number): void {
    const turns = new TurnLimit(milliseconds);
    this.#endWatch = this.#starter.every(turns.interval, () => {
      const { takenNanoseconds, turnNanoseconds, turnCpuNanoseconds } = this.#figures();
      const { excess, isLong } = turns.look({
        now: takenNanoseconds / 1e6,
        turn: turnNanoseconds / 1e6,
        cpu: turnCpuNanoseconds / 1e6,
      });
      if (excess !== undefined) {
        this.kill(excess);
        return;
      }
      if (isLong === this.#isInLongTurn) return;
      this.#isInLongTurn = isLong;
      this.#setNice();
    });
  }

  #setNice(): void {
    if (this.#ending !== undefined) return;
    const share = this.#cpuShare * this.#part * (this.#isInLongTurn ? shareInLongTurn : 1);
    this.#starter.isolates.setNice(this.#id, niceOf(share));
  }

  /** The shim says that it has ended. */
  end(): void {
    const { isolates } = this.#starter;
    const [how, report] = isolates.ending(this.#id) ?? [0, ''];
    this.#lastUsage = this.usage();
    this.#ending = {
      how: kinds[how] ?? 'failed',
      report: this.#keeper.describe(report),
    };
    this.#endWatch();
    isolates.release(this.#id);
    for (const listener of this.#listeners) listener(this.#ending);
  }
}

/** Of a thread with nice 1 the scheduler counts the time as so much more. */
const niceStep = 1.25;
const mostNice = 19;

function checkShare(share: number): void {
  if (share > 0 && share <= 1) return;
  throw new RangeError(`cpuShare is ${share}, and must be above 0 and at most 1.`);
}

/** The value for nice(2) that gives a share, as nearly as there is one: the smallest is 1.4 %. */
function niceOf(share: number): number {
  return Math.min(Math.round(-Math.log(share) / Math.log(niceStep)), mostNice);
}

/** The path of a script in the image. The bundler has put it in the place of the URL of a module. */
function scriptPath(entry: ModuleUrl | string): string {
  const path = typeof entry === 'string' ? entry : entry.pathname;
  if (path.startsWith('/')) return path;
  throw new TypeError(
    `${path} is no path of a script: write the entry as new URL('./program.ts', import.meta.url).`,
  );
}

let own: Isolates | undefined;

/**
 * The isolates of this isolate; there is one such object.
 * @throws Error with the code ERR_NOT_RUNTIME where there is no Runtime.JS
 */
export function isolates(): Isolates {
  own ??= new Isolates(findStarter(globalThis));
  return own;
}
