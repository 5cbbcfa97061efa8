/**
 * A driver in an isolate of its own, as the system isolate keeps it going: it grants the device, starts the
 * isolate, and starts it anew when it has ended, whatever the reason, with pauses that grow.
 */
import { type GrantedDevice, type Isolate, isolates } from '@runtimejs/isolate/isolates.ts';
import type { Supervisor, SupervisorStatus } from '@runtimejs/isolate/supervisor.ts';
import type { PciFunction } from '@runtimejs/pci/function.ts';
import type { Platform } from '@runtimejs/platform/platform.ts';
import type { Channel } from '@runtimejs/rpc/channel.ts';
import type { SystemContext } from '@runtimejs/system/compose.ts';

declare global {
  interface ImportMeta {
    url: string;
  }
}

/** Where there is no `URL`, the type of its constructor for entries: `declare const URL: ModuleUrl`. */
export type ModuleUrl = new (path: string, base: string) => { readonly pathname: string };

/** What is known of a driver that can have an isolate of its own. */
export interface PlaceableDriver {
  /** For logs and lists, such as `virtio-rng`. */
  readonly name: string;
  /** The program of the isolate: `new URL('./isolate.ts', import.meta.url)`. */
  readonly entry: { readonly pathname: string } | string;
  /** Bytes of memory that isolate and device have in common. */
  readonly memory: number;
  /** Finds its devices; none is touched. */
  find(platform: Platform): readonly PciFunction[];
  /** Resets a device that nobody drives. @returns what went wrong */
  reset(platform: Platform, device: PciFunction): string | undefined;
}

/** Who is told about lives. */
export interface PlacedListener {
  /** A life has begun. @param channel leads to the driver; @param granted what it has */
  started(channel: Channel, granted: GrantedDevice): void;
  /** It has ended, and the device is quiet. */
  ended(): void;
}

/** A driver that does not start at all is tried for good, but seldom: the machine may be of no use without. */
const policy = {
  restart: 'always',
  firstPause: 50,
  longestPause: 10_000,
  stableLife: 1000,
  mostRestarts: Number.POSITIVE_INFINITY,
} as const;
/** Most milliseconds of a turn of the driver's loop. */
const turnLimit = 10_000;
const heapLimit = 32 * 1024 * 1024;

const all: PlacedDriver[] = [];

/** Drivers of this machine that have isolates of their own, in the order in which they were found. */
export function placedDrivers(): readonly PlacedDriver[] {
  return all;
}

/** One driver with one device. */
export class PlacedDriver {
  readonly name: string;
  readonly #driver: PlaceableDriver;
  readonly #context: SystemContext;
  readonly #device: PciFunction;
  readonly #granted: GrantedDevice;
  readonly #listener: PlacedListener;
  readonly #supervisor: Supervisor;
  #isolate: Isolate | undefined;

  /** @throws Error when the device cannot be granted */
  constructor(
    driver: PlaceableDriver,
    context: SystemContext,
    device: PciFunction,
    name: string,
    listener: PlacedListener,
  ) {
    this.name = name;
    this.#driver = driver;
    this.#context = context;
    this.#device = device;
    this.#listener = listener;
    this.#granted = isolates().grantDevice(kernelIndex(context, device), driver.memory);
    this.#supervisor = isolates().supervise([{ name, start: () => this.#begin() }], {
      ...policy,
      onEvent: (event) => {
        if (event.kind !== 'ended') return;
        const { how, report } = event.ending;
        const [why = ''] = report.split('\n');
        context.log('warn', `${name}: its isolate ${how}${why === '' ? '' : `: ${why}`}`);
        context.log('debug', `${name}: ${report}`);
      },
    });
    all.push(this);
  }

  /** Starts it, and keeps it going. */
  start(): void {
    this.#supervisor.start();
  }

  /** Ends this life of the driver; another one follows. */
  kill(reason?: string): void {
    this.#isolate?.kill(reason);
  }

  /** What happened so far. */
  status(): SupervisorStatus {
    return this.#supervisor.status();
  }

  #begin(): Isolate {
    const problem = this.#driver.reset(this.#context.platform, this.#device);
    if (problem !== undefined) throw new Error(problem);
    const isolate = isolates().spawn({
      name: this.name,
      entry: this.#driver.entry,
      device: this.#granted,
      heapLimit,
      turnLimit,
    });
    this.#isolate = isolate;
    this.#listener.started(isolate.channel, this.#granted);
    isolate.onEnded(() => {
      this.#isolate = undefined;
      this.#listener.ended();
    });
    return isolate;
  }
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
 * @param make gives the driver of one device
 */
export function placeAll<Made>(
  driver: PlaceableDriver,
  { platform, log }: SystemContext,
  make: (device: PciFunction, name: string) => Made,
): readonly Made[] {
  const made: Made[] = [];
  for (const device of driver.find(platform)) {
    const name = `${driver.name}${made.length}`;
    try {
      made.push(make(device, name));
      log('info', `${name}: at PCI ${device.name}, in an isolate of its own`);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      log('error', `${driver.name}: left out the device at PCI ${device.name}: ${text}`);
    }
  }
  return made;
}
