/**
 * Services as an app in Node may call them, from its main thread and its Workers:
 *
 * ```ts
 * system({ services: [network({ … }), hosted(users, { name: 'users' }), appEndpoints(['users'])] });
 * ```
 */
import type { AppControl, AppExchange } from '@runtimejs/isolate/app-control.ts';
import { isolates } from '@runtimejs/isolate/isolates.ts';
import { connect } from '@runtimejs/rpc/calls/connection.ts';
import type { Channel } from '@runtimejs/rpc/channel.ts';
import type { Service } from '@runtimejs/system/compose.ts';
import { passOn } from '@runtimejs/system/service/serve.ts';
import type { MakePair, Switchboard } from '@runtimejs/system/service/switchboard.ts';

/**
 * Gives the app what it may call.
 * @param names of endpoints
 */
export function appEndpoints(names: readonly string[]): Service {
  return {
    name: 'endpoints of the app',
    start({ switchboard }) {
      const { channels } = isolates();
      channels.onCaller((channel) =>
        serveThread(channel, names, switchboard, () => channels.create()),
      );
      return () => Number.POSITIVE_INFINITY;
    },
  };
}

/**
 * Connects one thread of the app with the endpoints that it asks for, as long as its channel lives.
 * @param names of those that it may have
 * @param pair makes a channel whose ends can go to other isolates
 */
export function serveThread(
  channel: Channel,
  names: readonly string[],
  switchboard: Switchboard,
  pair: MakePair,
): void {
  const demanded = new Map<string, () => void>();
  const { remote, closed } = connect<AppControl, AppExchange>(channel, {
    serve: {
      demand(name) {
        if (!names.includes(name)) {
          throw new RangeError(
            `The composition gives the app no endpoint ${name} (it gives ${names.join(', ') || 'none'}): ` +
              'add it to "endpoints" of runtime.config.ts.',
          );
        }
        if (demanded.has(name)) return;
        const hangUp = switchboard.demand({
          name: 'app',
          isFar: true,
          pair,
          endpoints: [name],
          connected: (each, end) => passOn(end, remote.connected(each, end)),
        });
        demanded.set(name, hangUp);
      },
    },
  });
  void closed.then(() => {
    for (const hangUp of demanded.values()) hangUp();
  });
}
