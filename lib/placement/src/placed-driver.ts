/**
 * A driver in an isolate of its own, as the system isolate keeps it going: it grants the device, starts the
 * isolate, and starts it anew when it has ended, whatever the reason, with pauses that grow.
 */
import { type GrantedDevice, type Isolate, isolates } from '@runtimejs/isolate/isolates.ts';
import type { Json } from '@runtimejs/isolate/program.ts';
import type { Supervisor, SupervisorStatus } from '@runtimejs/isolate/supervisor.ts';
import { PciFunction } from '@runtimejs/pci/function.ts';
import type {
  FramebufferDevice,
  KeyboardControllerDevice,
  Platform,
  SerialPort,
  TextScreenDevice,
  VirtioMmioDevice,
} from '@runtimejs/platform/platform.ts';
import type { Channel } from '@runtimejs/rpc/channel.ts';
import type { SystemContext } from '@runtimejs/system/compose.ts';
import type { ReplaceablePart, State } from '@runtimejs/system/reload/types.ts';
import { handoverLimit, ReloadFailure, timer } from '@runtimejs/system/reload/within.ts';
import type { DriverArgument } from './driver-isolate.ts';
import type { DriverMessage, ReplacementMessage } from './messages.ts';

declare global {
  interface ImportMeta {
    url: string;
  }
}

/** Where there is no `URL`, the type of its constructor for entries: `declare const URL: ModuleUrl`. */
export type ModuleUrl = new (path: string, base: string) => { readonly pathname: string };

/** A device that an isolate can be given. */
export type PlaceableDevice =
  | PciFunction
  | VirtioMmioDevice
  | KeyboardControllerDevice
  | TextScreenDevice
  | FramebufferDevice
  | SerialPort;

/** What is known of a driver that can have an isolate of its own. */
export interface PlaceableDriver<Device extends PlaceableDevice> {
  /** For logs and lists, such as `virtio-rng`. */
  readonly name: string;
  /** The program of the isolate: `new URL('./isolate.ts', import.meta.url)`. */
  readonly entry: { readonly pathname: string } | string;
  /** Bytes of memory that isolate and device have in common. */
  readonly memory: number;
  /** Finds its devices; none is touched. */
  find(platform: Platform): readonly Device[];
  /** Resets a device that nobody drives. @returns what went wrong */
  reset(platform: Platform, device: Device): string | undefined;
}

/** A device, and what an isolate needs to drive it. */
export interface PlacedDevice<Device extends PlaceableDevice = PlaceableDevice> {
  readonly device: Device;
  readonly entry: { readonly pathname: string } | string;
  /** Bytes of memory that isolate and device have in common. */
  readonly memory: number;
  /** Resets it, while nobody drives it. @returns what went wrong */
  reset(this: void): string | undefined;
}

/** Says something to a driver's isolate. */
export interface Teller {
  tell(message: ReplacementMessage): void;
}

/** Who is told about lives. It hands what the driver says on to told(). */
export interface PlacedListener {
  /** A life has begun. @param channel leads to the driver; @param granted what it has */
  started(channel: Channel, granted: GrantedDevice): Teller;
  /** The driver is about to be replaced: nothing more is to be given to this life. */
  stopping(): void;
  /** It has stopped its device. @param then to be called once all is taken that it has left */
  stopped(then: () => void): void;
  /** It has ended, and the device is quiet. */
  ended(): void;
  /** What the next life is to know of the device; undefined when there is nothing. */
  remains?(): Json | undefined;
}

/** A driver that does not start at all is tried for good, but seldom: the machine may be of no use without. */
const policy = {
  restart: 'always',
  firstPause: 50,
  longestPause: 10_000,
  stableLife: 1000,
  mostRestarts: Number.POSITIVE_INFINITY,
  // Others wait for the device, and pauses grow.
  shareAfterFailure: 1,
} as const;
/** Most milliseconds of a turn of the driver's loop. */
const turnLimit = 10_000;
const heapLimit = 32 * 1024 * 1024;
/** Milliseconds that a driver may take to stop its device, when it is replaced, and to start it. */
const stopLimit = 2000;
const startLimit = 30_000;

const all: PlacedDriver[] = [];

/** Drivers of this machine that have isolates of their own, in the order in which they were found. */
export function placedDrivers(): readonly PlacedDriver[] {
  return all;
}

