/** The driver for virtio network cards, each in an isolate of its own: for a composition, as `driver.ts` is. */
import type { NetworkDevice } from '@runtimejs/net/device.ts';
import { ownNetworkDriver, type PlaceableNetworkDriver } from '@runtimejs/placement/own-network.ts';
import type { ModuleUrl } from '@runtimejs/placement/placed-driver.ts';
import type { Driver } from '@runtimejs/system/compose.ts';
import { deviceType } from '@runtimejs/virtio/constants.ts';
import {
  findPlaceable,
  openPlace,
  resetPlace,
  type VirtioPlace,
} from '@runtimejs/virtio/placement.ts';
import { identify } from './device.ts';

/** The bundler puts the path of a script in the place of such URLs. */
declare const URL: ModuleUrl;

/** What the system isolate knows of it. */
export const placeable: PlaceableNetworkDriver<VirtioPlace> = {
  name: 'virtio-net',
  entry: new URL('./isolate.ts', import.meta.url),
  find: (platform) => findPlaceable(platform, deviceType.network, 'virtio-net'),
  reset: (platform, place) => resetPlace(platform, place, deviceType.network),
  identify: (platform, place) => {
    const transport = openPlace(place, deviceType.network);
    return typeof transport === 'string' ? transport : identify(platform, transport);
  },
};

/** Starts every virtio network card, on PCI and MMIO. */
export const attach: Driver<NetworkDevice>['attach'] = ownNetworkDriver(placeable).attach;
