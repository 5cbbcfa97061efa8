/** The driver for virtio entropy sources, each in an isolate of its own: for a composition, as `driver.ts` is. */
import { ownDriver } from '@runtimejs/placement/own-driver.ts';
import type { ModuleUrl, PlacedDriver } from '@runtimejs/placement/placed-driver.ts';
import type { Driver } from '@runtimejs/system/compose.ts';
import { deviceType } from '@runtimejs/virtio/constants.ts';
import { findPlaceable, resetPlace, type VirtioPlace } from '@runtimejs/virtio/placement.ts';

/** The bundler puts the path of a script in the place of such URLs. */
declare const URL: ModuleUrl;

const own: Driver<PlacedDriver> = ownDriver<VirtioPlace>({
  name: 'virtio-rng',
  entry: new URL('./isolate.ts', import.meta.url),
  memory: 64 * 1024,
  find: (platform) => findPlaceable(platform, deviceType.entropy, 'virtio-rng'),
  reset: (platform, place) => resetPlace(platform, place, deviceType.entropy),
});

/** Starts every virtio entropy source, on PCI and MMIO. */
export const attach: Driver<PlacedDriver>['attach'] = own.attach;