/** What a driver says, or what became of it. */
type DriverNews = DriverMessage | { readonly is: 'ended' | 'late'; readonly report: string };

/** One driver with one device. */
export class PlacedDriver implements ReplaceablePart {
  readonly name: string;
  /** Path of its script in the image. */
  readonly script: string;
  readonly #reset: () => string | undefined;
  readonly #entry: { readonly pathname: string } | string;
  readonly #context: SystemContext;
  readonly #granted: GrantedDevice;
  readonly #listener: PlacedListener;
  readonly #supervisor: Supervisor;
  #isolate: Isolate | undefined;
  #teller: Teller | undefined;
  /** The state that the next life begins with. */
  #state: Pick<DriverArgument, 'state'> = {};
  #isBeingReplaced = false;
  /** handOver() of the version that runs has failed. */
  #isStateLost = false;
  /** Waits for news; takes them by returning true. */
  #awaits: ((news: DriverNews) => void) | undefined;

  /** @throws Error when the device cannot be granted */
  constructor(
    placed: PlacedDevice,
    context: SystemContext,
    name: string,
    listener: PlacedListener,
  ) {
    this.name = name;
    const { entry } = placed;
    this.script = typeof entry === 'string' ? entry : entry.pathname;
    this.#entry = entry;
    this.#reset = placed.reset;
    this.#context = context;
    this.#listener = listener;
    this.#granted = grant(context, placed.device, placed.memory);
    this.#supervisor = isolates().supervise([{ name, start: () => this.#begin() }], {
      ...policy,
      onEvent: (event) => {
        if (event.kind !== 'ended') return;
        const { how, report } = event.ending;
        const [why = ''] = report.split('\n');
        const level = this.#isBeingReplaced ? 'info' : 'warn';
        context.log(level, `${name}: its isolate ${how}${why === '' ? '' : `: ${why}`}`);
        context.log('debug', `${name}: ${report}`);
        this.#awaits?.({ is: 'ended', report: `${how}: ${report}` });
      },
    });
    all.push(this);
    context.parts.push(this);
  }

  /** Starts it, and keeps it going. */
  start(): void {
    this.#supervisor.start();
  }

  /** Ends this life of the driver; another one follows. */
  kill(reason?: string): void {
    this.#isolate?.kill(reason);
  }

  /** Ends this life, which is the last one. */
  stop(): void {
    void this.#supervisor.stop('it is not wanted any more');
  }

  /** What happened so far. */
  status(): SupervisorStatus {
    return this.#supervisor.status();
  }

  /** Takes what the driver says. */
  told(message: DriverMessage): void {
    this.#awaits?.(message);
  }

  // ReplaceablePart

  async handOver(): Promise<State | undefined> {
    if (this.#teller === undefined || this.#isStateLost) return undefined;
    this.#teller.tell({ is: 'handOver' });
    const news = await this.#next(['state', 'stateless'], handoverLimit);
    if (news.is === 'state') return news.state;
    this.#isStateLost = true;
    const what = `handOver() of ${this.name}`;
    if (news.is === 'late') {
      throw new ReloadFailure(`${what} has not ended after ${handoverLimit / 1000} s.`);
    }
    const reason = news.is === 'stateless' ? news.reason : 'report' in news ? news.report : '';
    throw new ReloadFailure(`${what} failed: ${reason}`);
  }

  async replace(state: State | undefined): Promise<void> {
    this.#isBeingReplaced = true;
    try {
      this.#listener.stopping();
      if (this.#teller !== undefined) {
        this.#teller.tell({ is: 'stop' });
        const { is } = await this.#next(['stopped'], stopLimit);
        if (is === 'stopped') await this.#untilTaken();
      }
      this.#state = state === undefined ? {} : { state };
      await this.#startAnew();
      this.#isStateLost = false;
    } finally {
      this.#isBeingReplaced = false;
    }
  }

  async restore(): Promise<void> {
    try {
      await this.#startAnew();
    } catch (error) {
      this.#context.log('error', `${this.name}: ${(error as Error).message}`);
    }
  }

  /** Stops what runs, whatever it does, and starts what is in the script's place. */
  async #startAnew(): Promise<void> {
    await this.#supervisor.stop('it is replaced');
    const started = this.#next(['ready'], startLimit);
    this.#supervisor.start();
    const news = await started;
    if (news.is === 'ready') this.#state = {};
    else if (news.is === 'late') {
      throw new ReloadFailure(`${this.name} has not started after ${startLimit / 1000} s.`);
    } else if ('report' in news) {
      throw new ReloadFailure(`${this.name} does not start: its isolate ${news.report}`);
    }
  }

  /** Waits for what the driver says, or for its end. */
  #next(kinds: readonly DriverMessage['is'][], limit: number): Promise<DriverNews> {
    return new Promise((resolve) => {
      const settle = (news: DriverNews): void => {
        const isAwaited = news.is === 'ended' || news.is === 'late' || kinds.includes(news.is);
        if (!isAwaited) return;
        stop();
        this.#awaits = undefined;
        resolve(news);
      };
      const stop = timer(limit, () => settle({ is: 'late', report: '' }));
      this.#awaits = settle;
    });
  }

  #untilTaken(): Promise<void> {
    return new Promise((resolve) => {
      const stop = timer(stopLimit, resolve);
      this.#listener.stopped(() => {
        stop();
        resolve();
      });
    });
  }

  #begin(): Isolate {
    const problem = this.#reset();
    if (problem !== undefined) throw new Error(problem);
    const remains = this.#listener.remains?.();
    const isolate = isolates().spawn({
      name: this.name,
      entry: this.#entry,
      device: this.#granted,
      heapLimit,
      turnLimit,
      argument: { ...this.#state, ...(remains === undefined ? {} : { remains }) } as Json,
    });
    this.#isolate = isolate;
    this.#teller = this.#listener.started(isolate.channel, this.#granted);
    isolate.onEnded(() => {
      this.#isolate = undefined;
      this.#teller = undefined;
      this.#listener.ended();
    });
    return isolate;
  }
}

