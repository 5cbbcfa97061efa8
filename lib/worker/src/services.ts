/** Services beside a bare app, and what the app may call of them. */
import type { Remote } from '@runtimejs/rpc/calls/types.ts';
import type { Service, SystemContext } from '@runtimejs/system/compose.ts';
import { timer } from '@runtimejs/system/reload/within.ts';
import { Endpoints } from '@runtimejs/system/service/endpoint.ts';
import { nearPair } from '@runtimejs/system/service/serve.ts';
import type { SocketNetwork } from '@runtimejs/system/service/sockets/host.ts';

/** What a bare app gets beside the request and the variables. */
export interface AppContext {
  /**
   * Something that a service offers, by RPC: see ServiceContext.endpoint().
   * @throws RangeError when the config does not name it for the app
   */
  readonly endpoint: <Interface>(name: string) => Remote<Interface>;
}

/** What the config of a bare app says beside the app itself. */
export interface AppParts {
  readonly services: readonly Service[];
  /** Names of what the app may call. */
  readonly endpoints: readonly string[];
  /** What the network offers to services. */
  readonly configuration: readonly ((network: SocketNetwork, context: SystemContext) => void)[];
}

/** What AppParts come to when the app shares its realm with them. */
export interface ConnectedApp {
  readonly parts: AppParts;
  readonly context: AppContext;
}

/** Gives the app what it may call. */
export function connectApp(parts: AppParts): ConnectedApp {
  const { endpoints, services } = parts;
  const given = new Endpoints('the app', endpoints, timer);
  const client: Service = {
    name: 'app',
    start: ({ switchboard }) => {
      switchboard.demand({
        name: 'app',
        isFar: false,
        pair: nearPair,
        endpoints,
        connected: (name, channel) => given.connected(name, channel),
      });
      return () => Number.POSITIVE_INFINITY;
    },
  };
  return {
    parts: { ...parts, services: [...services, client] },
    context: { endpoint: (name) => given.get(name) },
  };
}
