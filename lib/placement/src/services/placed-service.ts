/**
 * A service in an isolate of its own, as the system isolate keeps it going: it starts the isolate, and anew when it
 * has ended, whatever the reason, with pauses that grow; and it connects it with those whom the composition names.
 *
 * ```ts
 * system({
 *   services: [
 *     network({ …, configuration: [automatic(), sockets()] }),
 *     placedService({
 *       name: 'echo',
 *       entry: new URL('./echo.isolate.ts', import.meta.url), // export default serviceProgram(echo);
 *       endpoints: ['sockets'],
 *     }),
 *   ],
 * });
 * ```
 */
import { type Isolate, isolates, type SupervisedIsolate } from '@runtimejs/isolate/isolates.ts';
import type {
  Supervisor,
  SupervisorEvent,
  SupervisorPolicy,
  SupervisorStatus,
} from '@runtimejs/isolate/supervisor.ts';
import { type Connection, connect } from '@runtimejs/rpc/calls/connection.ts';
import type { Service, SystemContext, Turn } from '@runtimejs/system/compose.ts';
import type { ReplaceablePart, State } from '@runtimejs/system/reload/types.ts';
import { handoverLimit, ReloadFailure, timer, within } from '@runtimejs/system/reload/within.ts';
import type { ServiceOptions } from '@runtimejs/system/service/hosted.ts';
import { passOn } from '@runtimejs/system/service/serve.ts';
import type { ServiceControl } from './control.ts';

/** What the composition says about a service that has an isolate of its own. */
export interface PlacedServiceOptions extends ServiceOptions {
  /** The program of the isolate: a module whose default export serviceProgram() has made. */
  readonly entry: { readonly pathname: string } | string;
  /** Most bytes of its heap and of its ArrayBuffers. By default 64 MiB. */
  readonly heapLimit?: number;
  /** Its share of a processor where others want it, too: see SpawnOptions. By default 1. */
  readonly cpuShare?: number;
  /** Most milliseconds that a turn of its event loop may take. By default 10,000. */
  readonly turnLimit?: number;
  /** When it is started anew, and with which pauses. By default always: after 100 ms, which doubles up to 30 s. */
  readonly restart?: Omit<SupervisorPolicy, 'strategy' | 'onEvent'>;
}

const policy = { restart: 'always', mostRestarts: Number.POSITIVE_INFINITY } as const;
const defaultTurnLimit = 10_000;
/** Milliseconds that a service may take to start, with takeOver(), and to stop when it is replaced. */
const startLimit = 60_000;
const stopLimit = 2000;
/** Likewise, when the system isolate is replaced: its isolate starts meanwhile. */
const takeOverLimit = 45_000;

const all: PlacedService[] = [];

/** Services of this machine that have isolates of their own, in the order of their start. */
export function placedServices(): readonly PlacedService[] {
  return all;
}

/** Makes a service for a composition. */
export function placedService(options: PlacedServiceOptions): PlacedService {
  return new PlacedService(options);
}

/** One life of a service. */
interface ServiceLife {
  readonly isolate: Isolate;
  readonly control: Connection<ServiceControl>;
  /** Settles when the service runs, or does not. */
  readonly begun: Promise<void>;
}

/** See the top of the file. */
export class PlacedService implements Service, ReplaceablePart {
  readonly name: string;
  /** Path of its script in the image. */
  readonly script: string;
  readonly takeOverLimit = takeOverLimit;
  readonly #options: PlacedServiceOptions;
  #context: SystemContext | undefined;
  #supervisor: Supervisor | undefined;
  #life: ServiceLife | undefined;
  /** What the next life begins with, as JSON. */
  #inherited: string | undefined;
  #isBeingReplaced = false;
  /** handOver() of the version that runs has failed. */
  #isStateLost = false;
  /** Waits until a life runs, or has ended. */
  #awaits: ((problem: string | undefined) => void) | undefined;

  constructor(options: PlacedServiceOptions) {
    const { name, entry } = options;
    this.name = name;
    this.script = typeof entry === 'string' ? entry : entry.pathname;
    this.#options = options;
  }

  /** Ends this life of the service; another one follows. */
  kill(reason?: string): void {
    this.#life?.isolate.kill(reason);
  }

  /** What happened so far; undefined before the start. */
  status(): SupervisorStatus | undefined {
    return this.#supervisor?.status();
  }

  // Service

