/** A service in the system isolate and one in an isolate of its own, both of which the app in Node may call. */
import { appEndpoints } from '@runtimejs/placement/services/app-endpoints.ts';
import { placedService } from '@runtimejs/placement/services/placed-service.ts';
import { system } from '@runtimejs/system/compose.ts';
import { network } from '@runtimejs/system/network.ts';
import { hosted } from '@runtimejs/system/service/hosted.ts';
import { terminal } from '@runtimejs/system/terminal.ts';
import * as uart from '@runtimejs/uart/driver.ts';
import counter from './counter.ts';

/** The bundler puts the path of a script in the place of such URLs. */
declare const URL: new (path: string, base: string) => { readonly pathname: string };

system({
  services: [
    network({ drivers: [], configuration: [] }),
    terminal({ drivers: [uart] }),
    hosted(counter, { name: 'shared' }),
    placedService({
      name: 'own',
      entry: new URL('./counter.isolate.ts', import.meta.url),
    }),
    appEndpoints(['shared', 'own']),
  ],
});
