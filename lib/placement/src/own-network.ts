/** Placement of network drivers. */
import type { NetworkDevice, Offloads } from '@runtimejs/net/device.ts';
import type { Platform } from '@runtimejs/platform/platform.ts';
import type { Driver } from '@runtimejs/system/compose.ts';
import { PlacedNetworkDevice } from './network-device.ts';
import { networkMemory } from './network-layout.ts';
import {
  type PlaceableDevice,
  type PlaceableDriver,
  PlacedDriver,
  placeAll,
} from './placed-driver.ts';

/** What a card is like, which the stack knows before the driver runs, and while it does not. */
export interface CardIdentity {
  readonly hardwareAddress: Uint8Array;
  readonly mtu: number;
  readonly offloads: Offloads;
}

/** A network driver that can have an isolate of its own. */
export interface PlaceableNetworkDriver<Device extends PlaceableDevice>
  extends Omit<PlaceableDriver<Device>, 'memory'> {
  /** Tells what a card is like, and leaves it reset. @returns what is wrong with it otherwise */
  identify(platform: Platform, device: Device): CardIdentity | string;
}

/** Makes a driver for a composition that runs each card in an isolate of its own. */
export function ownNetworkDriver<Device extends PlaceableDevice>(
  driver: PlaceableNetworkDriver<Device>,
): Driver<NetworkDevice> {
  const placeable: PlaceableDriver<Device> = {
    name: driver.name,
    entry: driver.entry,
    memory: networkMemory,
    find: (platform) => driver.find(platform),
    reset: (platform, device) => driver.reset(platform, device),
  };
  return {
    attach: (platform, memory, context) =>
      placeAll(placeable, context, (place, name) => {
        const identity = driver.identify(platform, place.device);
        if (typeof identity === 'string') throw new Error(identity);
        const device = new PlacedNetworkDevice(name, identity, memory, context);
        const placed = new PlacedDriver(place, context, name, device);
        device.onViolation = (reason) => placed.kill(reason);
        device.onTold = (message) => placed.told(message);
        placed.start();
        return device;
      }),
  };
}
