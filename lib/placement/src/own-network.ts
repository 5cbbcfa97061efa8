/** Placement of network drivers. */
import type { NetworkDevice, Offloads } from '@runtimejs/net/device.ts';
import type { PciFunction } from '@runtimejs/pci/function.ts';
import type { Platform } from '@runtimejs/platform/platform.ts';
import type { Driver } from '@runtimejs/system/compose.ts';
import { PlacedNetworkDevice } from './network-device.ts';
import { networkMemory } from './network-layout.ts';
import { type PlaceableDriver, PlacedDriver, placeAll } from './placed-driver.ts';

/** What a card is like, which the stack knows before the driver runs, and while it does not. */
export interface CardIdentity {
  readonly hardwareAddress: Uint8Array;
  readonly mtu: number;
  readonly offloads: Offloads;
}

/** A network driver that can have an isolate of its own. */
export interface PlaceableNetworkDriver extends Omit<PlaceableDriver, 'memory'> {
  /** Tells what a card is like, and leaves it reset. @returns what is wrong with it otherwise */
  identify(platform: Platform, device: PciFunction): CardIdentity | string;
}

/** Makes a driver for a composition that runs each card in an isolate of its own. */
export function ownNetworkDriver(driver: PlaceableNetworkDriver): Driver<NetworkDevice> {
  const placeable: PlaceableDriver = {
    name: driver.name,
    entry: driver.entry,
    memory: networkMemory,
    find: (platform) => driver.find(platform),
    reset: (platform, device) => driver.reset(platform, device),
  };
  return {
    attach: (platform, memory, context) =>
      placeAll(placeable, context, (function_, name) => {
        const identity = driver.identify(platform, function_);
        if (typeof identity === 'string') throw new Error(identity);
        const device = new PlacedNetworkDevice(name, identity, memory, context);
        const placed = new PlacedDriver(placeable, context, function_, name, device);
        device.onViolation = (reason) => placed.kill(reason);
        device.onTold = (message) => placed.told(message);
        placed.start();
        return device;
      }),
  };
}