  start(context: SystemContext): Turn {
    this.#context = context;
    const child: SupervisedIsolate = {
      name: this.name,
      options: () => {
        const { entry, heapLimit, cpuShare, turnLimit = defaultTurnLimit } = this.#options;
        return {
          entry,
          turnLimit,
          ...(heapLimit === undefined ? {} : { heapLimit }),
          ...(cpuShare === undefined ? {} : { cpuShare }),
        };
      },
      started: (isolate) => this.#started(isolate, context),
    };
    this.#supervisor = isolates().supervise([child], {
      ...policy,
      ...this.#options.restart,
      onEvent: (event) => this.#happened(event, context),
    });
    all.push(this);
    context.parts.push(this);
    context.log('info', `${this.name}: in an isolate of its own`);
    this.#supervisor.start();
    return () => Number.POSITIVE_INFINITY;
  }

  /** For the reload of the system isolate, which ends this isolate, too. */
  async takeOver(state: State): Promise<void> {
    const life = this.#life;
    if (life === undefined) throw new ReloadFailure(`${this.name} has not started.`);
    await life.begun;
    await life.control.remote.takeOver(JSON.stringify(state));
  }

  stop(): void {
    this.#life?.control.remote.stop().catch(() => {});
  }

  // ReplaceablePart, and Service

  async handOver(): Promise<State> {
    const life = this.#life;
    const nothing = undefined as unknown as State; // a Service without a state has no handOver()
    if (life === undefined || this.#isStateLost) return nothing;
    this.#isStateLost = true;
    const what = `handOver() of ${this.name}`;
    const text = await within(what, timer, handoverLimit, () => life.control.remote.handOver());
    this.#isStateLost = false;
    return text === undefined ? nothing : JSON.parse(text);
  }

  async replace(state: State | undefined): Promise<void> {
    this.#isBeingReplaced = true;
    try {
      const life = this.#life;
      if (life !== undefined) {
        const stopped = within('stop()', timer, stopLimit, () => life.control.remote.stop());
        await stopped.catch((error: Error) => this.#log('warn', error.message));
      }
      this.#inherited = state === undefined ? undefined : JSON.stringify(state);
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
      this.#log('error', (error as Error).message);
    }
  }

  /** Stops what runs, whatever it does, and starts what is in the script's place. */
  async #startAnew(): Promise<void> {
    const supervisor = this.#supervisor as Supervisor;
    await supervisor.stop('it is replaced');
    const started = new Promise<string | undefined>((resolve) => {
      this.#awaits = resolve;
    });
    supervisor.start();
    const problem = await started;
    if (problem !== undefined) {
      throw new ReloadFailure(`${this.name} does not start: its isolate ${problem}`);
    }
    this.#inherited = undefined;
  }

  /** A life begins. */
  #started(isolate: Isolate, { switchboard }: SystemContext): void {
    const { name, argument = null, endpoints = [] } = this.#options;
    const control = connect<ServiceControl>(isolate.channel);
    const { remote } = control;
    const inherited = this.#inherited;
    const begun = remote.begin({
      argument: JSON.stringify(argument),
      endpoints,
      ...(inherited === undefined ? {} : { inherited }),
    });
    const life: ServiceLife = { isolate, control, begun };
    this.#life = life;
    const party = { name, isFar: true, pair: () => isolates().channels.create() } as const;
    const hangUp = switchboard.demand({
      ...party,
      endpoints,
      connected: (each, channel) => passOn(channel, remote.connected(each, channel)),
    });
    let withdraw = (): void => {};
    const stopWaiting = timer(startLimit, () =>
      isolate.kill(`it has not started after ${startLimit / 1000} s`),
    );
    begun.then(
      () => {
        stopWaiting();
        if (this.#life !== life) return;
        withdraw = switchboard.offer({
          ...party,
          serve: (channel, client) => passOn(channel, remote.serve(client, channel)),
        });
        this.#settle(undefined);
      },
      () => {}, // its end says why
    );
    isolate.onEnded(() => {
      stopWaiting();
      hangUp();
      withdraw();
      if (this.#life === life) this.#life = undefined;
    });
  }

  #happened(event: SupervisorEvent, { log }: SystemContext): void {
    if (event.kind === 'pausing') {
      log('info', `${this.name}: starts again after ${event.milliseconds} ms`);
    } else if (event.kind === 'gave-up') {
      log('error', `${this.name}: is not started any more: ${event.reason}`);
    } else if (event.kind === 'ended') {
      const { how, report } = event.ending;
      const [why = ''] = report.split('\n');
      log(
        this.#isBeingReplaced ? 'info' : 'warn',
        `${this.name}: its isolate ${how}${why === '' ? '' : `: ${why}`}`,
      );
      log('debug', `${this.name}: ${report}`);
      this.#settle(`${how}: ${report}`);
    }
  }

  #settle(problem: string | undefined): void {
    const settle = this.#awaits;
    this.#awaits = undefined;
    settle?.(problem);
  }

  #log(atLevel: 'warn' | 'error', text: string): void {
    this.#context?.log(atLevel, `${this.name}: ${text}`);
  }
}
