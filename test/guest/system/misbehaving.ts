/**
 * A composition whose drivers have isolates of their own, and whose network's driver, or the system isolate itself,
 * fails when the app sends a datagram that asks for it.
 */
import { DeviceDecorator } from '@runtimejs/net/device-decorator.ts';
import type { Packet } from '@runtimejs/net/packet.ts';
import { ownNetworkDriver } from '@runtimejs/placement/own-network.ts';
import { system } from '@runtimejs/system/compose.ts';
import { network } from '@runtimejs/system/network.ts';
import { automatic } from '@runtimejs/system/network-automatic.ts';
import { placeable } from '@runtimejs/virtio-net/own.ts';
import * as virtioRng from '@runtimejs/virtio-rng/own.ts';
import { faultIn } from './fault-in.ts';

const driver = ownNetworkDriver({
  ...placeable,
  entry: new URL('../placement/misbehaving-isolate.ts', import.meta.url),
});

system({
  drivers: [virtioRng],
  services: [
    network({
      drivers: [driver],
      configuration: [automatic()],
      capture: ({ memory }) => ({
        wrap: (device) =>
          new (class extends DeviceDecorator {
            override transmit(packet: Packet): void {
              if (faultIn(memory, packet) === 'system') throw new Error('the system was to fail');
              super.transmit(packet);
            }
          })(device),
        publish: () => {},
      }),
    }),
  ],
});
