/** A service in the system isolate, with a name and endpoints from the composition, as it has in an isolate of its own. */
import type { Service, SystemContext, Turn } from '../compose.ts';
import type { State } from '../reload/types.ts';
import { timer } from '../reload/within.ts';
import { Endpoints } from './endpoint.ts';
import { nearPair, serveClient } from './serve.ts';
import type { PlaceableService, ServiceContext } from './types.ts';

/** What the composition says about a service. */
export interface ServiceOptions {
  /** By which it is known, also as an endpoint of others. */
  readonly name: string;
  /** Names of what it may call: other services, `sockets` and `clock`. By default nothing. */
  readonly endpoints?: readonly string[];
  /** Given to it. */
  readonly argument?: State;
}

/** What a service in the system isolate has: more than one elsewhere. */
export type HostedContext = SystemContext & ServiceContext;

/** A service of either kind. */
export type AnyService = PlaceableService | Service;

/** Makes a service for a composition. */
export function hosted(service: AnyService, options: ServiceOptions): Service {
  const { name, endpoints: names = [], argument = null } = options;
  let started: Promise<unknown> = Promise.resolve();
  return {
    name,
    start(context) {
      const { bindings, platform, switchboard } = context;
      const endpoints = new Endpoints(name, names, timer);
      const own: HostedContext = {
        ...context,
        name,
        argument,
        endpoint: (each) => endpoints.get(each),
        now: () => platform.now(),
        wall: () => bindings.clock.wall(),
        random: (into) => bindings.random.fill(into),
        at: (instant, run) => platform.at(instant, run),
      };
      switchboard.demand({
        name,
        isFar: false,
        pair: nearPair,
        endpoints: names,
        connected: (each, channel) => endpoints.connected(each, channel),
      });
      const { start } = service as {
        start(given: HostedContext): Turn | Promise<void> | undefined;
      };
      const turn = start.call(service, own);
      // A start that fails ends this life of the isolate, as an exception does.
      started = Promise.resolve(turn).then(() => {
        switchboard.offer({
          name,
          isFar: false,
          pair: nearPair,
          serve: (channel, client) =>
            serveClient(channel, client, (each) =>
              'serve' in service ? service.serve?.(each) : undefined,
            ),
        });
      });
      return typeof turn === 'function' ? turn : () => Number.POSITIVE_INFINITY;
    },
    stop: () => service.stop?.(),
    ...(service.handOver === undefined ? {} : { handOver: () => service.handOver?.() as State }),
    ...(service.takeOver === undefined
      ? {}
      : {
          takeOver: async (state: State) => {
            await started;
            await service.takeOver?.(state);
          },
        }),
  };
}
