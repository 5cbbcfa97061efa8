/**
 * The composition that runs when the app brings none: cards of virtio and Intel's e1000, configured by
 * DHCP and by IPv6's autoconfiguration, and virtio's entropy source.
 *
 * It runs in a bare V8 isolate on a thread of its own. There is no Node: nothing but ECMAScript,
 * timers, and the bindings that native/abi/bindings.abi.ts declares, which the host provides as the
 * global `runtime`. When an exception escapes, the host reports it and starts the isolate anew; the
 * app runs on.
 */
import * as e1000 from '@runtimejs/e1000/driver.ts';
import * as bochs from '@runtimejs/framebuffer/bochs.ts';
import * as framebuffer from '@runtimejs/framebuffer/driver.ts';
import * as ps2 from '@runtimejs/ps2/driver.ts';
import * as uart from '@runtimejs/uart/driver.ts';
import * as vga from '@runtimejs/vga/driver.ts';
import * as virtioConsole from '@runtimejs/virtio-console/driver.ts';
import * as virtioGpu from '@runtimejs/virtio-gpu/driver.ts';
import * as virtioInput from '@runtimejs/virtio-input/driver.ts';
import * as virtioNet from '@runtimejs/virtio-net/driver.ts';
import * as virtioRng from '@runtimejs/virtio-rng/driver.ts';
import { system } from './compose.ts';
import { network } from './network.ts';
import { automatic } from './network-automatic.ts';
import { screen } from './screen.ts';
import { terminal } from './terminal.ts';

system({
  drivers: [virtioRng],
  services: [
    network({ drivers: [virtioNet, e1000], configuration: [automatic()] }),
    terminal({
      drivers: [
        uart,
        virtioConsole,
        screen({
          displays: [vga, framebuffer, bochs, virtioGpu],
          keyboards: [ps2, virtioInput],
        }),
      ],
    }),
  ],
});
