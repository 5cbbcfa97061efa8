/** The driver for virtio keyboards, each in an isolate of its own: for a screen, as `driver.ts` is. */
import { ownKeyboardDriver } from '@runtimejs/placement/own-keyboard.ts';
import type { ModuleUrl } from '@runtimejs/placement/placed-driver.ts';
import type { KeyboardDriver } from '@runtimejs/system/screen.ts';
import { deviceType } from '@runtimejs/virtio/constants.ts';
import {
  findPlaceable,
  openPlace,
  resetPlace,
  type VirtioPlace,
} from '@runtimejs/virtio/placement.ts';
import { identify } from './driver.ts';

/** The bundler puts the path of a script in the place of such URLs. */
declare const URL: ModuleUrl;

const own: KeyboardDriver = ownKeyboardDriver<VirtioPlace>({
  name: 'virtio-input',
  entry: new URL('./isolate.ts', import.meta.url),
  memory: 64 * 1024,
  find: (platform) => findPlaceable(platform, deviceType.input, 'virtio-input'),
  reset: (platform, place) => resetPlace(platform, place, deviceType.input),
  identify(platform, place) {
    const transport = openPlace(place, deviceType.input);
    if (typeof transport === 'string') throw new Error(transport);
    return identify(platform, transport);
  },
});

/** Starts every virtio keyboard, on PCI and MMIO. */
export const attach: KeyboardDriver['attach'] = own.attach;
