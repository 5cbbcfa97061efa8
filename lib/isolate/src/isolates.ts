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
import { Channels, IsolateChannel } from './channel.ts';
import type {
  GrantedDevice,
  Isolate,
  IsolateUsage,
  ModuleUrl,
  RestartedSpawnOptions,
  SpawnOptions,
  SupervisedIsolate,
} from './options.ts';
import { ReportMaps } from './report.ts';
import { checkShare, niceOf, SpawnedIsolate } from './spawned-isolate.ts';
import type { StartMessage } from './start-message.ts';
import { findStarter, type Starter } from './starter.ts';
import { type ChildSpecification, Supervisor, type SupervisorPolicy } from './supervisor.ts';

export type {
  GrantedDevice,
  Isolate,
  IsolateUsage,
  RestartedSpawnOptions,
  SpawnOptions,
  SupervisedIsolate,
} from './options.ts';

/** RUNTIME_GRANT_* in native/abi/isolate.abi.ts. */
const busNumbers = { function: 0, platform: 1, serial: 2 } as const;
const defaultHeapLimit = 64 * 1024 * 1024;
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
