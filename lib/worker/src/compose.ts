/** What a bare app runs on: the drivers, and the server on its network. */
import * as e1000 from '@runtimejs/e1000/driver.ts';
import { system } from '@runtimejs/system/compose.ts';
import type { Console } from '@runtimejs/system/console.ts';
import * as virtioNet from '@runtimejs/virtio-net/driver.ts';
import * as virtioRng from '@runtimejs/virtio-rng/driver.ts';
import { type Listener, serve } from './network.ts';
import type { AppParts } from './services.ts';

/**
 * Starts it, and says where the app can be reached.
 * @param app its server
 * @param others more servers, which nobody is told of
 * @param parts services beside it
 */
export function compose(
  app: Listener,
  others: readonly Listener[] = [],
  parts: Pick<AppParts, 'services' | 'configuration'> = { services: [], configuration: [] },
): void {
  const { console } = globalThis as unknown as { readonly console: Console };
  system({
    drivers: [virtioRng],
    services: [
      serve({
        listeners: [app, ...others],
        drivers: [virtioNet, e1000],
        configuration: parts.configuration,
        listening: (lines) =>
          console.log(
            [`Listening on port ${app.port}:`, ...lines.map((line) => `  ${line}`)].join('\n'),
          ),
      }),
      ...parts.services,
    ],
  });
}
