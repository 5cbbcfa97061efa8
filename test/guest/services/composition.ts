/** Services in every mix of placements, and the clock set by one that has an isolate of its own. */
import { placedService } from '@runtimejs/placement/services/placed-service.ts';
import { system } from '@runtimejs/system/compose.ts';
import { network } from '@runtimejs/system/network.ts';
import { automatic } from '@runtimejs/system/network-automatic.ts';
import { reloadControl } from '@runtimejs/system/reload/control.ts';
import { clock } from '@runtimejs/system/service/clock.ts';
import { hosted } from '@runtimejs/system/service/hosted.ts';
import { sockets } from '@runtimejs/system/service/sockets/endpoint.ts';
import { terminal } from '@runtimejs/system/terminal.ts';
import * as uart from '@runtimejs/uart/driver.ts';
import * as virtioNet from '@runtimejs/virtio-net/driver.ts';
import lines from './lines.ts';

/** The bundler puts the path of a script in the place of such URLs. */
declare const URL: new (path: string, base: string) => { readonly pathname: string };

const endpoints = ['sockets', 'counter'];

system({
  services: [
    network({
      drivers: [virtioNet],
      configuration: [automatic(), sockets()],
      control: reloadControl(),
    }),
    terminal({ drivers: [uart] }),
    clock(),
    placedService({
      name: 'counter',
      entry: new URL('./counter.isolate.ts', import.meta.url),
      heapLimit: 16 * 1024 * 1024,
      turnLimit: 5000,
    }),
    placedService({
      name: 'placed',
      entry: new URL('./lines.isolate.ts', import.meta.url),
      endpoints,
      argument: { tcp: 8090, udp: 8091 },
    }),
    hosted(lines, { name: 'hosted', endpoints, argument: { tcp: 8092, udp: 8093 } }),
    placedService({
      name: 'sntp',
      entry: new URL('./sntp.isolate.ts', import.meta.url),
      endpoints: ['sockets', 'clock'],
      argument: { servers: ['10.0.2.2'], port: 21_124 },
    }),
    placedService({
      name: 'device',
      entry: new URL('./device.isolate.ts', import.meta.url),
      restart: { firstPause: 50, mostRestarts: 1 },
    }),
  ],
});
