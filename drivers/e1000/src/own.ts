/** The driver for Intel 8254x network cards, each in an isolate of its own: for a composition, as `driver.ts` is. */
import type { NetworkDevice } from '@runtimejs/net/device.ts';
import type { PciFunction } from '@runtimejs/pci/function.ts';
import { ownNetworkDriver, type PlaceableNetworkDriver } from '@runtimejs/placement/own-network.ts';
import type { ModuleUrl } from '@runtimejs/placement/placed-driver.ts';
import type { Driver } from '@runtimejs/system/compose.ts';
import { identify, openCard } from './device.ts';
import { findCards } from './driver.ts';

/** The bundler puts the path of a script in the place of such URLs. */
declare const URL: ModuleUrl;

/** What the system isolate knows of it. */
export const placeable: PlaceableNetworkDriver<PciFunction> = {
  name: 'e1000',
  entry: new URL('./isolate.ts', import.meta.url),
  find: findCards,
  reset: (platform, pciFunction) => {
    const card = openCard(platform, pciFunction);
    return typeof card === 'string' ? card : undefined;
  },
  identify,
};

/** Starts every such card. */
export const attach: Driver<NetworkDevice>['attach'] = ownNetworkDriver(placeable).attach;
