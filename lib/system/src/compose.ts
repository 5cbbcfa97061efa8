/**
 * A composition says what runs in the system isolate: drivers and services. Nothing runs, and nothing is
 * in the bundle, that it does not import.
 *
 * ```ts
 * import * as virtioNet from '@runtimejs/virtio-net/driver.ts';
 * import { system } from '@runtimejs/system/compose.ts';
 * import { network } from '@runtimejs/system/network.ts';
 * import { automatic } from '@runtimejs/system/network-automatic.ts';
 *
 * system({ services: [network({ drivers: [virtioNet], configuration: [automatic()] })] });
 * ```
 */
import type { LogLevel } from '@runtimejs/net/environment.ts';
import type { Memory } from '@runtimejs/net/memory.ts';
import type { Platform } from '@runtimejs/platform/platform.ts';
import { level } from './console.ts';
import type { SystemBindings } from './generated/bindings.d.ts';
import { prepareIsolate } from './isolate.ts';
import { createMemory } from './memory.ts';
import { createPlatform, type GuestPlatform } from './platform.ts';
import { beginLife, type Life } from './reload/life.ts';
import type { Reloadable, ReplaceablePart } from './reload/types.ts';
import { Switchboard } from './service/switchboard.ts';

/** What drivers and services work with. */
export interface SystemContext {
  readonly bindings: SystemBindings;
  readonly platform: Platform;
  /** The arena, which DMA memory is part of. */
  readonly memory: Memory;
  /** All services of the composition. */
  readonly services: readonly Service[];
  /** What has an isolate of its own with a script that can be replaced; who starts such a part adds it. */
  readonly parts: ReplaceablePart[];
  /** Brings services together with those who may call them. */
  readonly switchboard: Switchboard;
  /** This life of the isolate; undefined while services are started. */
  readonly life: () => Life | undefined;
  log(atLevel: LogLevel, text: string): void;
}

/** A driver: the module that its package exports as `driver.ts`. */
export interface Driver<Device> {
  /** Starts every device of its kind; problems with one device are logged, and it is left out. */
  attach(platform: Platform, memory: Memory, context: SystemContext): readonly Device[];
}

/**
 * What a service does in each turn of the event loop.
 * @returns until when the isolate may sleep, on clock.now(): Infinity, or a time that has come to go on
 */
export type Turn = () => number;

/** Something that runs as long as the machine does, or until it is replaced. */
export interface Service extends Reloadable {
  /** For the log; the version that replaces it is known by the same name. */
  readonly name: string;
  /** Starts it; an exception ends this life of the isolate. */
  start(context: SystemContext): Turn;
  /** Ends it: after handOver(), a moment before the isolate ends to be replaced. */
  stop?(): void;
}

/** What runs. */
export interface Composition {
  /** Drivers of devices that work by themselves, such as entropy sources. */
  readonly drivers?: readonly Driver<unknown>[];
  readonly services?: readonly Service[];
}

/** Runs a composition. Once per isolate; everything else happens in the turns of the event loop. */
export function system(composition: Composition): void {
  const bindings = prepareIsolate();
  bindings.isolate.becomeFrozen();
  const log = (atLevel: LogLevel, text: string): void => bindings.log.write(level[atLevel], text);
  const services = composition.services ?? [];
  let life: Life | undefined;
  const context = createContext(bindings, log, services, () => life);
  if (context !== undefined) {
    const turns = services.map((service) => service.start(context));
    for (const driver of composition.drivers ?? []) attachDriver(driver, context);
    bindings.loop.onTurn(createTurn(context.platform, turns));
    life = beginLife(bindings, services);
  }
  const took = Number(bindings.clock.monotonic() - bindings.isolate.startedAt()) / 1e6;
  log('debug', `isolate: started in ${took.toFixed(1)} ms`);
}

/** Attaches to the kernel's broker; undefined, and a line in the log, when there is none. */
function createContext(
  bindings: SystemBindings,
  log: SystemContext['log'],
  services: readonly Service[],
  life: SystemContext['life'],
): (SystemContext & { readonly platform: GuestPlatform }) | undefined {
  try {
    const memory = createMemory(bindings);
    const platform = createPlatform(bindings);
    return {
      bindings,
      memory,
      platform,
      services,
      parts: [],
      switchboard: new Switchboard(),
      life,
      log,
    };
  } catch (error) {
    log('error', `No drivers and no network: the kernel gives no shared memory (${error})`);
    return undefined;
  }
}

/** Starts a driver's devices. @returns none when it fails as a whole, which is logged */
export function attachDriver<Device>(
  driver: Driver<Device>,
  context: SystemContext,
): readonly Device[] {
  const { platform, memory, log } = context;
  try {
    return driver.attach(platform, memory, context);
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    log('error', `A driver failed to start: ${text}`);
    return [];
  }
}

/** A turn of the loop: interrupts and timers of drivers, then each service. */
function createTurn(platform: GuestPlatform, turns: readonly Turn[]): Turn {
  return () => {
    platform.turn();
    let deadline = Number.POSITIVE_INFINITY;
    for (let index = 0; index < turns.length; index++) {
      deadline = Math.min(deadline, (turns[index] as Turn)());
    }
    return Math.min(deadline, platform.nextDeadline());
  };
}
