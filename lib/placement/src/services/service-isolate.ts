/**
 * What runs in a service's own isolate:
 *
 * ```ts
 * export default serviceProgram(service);
 * ```
 */
import type { Program } from '@runtimejs/isolate/program.ts';
import { Timer, TimerQueue } from '@runtimejs/net/storage/timers.ts';
import { connect } from '@runtimejs/rpc/calls/connection.ts';
import type { Served } from '@runtimejs/rpc/calls/types.ts';
import type { Turn } from '@runtimejs/system/compose.ts';
import { level } from '@runtimejs/system/console.ts';
import { timer } from '@runtimejs/system/reload/within.ts';
import { Endpoints } from '@runtimejs/system/service/endpoint.ts';
import { serveClient } from '@runtimejs/system/service/serve.ts';
import type { PlaceableService, ServiceContext } from '@runtimejs/system/service/types.ts';
import { bareBindings } from '../driver-isolate.ts';
import { describeUnplaceable, unplaceable } from '../unplaceable.ts';
import type { Beginning, ServiceControl } from './control.ts';

/** Makes the program of a service's isolate. */
export function serviceProgram(service: PlaceableService): Program {
  return ({ channel, name, finish }) => {
    const run = new RunningService(service, name);
    const control = connect<unknown, ServiceControl>(channel, { serve: run.control });
    void control.closed.then(finish);
  };
}

class RunningService {
  readonly control: Served<ServiceControl>;
  readonly #service: PlaceableService;
  readonly #name: string;
  readonly #bindings = bareBindings();
  readonly #timers = new TimerQueue();
  #endpoints: Endpoints | undefined;
  #turn: Turn | undefined;

  constructor(service: PlaceableService, name: string) {
    this.#service = service;
    this.#name = name;
    this.control = {
      begin: (beginning) => this.#begin(beginning),
      connected: (endpoint, channel) => this.#endpoints?.connected(endpoint, channel),
      serve: (client, channel) => serveClient(channel, client, (each) => service.serve?.(each)),
      handOver: async () => JSON.stringify(await service.handOver?.()) as string | undefined,
      takeOver: async (state) => {
        await service.takeOver?.(JSON.parse(state));
      },
      stop: () => service.stop?.(),
    };
    this.#bindings.loop.onTurn(() => this.#takeTurn());
  }

  async #begin({ argument, endpoints, inherited }: Beginning): Promise<void> {
    const { clock, log, loop, random } = this.#bindings;
    const given = new Endpoints(this.#name, endpoints, timer);
    this.#endpoints = given;
    const context: ServiceContext = {
      name: this.#name,
      argument: JSON.parse(argument),
      endpoint: (each) => given.get(each),
      now: () => clock.now(),
      wall: () => clock.wall(),
      random: (into) => random.fill(into),
      at: (instant, run) => {
        const set = new Timer(run);
        this.#timers.set(set, instant);
        loop.again(); // it may have been asked already until when it may sleep
        return () => this.#timers.remove(set);
      },
      log: (atLevel, text) => log.write(level[atLevel], text),
    };
    this.#refuseOthers(context);
    try {
      const turn = await this.#service.start(context);
      if (typeof turn === 'function') this.#turn = turn;
      loop.again();
      if (inherited !== undefined) await this.#service.takeOver?.(JSON.parse(inherited));
    } catch (error) {
      // It ends this isolate, whose report then has the stack.
      timer(0, () => {
        throw error;
      });
      throw error;
    }
  }

  /** Whoever asks for what there is in the system isolate only learns what to do. */
  #refuseOthers(context: ServiceContext): void {
    for (const name of Object.keys(unplaceable)) {
      Object.defineProperty(context, name, {
        get: () => {
          throw new TypeError(describeUnplaceable(this.#name, name));
        },
      });
    }
  }

  #takeTurn(): number {
    const timers = this.#timers;
    if (timers.next !== Number.POSITIVE_INFINITY) timers.run(this.#bindings.clock.now());
    return Math.min(this.#turn?.() ?? Number.POSITIVE_INFINITY, timers.next);
  }
}