/** What logs call a device's place. */
function placeName(device: PlaceableDevice): string {
  if (device instanceof PciFunction) return `PCI ${device.name}`;
  if (!('kind' in device)) return `serial port ${device.number}`;
  return device.kind === 'virtio-mmio' ? `MMIO slot ${device.number}` : legacyPlaces[device.kind];
}

const legacyPlaces = {
  'keyboard-controller': 'the keyboard controller',
  'text-screen': "VGA's text screen",
  framebuffer: "the boot loader's framebuffer",
} as const;

/** Takes a device, to be given away. */
function grant(context: SystemContext, device: PlaceableDevice, memory: number): GrantedDevice {
  if (device instanceof PciFunction) {
    return isolates().grantDevice('function', kernelIndex(context, device), memory);
  }
  const bus = 'kind' in device ? 'platform' : 'serial';
  return isolates().grantDevice(bus, device.number, memory);
}

/** The number that the kernel knows a function by. */
function kernelIndex({ bindings }: SystemContext, { access }: PciFunction): number {
  const count = bindings.device.functionCount();
  for (let index = 0; index < count; index++) {
    const place = bindings.device.functionAt(index, { segment: 0, bus: 0, device: 0, function: 0 });
    if (
      place.segment === access.segment &&
      place.bus === access.bus &&
      place.device === access.device &&
      place.function === access.function
    ) {
      return index;
    }
  }
  throw new Error('the kernel does not know it');
}

/**
 * Starts a driver for each of its devices; one that cannot be started is named in the log.
 * @param make gives the driver of one device; undefined when it is not for this driver after all
 */
export function placeAll<Device extends PlaceableDevice, Made>(
  driver: PlaceableDriver<Device>,
  { platform, log }: SystemContext,
  make: (placed: PlacedDevice<Device>, name: string) => Made | undefined,
): readonly Made[] {
  const made: Made[] = [];
  for (const device of driver.find(platform)) {
    const separator = /\d$/.test(driver.name) ? '-' : '';
    const name = `${driver.name}${separator}${made.length}`;
    try {
      const { entry, memory } = driver;
      const each = make(
        { device, entry, memory, reset: () => driver.reset(platform, device) },
        name,
      );
      if (each === undefined) continue;
      made.push(each);
      log('info', `${name}: at ${placeName(device)}, in an isolate of its own`);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      log('error', `${driver.name}: left out the device at ${placeName(device)}: ${text}`);
    }
  }
  return made;
}
