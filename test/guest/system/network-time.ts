/** The usual network, and the time of day from a server on the host of QEMU's user network. */
import { system } from '@runtimejs/system/compose.ts';
import { network } from '@runtimejs/system/network.ts';
import { automatic } from '@runtimejs/system/network-automatic.ts';
import { networkTime } from '@runtimejs/system/network-time.ts';
import * as virtioNet from '@runtimejs/virtio-net/driver.ts';

system({
  services: [
    network({
      drivers: [virtioNet],
      configuration: [automatic(), networkTime({ servers: ['10.0.2.2'], port: 21_123 })],
    }),
  ],
});
